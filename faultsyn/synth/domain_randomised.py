"""Domain-randomised bearing: simulated faults of bearings that nobody has seen.

Every window comes from another machine: resonances, damping, slip, modulation, noise colour, levels
and signal-to-noise ratio are drawn anew (domain randomisation: Tobin et al., IROS 2017; the signal
model: Randall & Antoni, Mechanical Systems and Signal Processing 25, 2011). No sample of a real
fault is used: of the shots only the classes and conditions (speed, bearing, load) are read, and
only those are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.bearing import bearings
from faultsyn.signal.impulse import impulse_train, resonance, ring
from faultsyn.synth.fault_rate import check_orders, fault_rate, require_period, shaft_rate
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

RING_DOWN = 0.08
"""Seconds a resonance is followed: -26 dB at the lowest frequency and damping drawn."""

BLOCK = 256
"""Windows made at once, to bound memory."""

CAGE_ORDER = 0.4
"""Cage revolutions per shaft revolution where the bearing is not in the table."""


class DomainRandomised(ShotGenerator):
    """Windows of randomised bearings with the fault orders and speeds of the shots.

    - `orders`: strikes per revolution by label, for faults that the `bearing` column cannot tell.
    - `snr_db`: power of the fault over the background [dB], drawn between the two.
    - `resonance_hz`: range of the one or two resonances [Hz], cut at 45 % of the sample rate.
    - `damping`, `slip`: ranges, drawn log-uniformly.
    - `level_spread`: sigma of the lognormal level of window and channel.

    The background is coloured noise mixed at a random share with a real normal window, after
    `pretrain`; without, it is coloured noise of unit RMS. Heights of impacts are lognormal;
    modulation: shaft rate, depth 0.2 to 1, for "inner"; cage rate for "ball"; up to 0.25 else.
    `source` tells whose speed and conditions a window has.
    Raises `InputError` where a window is shorter than a fault period, or the sample rate holds no
    resonance.
    """

    name = "domain-randomised"
    needs = frozenset({"rpm"})
    keeps_normal = True

    def __init__(
        self,
        orders: Mapping[str, float] | None = None,
        snr_db: Sequence[float] = (-10.0, 12.0),
        resonance_hz: Sequence[float] = (600.0, 5400.0),
        damping: Sequence[float] = (0.01, 0.08),
        slip: Sequence[float] = (0.003, 0.02),
        level_spread: float = 0.3,
    ) -> None:
        self.orders = orders
        self.snr_db = snr_db
        self.resonance_hz = resonance_hz
        self.damping = damping
        self.slip = slip
        self.level_spread = level_spread

    def check_config(self) -> None:
        """Raise `InputError` on a setting out of range."""
        super().check_config()
        check_orders(self.orders, self.name)
        for key in ("snr_db", "resonance_hz", "damping", "slip"):
            given = getattr(self, key)
            positive = key == "snr_db" or given[0] > 0
            if len(given) != 2 or not given[0] <= given[1] or not positive:
                raise InputError(f"{self.name}: expected {key} (low, high), got {given}")
        if self.damping[1] >= 1 or self.slip[1] > 0.1 or self.level_spread < 0:
            raise InputError(
                f"{self.name}: expected damping < 1, slip <= 0.1 and level_spread >= 0, got "
                f"{self.damping}, {self.slip}, {self.level_spread}"
            )

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        super()._adapt(shots.with_x(shots.x[:, :, :0]), rng)
        slowest = self.rate_ / float(fault_rate(shots, self.orders, self.name).min())
        require_period(self.shape_[1], slowest, self.name)
        if 0.45 * self.rate_ <= self.resonance_hz[0]:
            raise InputError(
                f"{self.name}: a sample rate of {self.rate_:g} Hz holds no resonance above "
                f"{self.resonance_hz[0]:g} Hz",
                "set resonance_hz",
            )

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        x = np.empty((n, *self.shape_), np.float32)
        for at in range(0, n, BLOCK):
            rows = source[at : at + BLOCK]
            background = self._background(len(rows), rng)
            fault = self._fault(rows, rng, label) * _rms(background)
            snr = rng.uniform(self.snr_db[0], self.snr_db[1], (len(rows), 1, 1))
            x[at : at + BLOCK] = background + 10 ** (snr / 20) * fault
        return self._made(x, source)

    def _background(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Coloured noise and a real normal window `(n, C, T)`."""
        noise = coloured_noise(n, self.shape_, rng)
        level = np.exp(self.level_spread * rng.standard_normal((n, self.shape_[0], 1)))
        if not hasattr(self, "normal_"):
            return np.asarray(noise * level)
        normal = self.normal_.x[rng.integers(len(self.normal_), size=n)].astype(np.float64)
        share = rng.random((n, 1, 1))
        return np.asarray(
            level * (np.sqrt(1 - share) * normal + np.sqrt(share) * _rms(normal) * noise)
        )

    def _fault(
        self, rows: NDArray[np.intp], rng: np.random.Generator, label: str
    ) -> NDArray[np.float64]:
        """Rung impact trains `(n, C, T)` of unit RMS times a lognormal level per channel."""
        n, (channels, samples) = len(rows), self.shape_
        shots = self.shots_.take(rows)
        tail = int(RING_DOWN * self.rate_)
        frequency, depth = self._modulation(shots, rng, label)
        train = impulse_train(
            samples + tail,
            self.rate_,
            fault_rate(shots, self.orders, self.name),
            rng,
            slip=_log_uniform(self.slip, n, rng),
            amplitude_spread=rng.uniform(0.0, 0.5, n),
            modulation_frequency=frequency,
            modulation_depth=depth,
        )
        top = min(self.resonance_hz[1], 0.45 * self.rate_)
        many = n * channels
        weight = np.ones((many, 2))
        weight[:, 1] = rng.uniform(0.2, 1.0, many) * (rng.random(many) < 0.5)
        modes = rng.uniform(self.resonance_hz[0], top, (many, 2))
        damping = _log_uniform(self.damping, 2 * many, rng).reshape(many, 2)
        response = resonance(tail, self.rate_, modes, damping, weight)
        rung = ring(train[:, None], response.reshape(n, channels, tail))[..., tail:]
        rung /= np.maximum(_rms(rung), np.finfo(float).tiny)
        rung *= np.exp(self.level_spread * rng.standard_normal((n, channels, 1)))
        return rung

    def _modulation(
        self, shots: WindowSet, rng: np.random.Generator, label: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frequency [Hz] and depth of the amplitude modulation of each window."""
        n, shaft = len(shots), shaft_rate(shots, self.name)
        if label == "inner":
            return shaft, rng.uniform(0.2, 1.0, n)
        if label == "ball":
            return shaft * _cage_order(shots), rng.uniform(0.2, 1.0, n)
        return shaft, rng.uniform(0.0, 0.25, n)


def coloured_noise(n: int, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise `(n, C, T)` of unit RMS with a power spectrum f^-a, a ~ U(-0.5, 1.5)."""
    spectrum = np.fft.rfft(rng.standard_normal((n, *shape)))
    line = np.maximum(np.arange(spectrum.shape[-1]), 1) / spectrum.shape[-1]
    # Below 1 % of the band the colour stays flat, so that red noise does not become drift.
    spectrum *= np.maximum(line, 0.01) ** (-rng.uniform(-0.5, 1.5, (n, shape[0], 1)) / 2)
    noise = np.fft.irfft(spectrum, shape[1])
    return np.asarray(noise / np.maximum(_rms(noise), np.finfo(float).tiny))


def _cage_order(shots: WindowSet) -> NDArray[np.float64]:
    known = bearings()
    names = shots.table.get("bearing", np.full(len(shots), ""))
    return np.array([known[str(b)].orders().ftf if str(b) in known else CAGE_ORDER for b in names])


def _log_uniform(limits: Sequence[float], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]), n))


def _rms(x: NDArray[Any]) -> NDArray[np.float64]:
    """RMS about the mean of each channel, `(n, C, 1)`."""
    return np.asarray(x.std(axis=-1, keepdims=True))
