"""Rigs that need no download: recordings made from physics, with the truth known."""

from faultsyn.ingest.simulate.bearing import LABELS, BearingRig, simulate_bearing

__all__ = ["LABELS", "BearingRig", "simulate_bearing"]
