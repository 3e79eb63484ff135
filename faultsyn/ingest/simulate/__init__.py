"""Rigs that need no download: recordings made from physics, with the truth known."""

from faultsyn.ingest.simulate.bearing import LABELS, BearingRig, simulate_bearing
from faultsyn.ingest.simulate.hydraulic import HYDRAULIC_LABELS, HydraulicRig, simulate_hydraulic
from faultsyn.ingest.simulate.machines import (
    MACHINE_LABELS,
    MachinePark,
    machine_windows,
    simulate_machines,
)
from faultsyn.ingest.simulate.rigs import KINDS, recordings_of

__all__ = [
    "HYDRAULIC_LABELS",
    "KINDS",
    "LABELS",
    "MACHINE_LABELS",
    "BearingRig",
    "HydraulicRig",
    "MachinePark",
    "machine_windows",
    "recordings_of",
    "simulate_bearing",
    "simulate_hydraulic",
    "simulate_machines",
]
