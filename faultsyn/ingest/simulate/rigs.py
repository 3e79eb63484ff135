"""The rigs by name."""

from __future__ import annotations

from collections.abc import Iterator

from faultsyn.errors import InputError
from faultsyn.ingest.simulate.bearing import LABELS, BearingRig, simulate_bearing
from faultsyn.ingest.simulate.hydraulic import HydraulicRig, simulate_hydraulic
from faultsyn.ingest.simulate.hydraulic_model import CYCLE_S
from faultsyn.ingest.simulate.machines import MACHINE_LABELS, MachinePark, simulate_machines
from faultsyn.store import Recording

KINDS = ("bearing", "machines", "hydraulic")
_SECONDS = 5.0


def recordings_of(
    kind: str, assets: int, seconds: float | None, cycles: int, seed: int
) -> tuple[int, Iterator[Recording]]:
    """How many recordings a rig has, and the recordings; see `faultsyn.api.simulate`.

    Raises `InputError` on an unknown kind or an impossible rig.
    """
    if kind == "bearing":
        rig = BearingRig(assets=assets, seconds=_SECONDS if seconds is None else seconds)
        return len(LABELS) * assets * len(rig.loads), simulate_bearing(rig, seed)
    if kind == "machines":
        park = MachinePark(assets=assets, seconds=_SECONDS if seconds is None else seconds)
        return len(MACHINE_LABELS) * assets, simulate_machines(park, seed)
    if kind == "hydraulic":
        if seconds not in (None, CYCLE_S):
            raise InputError(
                f"hydraulic rig: a cycle lasts {CYCLE_S:g} s, got {seconds:g} s",
                "leave --seconds out; --cycles sets how many",
            )
        units = HydraulicRig(assets=assets, cycles=cycles)
        return len(units), simulate_hydraulic(units, seed)
    raise InputError(f"no simulated rig '{kind}'", f"known: {', '.join(KINDS)}")
