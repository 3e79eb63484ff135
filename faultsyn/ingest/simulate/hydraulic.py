"""A simulated hydraulic rig: cooler, valve, pump and accumulator wear on several units.

Working cycles of 60 s with the channels, rates and stages of wear of the ZeMA rig (Helwig et al.
2015; see `hydraulic_model`). Unlike there, every condition is recorded on every one of several
units, which differ in pump, load, lag, sensors and room, so that a unit can be held out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.ingest.simulate.hydraulic_model import (
    CYCLE_S,
    Cycles,
    Solution,
    cooling_kw,
    joined,
    solve,
    viscosity,
)
from faultsyn.store import Recording, StreamData

Floats = NDArray[np.float64]
Condition = tuple[str, int, dict[str, float]]
"""Label, number of the stage of wear, stages of all four components."""

_TOGETHER = 8  # units solved in one go: the solver's steps cost the same for many

HYDRAULIC_LABELS = ("normal", "cooler", "valve", "pump", "accumulator")
_HEALTHY = {"cooler": 100.0, "valve": 100.0, "pump": 0.0, "accumulator": 130.0}
_STAGES = {
    "cooler": (20.0, 3.0),
    "valve": (90.0, 80.0, 73.0),
    "pump": (1.0, 2.0),
    "accumulator": (115.0, 100.0, 90.0),
}
_VALVE_LAG_S = {100.0: 0.10, 90.0: 0.35, 80.0: 0.7, 73.0: 1.1}
_LEAKAGE = {0.0: 0.0, 1.0: 1.0e-4, 2.0: 2.2e-4}  # l/s per bar: 9 and 20 % of the flow at 165 bar

# Stream, rate [Hz], and for each channel: quantity, unit, noise (standard deviation, in the unit).
_STREAMS: dict[str, tuple[float, dict[str, tuple[str, str, float]]]] = {
    "fast": (
        100.0,
        {
            **{f"PS{i}": ("pressure", "bar", 0.25) for i in (1, 2, 3, 4)},
            **{f"PS{i}": ("pressure", "bar", 0.02) for i in (5, 6)},
            "EPS1": ("motor power", "W", 12.0),
        },
    ),
    "flow": (10.0, {f"FS{i}": ("volume flow", "l/min", 0.03) for i in (1, 2)}),
    "slow": (
        1.0,
        {
            **{f"TS{i}": ("temperature", "degC", 0.06) for i in (1, 2, 3, 4)},
            "VS1": ("vibration velocity", "mm/s", 0.02),
            "SE": ("efficiency factor", "%", 0.4),
            "CE": ("cooling efficiency (virtual)", "%", 0.4),
            "CP": ("cooling power (virtual)", "kW", 0.02),
        },
    ),
}


@dataclass(frozen=True)
class HydraulicRig:
    """What to simulate.

    - `assets`: hydraulic units.
    - `cycles`: working cycles of each unit at each stage of wear; three times as many healthy ones.
    """

    assets: int = 4
    cycles: int = 2

    def __post_init__(self) -> None:
        if self.assets < 1 or self.cycles < 1:
            raise InputError("hydraulic rig: needs at least one asset and one cycle")

    def __len__(self) -> int:
        """Recordings of the whole rig."""
        return self.assets * self.cycles * (3 + sum(len(stages) for stages in _STAGES.values()))


def simulate_hydraulic(rig: HydraulicRig, seed: int) -> Iterator[Recording]:
    """Recordings of `rig`, unit by unit, one cycle each; equal seeds give equal samples.

    Columns as in the card `zema`: cooler, valve, pump, accumulator (stages of wear), asset,
    machine, session (one block of equal conditions), location; and `severity`, the stage's number.
    """
    identity = json.dumps({"hydraulic": asdict(rig), "seed": seed}, sort_keys=True)
    conditions = [
        (label, severity, {**_HEALTHY, **({label: stage} if label != "normal" else {})})
        for label in HYDRAULIC_LABELS
        for severity, stage in enumerate(_STAGES.get(label, (0.0,)), 1)
        for _ in range(rig.cycles * (3 if label == "normal" else 1))
    ]
    times = np.arange(round(CYCLE_S * 100)) / 100
    generators = [
        np.random.default_rng(of_unit) for of_unit in np.random.SeedSequence(seed).spawn(rig.assets)
    ]
    for first in range(0, rig.assets, _TOGETHER):
        units = range(first, min(first + _TOGETHER, rig.assets))
        drawn = [_draw(conditions, generators[unit]) for unit in units]
        solved = solve(joined(drawn), times)
        for place, unit in enumerate(units):
            rows = slice(place * len(conditions), (place + 1) * len(conditions))
            sensors = _sensors(drawn[place], solved.take(rows), generators[unit])
            yield from _recordings(conditions, sensors, unit, generators[unit], identity)


def _recordings(
    conditions: list[Condition],
    sensors: dict[str, Floats],
    unit: int,
    rng: np.random.Generator,
    identity: str,
) -> Iterator[Recording]:
    """One unit's cycles, through its own sensors."""
    gain = {name: rng.normal(1, 0.006) for name in sensors}
    for row, (label, severity, stages) in enumerate(conditions):
        streams = [
            _stream(name, {c: gain[c] * sensors[c][row] for c in channels}, rng)
            for name, (_, channels) in _STREAMS.items()
        ]
        name = f"unit{unit:02d}-{label}{severity if label != 'normal' else ''}"
        cycle = row - next(i for i, c in enumerate(conditions) if c[:2] == (label, severity))
        yield Recording(
            id=f"{name}-{cycle:03d}",
            label=label,
            streams=tuple(streams),
            source_file="simulated",
            source_sha256=hashlib.sha256(f"{identity}{name}{cycle}".encode()).hexdigest(),
            columns={
                "location": "hydraulics",
                "severity": 0.0 if label == "normal" else float(severity),
                **stages,
                "asset": f"unit{unit:02d}",
                "machine": f"unit{unit:02d}",
                "session": name,
            },
        )


def _draw(conditions: list[Condition], rng: np.random.Generator) -> Cycles:
    """Physics of each cycle: its stages of wear, the unit's own traits, the cycle's chance."""
    n = len(conditions)
    stage = {name: np.array([c[2][name] for c in conditions]) for name in _HEALTHY}
    lag = np.array([_VALVE_LAG_S[s] for s in stage["valve"]]) * rng.uniform(0.85, 1.2)
    room = rng.uniform(18, 27)
    return Cycles(
        cooler=stage["cooler"] / 100 * rng.uniform(0.88, 1.05) * rng.normal(1, 0.02, n),
        valve_lag_s=lag * rng.lognormal(0, 0.06, n),
        leakage=np.array([_LEAKAGE[s] for s in stage["pump"]]) * rng.lognormal(0, 0.08, n)
        + rng.uniform(0.0, 3e-5),
        precharge=stage["accumulator"] * rng.normal(1, 0.015) * rng.normal(1, 0.008, n),
        pump_flow=np.full(n, rng.normal(0.175, 0.004)),
        load_scale=np.full(n, rng.normal(1, 0.02)),
        pulse_hz=np.full(n, rng.uniform(1.2, 1.9)),
        pulse=np.full(n, rng.uniform(0.06, 0.10)),
        ambient=room + rng.normal(0, 1.0, n),
        warm=rng.uniform(0.93, 1.0, n),
    )


def _sensors(cycles: Cycles, s: Solution, rng: np.random.Generator) -> dict[str, Floats]:
    """What the sensors would read without noise, each `(n, n_times)` at 100 Hz."""
    thin = viscosity(s.oil)
    cooled = cooling_kw(cycles, s.oil)
    secondary = 10.0 * (1 - 0.03 * (thin - 1))  # l/min through filter and cooler
    drop = cooled / (secondary / 60 * 0.87 * 1.9)  # K over the cooler: heat over flow x c
    hydraulic_w = s.p1 * s.pump_flow * 100
    electric_w = cycles.pump_flow[:, None] * s.p1 * 100 / 0.88 + rng.uniform(180, 320)
    return {
        "PS1": s.p1,
        "PS2": s.p2,
        "PS3": 2.0 + 900.0 * s.load_flow**2 * 0.1 + 0.2 * thin,
        "PS4": s.gas,
        "PS5": 8.4 + 1.3 * thin,
        "PS6": 8.2 + 1.25 * thin,
        "EPS1": electric_w,
        "FS1": s.pump_flow * 60,
        "FS2": secondary,
        "TS1": s.oil,
        "TS2": s.oil + 5.5 * s.pump_flow / cycles.pump_flow[:, None],
        "TS3": s.oil + 2.5,
        "TS4": s.oil + 2.5 - drop,
        "VS1": 0.45 + 0.1 * s.p1 / 170 + 600 * cycles.leakage[:, None],
        "SE": 100 * hydraulic_w / electric_w,
        "CE": 100 * drop / (s.oil + 2.5 - cycles.ambient[:, None]),
        "CP": cooled,
    }


def _stream(name: str, clean: dict[str, Floats], rng: np.random.Generator) -> StreamData:
    """Sensors of one stream: means over its sample, as a logger takes them, and noise."""
    rate, channels = _STREAMS[name]
    samples = np.stack([clean[c] for c in channels], axis=1)
    samples = samples.reshape(round(CYCLE_S * rate), -1, len(channels)).mean(axis=1)
    noise = np.array([channels[c][2] for c in channels])
    samples = samples + noise * rng.standard_normal(samples.shape)
    return StreamData(
        name,
        samples.astype(np.float32),
        rate,
        tuple(channels),
        tuple(quantity for quantity, _, _ in channels.values()),
        tuple(unit for _, unit, _ in channels.values()),
        None,
    )
