"""Random machines: what the vibration trunk is pretrained on. No sample of a real fault is used.

Every window comes from a machine of its own (domain randomisation: Tobin et al., IROS 2017; signal
model: Randall & Antoni, Mechanical Systems and Signal Processing 25, 2011): impacts of a fault,
modulated by the load zone, ring a few resonances; noise rings them too; shaft harmonics, tones and
stray impacts lie over it; a short random filter stands for the way to the sensor. Everything is in
samples, so that any sample rate is covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from faultsyn.signal.impulse import resonance, ring
from faultsyn.synth.diffusion.describe import KINDS, envelope, shape, told
from faultsyn.synth.diffusion.skeleton import guides, render, shaft_angle, strikes

Floats = NDArray[np.float64]

TAIL = 768
"""Samples before the window whose impacts still ring in it."""
_SHAFT_PERIOD = (100.0, 3000.0)
_FAULT_PERIOD = (12.0, 600.0)
_LARGEST_LAG = 32
"""Samples by which a skeleton is shifted at most, to stand where the envelope peaks."""


@dataclass(frozen=True)
class Lesson:
    """Windows and what the network is told about them.

    - `x`: zero mean, unit RMS, float32 `(n, 1, T)`.
    - `guides`: float32 `(n, 3, T)`; `told`: float32 `(n, N_TOLD)`.
    """

    x: NDArray[np.float32]
    guides: NDArray[np.float32]
    told: NDArray[np.float32]


def lesson(n: int, n_samples: int, rng: np.random.Generator) -> Lesson:
    """Windows of `n` random machines; now and then period, shape or skeleton are left out."""
    kind = rng.choice(len(KINDS), n, p=[0.15, 0.25, 0.25, 0.2, 0.15])
    shaft = _log_uniform(_SHAFT_PERIOD, n, rng)
    low, high = _FAULT_PERIOD[0], min(_FAULT_PERIOD[1], n_samples / 2.5)
    fault = np.clip(shaft / rng.uniform(2.0, 13.0, n), low, high)
    shaft = np.minimum(shaft, 13.0 * fault)
    at = strikes(fault, n_samples + TAIL, rng, _log_uniform((5e-4, 0.02), n, rng))
    x = _signal(kind, shaft, at, n_samples, rng)
    none = kind == 0
    period = np.where(none, np.nan, fault)
    curve = envelope(x)
    skeleton = _aligned(render(at - TAIL, 1.0, n_samples), curve, fault)
    skeleton[none] = 0.0
    blind = rng.random(n) < 0.1
    skeleton[blind] = 0.0
    figures = shape(x, curve, period, shaft)
    figures[rng.random(n) < 0.25] = np.nan
    silent = (rng.random(n) < 0.15) | blind
    period = np.where(silent, np.nan, period)
    shaft = np.where(silent, np.nan, shaft)
    made = guides(skeleton, shaft, shaft_angle(curve, shaft))
    return Lesson(
        x[:, None].astype(np.float32),
        made.astype(np.float32),
        told(kind, period, shaft, figures),
    )


def _signal(
    kind: NDArray[Any], shaft: Floats, at: Floats, n_samples: int, rng: np.random.Generator
) -> Floats:
    """Windows `(n, n_samples)` of zero mean and unit RMS with strikes `at` (tail first)."""
    n, length = len(kind), n_samples + TAIL
    heights = np.exp(rng.uniform(0, 0.6, (n, 1)) * rng.standard_normal(at.shape))
    heights *= _load_zone(kind, shaft, at, rng)
    stray = render(rng.uniform(0, length, (n, 4)), rng.lognormal(1.0, 0.7, (n, 4)), length)
    stray *= rng.random((n, 1)) < 0.15
    train = np.where(kind[:, None] == 0, 0.0, render(at, heights, length)) + stray
    body = _structure(n, rng)
    fault = _unit(ring(train, body)[:, TAIL:])
    noise = _coloured(n, length, rng)
    share = rng.random((n, 1)) ** 2
    rung = _unit(ring(noise, _structure(n, rng) + rng.random((n, 1)) * body)[:, TAIL:])
    background = np.sqrt(share) * rung + np.sqrt(1 - share) * _unit(noise[:, TAIL:])
    background = background + _tones(shaft, n_samples, rng)
    background /= np.maximum(background.std(axis=1, keepdims=True), 1e-9)
    x = background + 10 ** (rng.uniform(-12, 14, (n, 1)) / 20) * fault
    return _unit(_sensor(x, rng))


def _load_zone(
    kind: NDArray[Any], shaft: Floats, at: Floats, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Relative height of each strike: the shaft carries an inner fault through the load zone."""
    n = len(kind)
    ball = (kind == KINDS.index("ball")) & (rng.random(n) < 0.6)
    turns = at / shaft[:, None] * np.where(ball, rng.uniform(0.35, 0.45, n), 1.0)[:, None]
    still = (kind == KINDS.index("outer")) & (rng.random(n) < 0.5)
    depth = np.where(still, rng.uniform(0.0, 0.3, n), rng.uniform(0.1, 1.3, n))[:, None]
    wave = 1 + depth * np.cos(2 * np.pi * (turns + rng.random((n, 1))))
    return np.asarray(np.maximum(wave, 0.0) ** rng.uniform(0.7, 2.0, (n, 1)))


def _structure(n: int, rng: np.random.Generator) -> Floats:
    """Impulse responses `(n, TAIL)` of one to four modes."""
    weight = rng.lognormal(0.0, 0.8, (n, 4)) * (np.arange(4) < rng.integers(1, 5, (n, 1)))
    return resonance(
        TAIL, 1.0, rng.uniform(0.02, 0.48, (n, 4)), _log_uniform((0.004, 0.12), (n, 4), rng), weight
    )


def _coloured(n: int, length: int, rng: np.random.Generator) -> Floats:
    """Noise with a power spectrum f^-a, a ~ U(-1, 2), flat below 1 % of the band."""
    spectrum = scipy.fft.rfft(rng.standard_normal((n, length)))
    line = np.maximum(np.linspace(0, 1, spectrum.shape[1]), 0.01)
    return np.asarray(scipy.fft.irfft(spectrum * line ** (-rng.uniform(-1, 2, (n, 1)) / 2), length))


def _tones(shaft: Floats, n_samples: int, rng: np.random.Generator) -> Floats:
    """Shaft harmonics and three tones of any frequency, each there at random."""
    n = len(shaft)
    frequency = np.concatenate(
        [np.arange(1, 5) / shaft[:, None], rng.uniform(0.005, 0.45, (n, 3))], axis=1
    )
    level = rng.lognormal(-1.5, 1.0, frequency.shape) * (rng.random(frequency.shape) < 0.4)
    angle = 2 * np.pi * (frequency[..., None] * np.arange(n_samples) + rng.random((n, 7, 1)))
    made: Floats = (level[..., None] * np.sin(angle)).sum(axis=1)
    return made


def _sensor(x: Floats, rng: np.random.Generator) -> Floats:
    """The window through a random path: smooth gain, roll-off at both ends, short echo.

    Circular; the noise and the fault take the same path.
    """
    n, length = x.shape
    line = np.linspace(0, 1, length // 2 + 1)
    knots = rng.standard_normal((n, 9)) * rng.uniform(0.0, 1.2, (n, 1))
    gain = np.exp(np.stack([np.interp(line, np.linspace(0, 1, 9), row) for row in knots]))
    edge = rng.uniform(0.78, 1.6, (n, 1))
    gain *= line / (line + _log_uniform((0.002, 0.2), (n, 1), rng))
    gain /= np.sqrt(1 + (line / edge) ** _log_uniform((8.0, 120.0), (n, 1), rng))
    taps = rng.standard_normal((n, 16)) * np.exp(
        -np.arange(16) / _log_uniform((0.3, 4.0), (n, 1), rng)
    )
    taps[:, 0] = np.copysign(np.maximum(np.abs(taps[:, 0]), 0.7), taps[:, 0])
    path = gain * scipy.fft.rfft(taps, length)
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(x) * path, length))


def _aligned(skeleton: Floats, curve: Floats, period: Floats) -> Floats:
    """Skeletons shifted (circularly) to where the envelope under them is largest."""
    cross = scipy.fft.irfft(
        scipy.fft.rfft(curve - 1.0) * scipy.fft.rfft(skeleton).conj(), curve.shape[1]
    )
    lags = np.arange(-_LARGEST_LAG, _LARGEST_LAG + 1)
    near = np.where(np.abs(lags) <= period[:, None] / 2, cross[:, lags], -np.inf)
    best = lags[near.argmax(axis=1)]
    columns = (np.arange(curve.shape[1]) - best[:, None]) % curve.shape[1]
    return np.take_along_axis(skeleton, columns, axis=1)


def _unit(x: Floats) -> Floats:
    centred = x - x.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9))


def _log_uniform(
    limits: tuple[float, float], size: int | tuple[int, ...], rng: np.random.Generator
) -> Floats:
    return np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]), size))
