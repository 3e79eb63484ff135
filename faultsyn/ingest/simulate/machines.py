"""Randomised machines: every recording another geometry, structure, load zone, speed and sensor.

Domain randomisation (Tobin et al., IROS 2017) over the signal model of Randall & Antoni (2011): a
classifier that tells the faults of thousands of such machines apart has seen no structure twice,
so that a real one is just another. The load zone is Stribeck's, as in McFadden & Smith, "Model for
the vibration produced by a single point defect in a rolling element bearing", Journal of Sound and
Vibration 96, 1984; gear mesh and its sidebands as in McFadden, "Detecting fatigue cracks in gears
by amplitude and phase demodulation of the meshing vibration", J. Vib. Acoust. 108, 1986.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.ingest.simulate.shaft import Shafts, draw_shafts
from faultsyn.signal.bearing import Bearing
from faultsyn.signal.impulse import resonance, ring, scatter
from faultsyn.store import Recording, StreamData

Floats = NDArray[np.float64]

MACHINE_LABELS = ("normal", "inner", "outer", "ball", "gear")
_TAIL_S = 0.06  # before the window: impacts there still ring in it
_BLOCK_SAMPLES = 4_000_000
_LOWEST_MODE_HZ = 400.0
_HIGHEST_ORDER = 14.0


@dataclass(frozen=True)
class MachinePark:
    """What to draw machines from.

    - `assets`: machines of each label, one recording each.
    - `seconds`, `rate`: length of a recording [s], samples per second [Hz].
    - `rpm`: range of the shaft speed [1/min], log-uniform.
    - `signal_to_noise_db`: range of impulsive over background power [dB]; its place in the range
      is the column `severity` (0 to 1).
    - `varying`: share of machines whose speed ramps or swings by up to 10 % during a recording.
    - `geared`: share of machines, beside those with a gear fault, that have a gear.
    """

    assets: int = 4
    seconds: float = 5.0
    rate: float = 12_000.0
    rpm: tuple[float, float] = (600.0, 3600.0)
    signal_to_noise_db: tuple[float, float] = (-10.0, 12.0)
    varying: float = 0.3
    geared: float = 0.4

    def __post_init__(self) -> None:
        if self.assets < 1 or self.seconds <= 0:
            raise InputError("machines: needs at least one asset and a duration > 0")
        if self.rate < 8000:
            raise InputError(f"machines: rate {self.rate:g} Hz is below 8000 Hz")
        fastest = self.rate / 4 / _HIGHEST_ORDER * 60
        if not 0 < self.rpm[0] <= self.rpm[1] <= fastest:
            raise InputError(f"machines: expected 0 < rpm <= {fastest:.0f}, got {self.rpm}")
        if not (0 <= self.varying <= 1 and 0 <= self.geared <= 1):
            raise InputError("machines: varying and geared are shares between 0 and 1")


def simulate_machines(park: MachinePark, seed: int) -> Iterator[Recording]:
    """One recording of every machine, labels in turn; equal seeds give equal samples.

    Columns: location, severity, asset, machine, session, rpm (mean), speed (its profile), bearing
    (its geometry, which `faultsyn.signal.orders` reads), teeth (0 without a gear).
    """
    identity = json.dumps({"machines": asdict(park), "seed": seed}, sort_keys=True)
    n_samples = round(park.seconds * park.rate)
    labels = np.array(MACHINE_LABELS * park.assets)
    size = max(1, _BLOCK_SAMPLES // n_samples)
    starts = range(0, len(labels), size)
    for start, child in zip(starts, np.random.SeedSequence(seed).spawn(len(starts)), strict=True):
        block = labels[start : start + size]
        x, table = machine_windows(block, n_samples, park, np.random.default_rng(child))
        for row, label in enumerate(block.tolist()):
            name = f"machine{(start + row) // len(MACHINE_LABELS):04d}-{label}"
            yield Recording(
                id=name,
                label=label,
                streams=(
                    StreamData(
                        "vibration", x[row][:, None], park.rate, ("DE",), ("acceleration",), ("g",)
                    ),
                ),
                source_file="simulated",
                source_sha256=hashlib.sha256(f"{identity}{name}".encode()).hexdigest(),
                columns={
                    "location": "none" if label == "normal" else "drive_end",
                    "asset": name,
                    "machine": name,
                    "session": name,
                    **{column: values[row].item() for column, values in table.items()},
                },
            )


def machine_windows(
    labels: NDArray[np.str_], n_samples: int, park: MachinePark, rng: np.random.Generator
) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """One window of another machine for each of `labels`: `(n, n_samples)` [g] and its table.

    Raises `InputError` on a label that is not of `MACHINE_LABELS`.
    """
    unknown = sorted(set(labels.tolist()) - set(MACHINE_LABELS))
    if unknown:
        raise InputError(f"machines: no fault {unknown}", f"known: {', '.join(MACHINE_LABELS)}")
    n, rate = len(labels), park.rate
    tail = round(_TAIL_S * rate)
    length = n_samples + tail
    shafts = draw_shafts(n, length, rate, park.rpm, park.varying, rng)
    bearings = [_bearing(rng) for _ in range(n)]
    body = _structure(n, tail, rate, rng)
    background = _background(n, length, body, rng)[:, tail:]
    teeth = _teeth(labels, shafts, park, rng)
    background += _shaft_lines(shafts.angle[:, tail:], teeth, labels == "gear", rng)
    background /= background.std(axis=1, keepdims=True)
    rung = ring(_strikes(labels, shafts, bearings, rng), body)[:, tail:]
    low, high = park.signal_to_noise_db
    severity = np.where(labels == "normal", 0.0, rng.random(n))
    level = 10 ** ((low + severity * (high - low)) / 20) * (labels != "normal")
    spread = np.maximum(rung.std(axis=1), np.finfo(np.float64).tiny)
    x = _sensor(background + (level / spread)[:, None] * rung, rng)
    table: dict[str, NDArray[Any]] = {
        "severity": severity.round(4),
        "rpm": (60 * rate * np.diff(shafts.angle[:, [tail, -1]], axis=1)[:, 0] / (n_samples - 1))
        .round(2),
        "speed": shafts.profile,
        "bearing": np.array([bearing.designation for bearing in bearings]),
        "teeth": teeth,
    }  # fmt: skip
    return x.astype(np.float32), table


def _bearing(rng: np.random.Generator) -> Bearing:
    """A geometry in which the balls fit, named by itself."""
    balls = int(rng.integers(6, 17))
    pitch = rng.uniform(20, 120)
    ratio = rng.uniform(0.14, min(0.36, 0.92 * np.pi / balls))
    angle = rng.uniform(5, 40) * (rng.random() < 0.3)
    ball, pitch, angle = round(ratio * pitch, 3), round(pitch, 3), round(angle, 1)
    return Bearing(f"{balls}x{ball}/{pitch}@{angle}", balls, ball, pitch, angle)


def _structure(n: int, length: int, rate: float, rng: np.random.Generator) -> Floats:
    """Impulse responses of one to four modes, `(n, length)`."""
    weight = rng.lognormal(0.0, 0.7, (n, 4)) * (np.arange(4) < rng.integers(1, 5, (n, 1)))
    damping = np.exp(rng.uniform(np.log(0.006), np.log(0.08), (n, 4)))
    frequency = rng.uniform(_LOWEST_MODE_HZ, 0.46 * rate, (n, 4))
    return resonance(length, rate, frequency, damping, weight)


def _background(n: int, length: int, body: Floats, rng: np.random.Generator) -> Floats:
    """Noise of a random colour, in part through the structure, `(n, length)` of unit RMS."""
    spectrum = scipy.fft.rfft(rng.standard_normal((n, length)))
    line = np.maximum(np.linspace(0, 1, spectrum.shape[1]), 0.01)
    noise = scipy.fft.irfft(spectrum * line ** (-rng.uniform(-0.5, 1.5, (n, 1)) / 2), length)
    rung = ring(noise, body)
    share = rng.random((n, 1)) ** 2
    mixed: Floats = np.sqrt(1 - share) * _unit(noise) + np.sqrt(share) * _unit(rung)
    return mixed


def _teeth(
    labels: NDArray[np.str_], shafts: Shafts, park: MachinePark, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Teeth of each machine's gear, 0 without one; two mesh harmonics stay below half the rate."""
    geared = (rng.random(len(labels)) < park.geared) | (labels == "gear")
    most = np.clip(0.45 * park.rate / 2 / shafts.fastest, 18, 61).astype(np.int64)
    return np.where(geared, rng.integers(17, most), 0)


def _shaft_lines(
    angle: Floats, teeth: NDArray[np.int64], cracked: NDArray[np.bool_], rng: np.random.Generator
) -> Floats:
    """Shaft harmonics and gear mesh; a cracked tooth modulates the mesh once a turn."""
    n = len(angle)
    turn = 2 * np.pi * angle
    lines = np.zeros_like(angle)
    for harmonic in range(1, 5):
        level = rng.lognormal(-1.2, 0.9, (n, 1)) * (rng.random((n, 1)) < 0.6)
        lines += level * np.sin(harmonic * turn + rng.uniform(0, 2 * np.pi, (n, 1)))
    depth = np.where(cracked, rng.uniform(0.4, 1.0, n), rng.uniform(0.0, 0.12, n))[:, None]
    # A tooth is passed in a small part of the turn: three harmonics of the modulation.
    wave = sum(np.cos(k * (turn + 1.0)) / k for k in (1, 2, 3))
    has = (teeth > 0)[:, None]
    for harmonic in (1, 2):
        level = has * rng.lognormal(-0.7, 0.6, (n, 1)) / harmonic
        tone = np.sin(harmonic * teeth[:, None] * turn + rng.uniform(0, 2 * np.pi, (n, 1)))
        lines += level * (1 + depth * wave) * tone
    return lines


def _strikes(
    labels: NDArray[np.str_], shafts: Shafts, bearings: list[Bearing], rng: np.random.Generator
) -> Floats:
    """Impacts of each machine's fault, at slipping shaft angles, as high as the load there."""
    n, length = shafts.angle.shape
    fault = [bearing.orders() for bearing in bearings]
    order = np.array(
        [1.0 if name in ("normal", "gear") else o.of(name)
         for name, o in zip(labels.tolist(), fault, strict=True)]
    )  # fmt: skip
    ball, inner, gear = labels == "ball", labels == "inner", labels == "gear"
    slip = np.where(gear, 0.0, np.exp(rng.uniform(np.log(0.002), np.log(0.02), n)))[:, None]
    turns = shafts.angle[:, -1:] - shafts.angle[:, :1]
    count = int(np.ceil((turns[:, 0] * order).max() * 1.1)) + 8
    steps = np.maximum(1 + slip * rng.standard_normal((n, count)), 0.1) / order[:, None]
    angle = np.cumsum(steps, axis=1) - steps[:, :1] * rng.random((n, 1))
    carried = np.where(ball, [o.ftf for o in fault], np.where(inner, 1.0, 0.0))[:, None]
    height = rng.lognormal(0.0, 0.2, (n, count))
    height *= _load(2 * np.pi * (carried * angle + rng.random((n, 1))), carried, rng)
    place = np.stack(
        [
            np.interp(a, own - own[0], np.arange(length), left=-1, right=length)
            for a, own in zip(angle, shafts.angle, strict=True)
        ]
    )
    train = scatter(place, height, length)
    train[labels == "normal"] = 0.0
    return train


def _load(angle: Floats, carried: Floats, rng: np.random.Generator) -> Floats:
    """Stribeck's load at the angle [rad] of a defect that moves; even where it stands still."""
    n = len(angle)
    zone = rng.uniform(0.25, 1.2, (n, 1))  # 0.5: half the bearing carries
    rest = rng.uniform(0.0, 0.4, (n, 1))
    inside = np.maximum(1 - (1 - np.cos(angle)) / (2 * zone), 0.0) ** 1.5
    return np.where(carried > 0, rest + (1 - rest) * inside, 1.0)


def _sensor(x: Floats, rng: np.random.Generator) -> Floats:
    """A gain that varies smoothly over the band, and the sensor's own, `(n, n_samples)` [g]."""
    n, length = x.shape
    line = np.linspace(0, 1, length // 2 + 1)
    knots = rng.normal(0, 1, (n, 7)) * rng.uniform(0.0, 0.8, (n, 1))
    at = np.clip((line * 6).astype(np.intp), 0, 5)
    ahead = line * 6 - at
    gain = np.exp(knots[:, at] * (1 - ahead) + knots[:, at + 1] * ahead)
    shaped = scipy.fft.irfft(scipy.fft.rfft(x) * gain, length)
    return np.asarray(_unit(shaped) * rng.lognormal(np.log(0.15), 0.8, (n, 1)))


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(x.std(axis=1, keepdims=True), np.finfo(np.float64).tiny))
