"""A simulated bearing rig: several machines per fault mode, each with its own structure.

Signal model of Randall & Antoni (2011): slipping impulse trains at the fault order, modulated by
the load zone, rung through the structure of the machine, beside shaft harmonics and coloured noise.
What differs between assets (resonances, damping, gains, imbalance, noise, severity) is drawn once
per asset; what differs between recordings (load, rpm, phases, noise) is drawn for each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.bearing import FaultOrders, orders
from faultsyn.signal.impulse import impulse_train, resonance, ring
from faultsyn.store import Recording, StreamData

LABELS = ("normal", "inner", "outer", "ball")
CHANNELS = ("DE", "FE")
_RESPONSE_S = 0.05  # every mode has decayed below 1e-3 by then


@dataclass(frozen=True)
class BearingRig:
    """What to simulate.

    - `assets`: machines per label.
    - `loads`: one recording per machine and load [hp]; the shaft slows 20 rpm per hp.
    - `seconds`: length of a recording [s].
    - `rate`: samples per second [Hz].
    - `bearing`: designation in the bearing table.
    - `rpm`: shaft speed without load.
    - `severities`: fault sizes [mil], cycled over the machines of a label.
    - `signal_to_noise_db`: impulsive over background power [dB] of the smallest and the largest
      fault; each machine draws from a range of 6 dB around its size's value.
    """

    assets: int = 4
    loads: tuple[int, ...] = (0, 1, 2, 3)
    seconds: float = 5.0
    rate: float = 12_000.0
    bearing: str = "6205"
    rpm: float = 1797.0
    severities: tuple[float, ...] = (7.0, 14.0, 21.0)
    signal_to_noise_db: tuple[float, float] = (-6.0, 6.0)

    def __post_init__(self) -> None:
        if self.assets < 1 or not self.loads or self.seconds <= 0:
            raise InputError("bearing rig: needs at least one asset, one load and a duration > 0")
        if self.rate < 8000:
            raise InputError(f"bearing rig: rate {self.rate:g} Hz is below 8000 Hz")


@dataclass(frozen=True)
class _Machine:
    """What stays with one asset: modes `(n_channels, n_modes)`, noise colour, shaft lines."""

    frequency: NDArray[np.float64]
    damping: NDArray[np.float64]
    gain: NDArray[np.float64]
    noise_rms: NDArray[np.float64]
    noise_pole: float
    shaft: NDArray[np.float64]
    slip: float
    depth: float
    signal_to_noise: float


def simulate_bearing(rig: BearingRig, seed: int) -> Iterator[Recording]:
    """Recordings of `rig`, machine by machine; equal seeds give equal samples.

    Columns: location, severity [mil], unit (number of the machine within its label), asset,
    machine, session, load [hp], rpm, bearing.
    """
    fault_orders = orders(rig.bearing)
    root = np.random.SeedSequence(seed)
    identity = json.dumps({**asdict(rig), "seed": seed}, sort_keys=True)
    for label, of_label in zip(LABELS, root.spawn(len(LABELS)), strict=True):
        for unit, of_unit in enumerate(of_label.spawn(rig.assets)):
            rng = np.random.default_rng(of_unit)
            severity = 0.0 if label == "normal" else rig.severities[unit % len(rig.severities)]
            machine = _draw_machine(rig, severity, rng)
            for load in rig.loads:
                rpm = rig.rpm - 20.0 * load + rng.normal(0, 2)
                samples = _record(rig, machine, label, fault_orders, rpm / 60, load, rng)
                name = f"{label}-{unit:02d}"
                yield Recording(
                    id=f"{name}-load{load}",
                    label=label,
                    streams=(
                        StreamData(
                            "vibration",
                            samples,
                            rig.rate,
                            CHANNELS,
                            ("acceleration",) * len(CHANNELS),
                            ("g",) * len(CHANNELS),
                            None,
                        ),
                    ),
                    source_file="simulated",
                    source_sha256=hashlib.sha256(f"{identity}{name}{load}".encode()).hexdigest(),
                    columns={
                        "location": "none" if label == "normal" else "drive_end",
                        "severity": severity,
                        "unit": unit,
                        "asset": name,
                        "machine": name,
                        "session": f"{name}-load{load}",
                        "load": float(load),
                        "rpm": round(rpm, 1),
                        "bearing": rig.bearing,
                    },
                )


def _draw_machine(rig: BearingRig, severity: float, rng: np.random.Generator) -> _Machine:
    n_modes = 3
    low, high = rig.signal_to_noise_db
    if severity and len(rig.severities) > 1:
        rank = rig.severities.index(severity) / (len(rig.severities) - 1)
    else:
        rank = 0.5
    frequency = rng.uniform(0.6e3, 0.45 * rig.rate, (1, n_modes))
    frequency = frequency * rng.uniform(0.97, 1.03, (len(CHANNELS), n_modes))
    path = np.array([[1.0], [0.35]])  # the fan end hears the drive end through the housing
    return _Machine(
        frequency=frequency,
        damping=rng.uniform(0.01, 0.06, (len(CHANNELS), n_modes)),
        gain=path * rng.lognormal(0, 0.5, (len(CHANNELS), n_modes)),
        noise_rms=rng.lognormal(np.log(0.06), 0.3, len(CHANNELS)),
        noise_pole=float(rng.uniform(0.2, 0.7)),
        shaft=rng.lognormal(np.log(0.02), 0.5, (len(CHANNELS), 4)),
        slip=float(rng.uniform(0.003, 0.015)),
        depth=float(rng.uniform(0.4, 1.0)),
        signal_to_noise=float(low + rank * (high - low) + rng.uniform(-3, 3)),
    )


def _record(
    rig: BearingRig,
    machine: _Machine,
    label: str,
    fault: FaultOrders,
    shaft_hz: float,
    load: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """One recording `(n_samples, n_channels)` [g]."""
    n = round(rig.seconds * rig.rate)
    t = np.arange(n) / rig.rate
    response = resonance(
        round(_RESPONSE_S * rig.rate), rig.rate, machine.frequency, machine.damping, machine.gain
    )
    background = _coloured_noise(n, machine, rng)
    background += 0.5 * ring(rng.standard_normal(background.shape), response) * np.std(background)
    harmonics = np.arange(1, machine.shaft.shape[1] + 1)
    phase = rng.uniform(0, 2 * np.pi, (*machine.shaft.shape, 1))
    lines = np.sin(2 * np.pi * shaft_hz * harmonics[None, :, None] * t + phase)
    x = background + (machine.shaft[:, :, None] * lines).sum(axis=1)
    if label != "normal":
        rung = ring(_impacts(rig, machine, label, fault, shaft_hz, n, rng), response)
        power = 10 ** (machine.signal_to_noise / 10) * (1 + 0.1 * load)
        x += rung * np.sqrt(power * np.mean(background[0] ** 2) / np.mean(rung[0] ** 2))
    return np.ascontiguousarray(x.T, dtype=np.float32)


def _coloured_noise(n: int, machine: _Machine, rng: np.random.Generator) -> NDArray[np.float64]:
    """First-order low-passed noise of the machine's level, `(n_channels, n)`."""
    white = rng.standard_normal((len(machine.noise_rms), n))
    frequency = np.fft.rfftfreq(n)
    pole = machine.noise_pole
    shape = (1 - pole) / np.abs(1 - pole * np.exp(-2j * np.pi * frequency))
    coloured = np.fft.irfft(np.fft.rfft(white) * shape, n)
    coloured *= machine.noise_rms[:, None] / coloured.std(axis=1, keepdims=True)
    return np.asarray(coloured, dtype=np.float64)


def _impacts(
    rig: BearingRig,
    machine: _Machine,
    label: str,
    fault: FaultOrders,
    shaft_hz: float,
    n: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The impulse train of one fault, the same impacts for every channel, `(n_channels, n)`."""
    # A ball defect strikes both races: two impacts a revolution of the ball.
    order, modulation, depth = {
        "inner": (fault.bpfi, 1.0, machine.depth),
        "outer": (fault.bpfo, 0.0, 0.0),
        "ball": (2 * fault.bsf, fault.ftf, machine.depth),
    }[label]
    train = impulse_train(
        n,
        rig.rate,
        order * shaft_hz,
        rng,
        slip=machine.slip,
        amplitude_spread=0.2,
        modulation_frequency=modulation * shaft_hz,
        modulation_depth=depth,
    )
    return np.repeat(train, len(CHANNELS), axis=0)
