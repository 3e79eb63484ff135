"""Impulse trains and the structural resonances they ring: the physics of a localised bearing fault.

McFadden & Smith (1984) for the modulated train, Randall & Antoni (2011), "Rolling element bearing
diagnostics: a tutorial", for the random slip that makes the train second-order cyclostationary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from faultsyn.errors import InputError


def impulse_train(
    n_samples: int,
    rate: float,
    frequency: ArrayLike,
    rng: np.random.Generator,
    *,
    slip: ArrayLike = 0.01,
    amplitude_spread: ArrayLike = 0.0,
    modulation_frequency: ArrayLike = 0.0,
    modulation_depth: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Impacts of a fault, one train per entry of `frequency`.

    - `frequency`: impacts per second [Hz], `(n_trains,)`; below `rate` / 2.
    - `slip`: standard deviation of each period as a share of the period; it accumulates.
    - `amplitude_spread`: sigma of the lognormal amplitude of each impact.
    - `modulation_frequency` [Hz], `modulation_depth` [0..1]: amplitude 1 + depth cos(2 pi f t),
      the passage through the load zone (shaft rate for an inner race, cage rate for a ball).

    Scalars hold for every train. Impacts fall between samples (shared linearly by the two
    neighbours) and the phase is random. Returns `(n_trains, n_samples)`.
    Raises `InputError` when a frequency is not in (0, rate / 2).
    """
    freq = np.atleast_1d(np.asarray(frequency, float))
    if not ((freq > 0) & (freq < rate / 2)).all():
        raise InputError(
            f"impulse train: expected frequencies in (0, {rate / 2:g}) Hz, got {freq.min():g} to "
            f"{freq.max():g} Hz"
        )
    n = len(freq)
    wide = [
        np.broadcast_to(np.asarray(v, float), (n,))[:, None]
        for v in (slip, amplitude_spread, modulation_frequency, modulation_depth)
    ]
    slip_, spread, mod_freq, depth = wide
    period = rate / freq[:, None]
    count = int(np.ceil(n_samples / period.min() * 1.1)) + 8
    steps = period * np.maximum(1 + slip_ * rng.standard_normal((n, count)), 0.1)
    at = np.cumsum(steps, axis=1) - steps[:, :1] - period * rng.random((n, 1))
    height = np.exp(spread * rng.standard_normal((n, count)))
    height *= 1 + depth * np.cos(2 * np.pi * (mod_freq * at / rate + rng.random((n, 1))))
    return scatter(at, height, n_samples)


def scatter(
    at: NDArray[np.float64], height: NDArray[np.float64], n_samples: int
) -> NDArray[np.float64]:
    """Impulses at fractional places, `(n_trains, n_samples)`.

    - `at` [samples], `height`: `(n_trains, n_impulses)`; each is shared linearly by its two
      neighbours, those outside the window are dropped.
    """
    floor = np.floor(at).astype(np.intp)
    share = at - floor
    train = np.zeros((len(at), n_samples))
    row = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
    for offset, weight in ((0, 1 - share), (1, share)):
        place = floor + offset
        inside = (place >= 0) & (place < n_samples)
        np.add.at(train, (row[inside], place[inside]), (height * weight)[inside])
    return train


def resonance(
    n_samples: int, rate: float, frequency: ArrayLike, damping: ArrayLike, gain: ArrayLike = 1.0
) -> NDArray[np.float64]:
    """Impulse responses of structures with a few damped modes, each of unit energy before `gain`.

    - `frequency` [Hz], `damping` (ratio to critical, in (0, 1)), `gain`: `(n_structures, n_modes)`.

    Returns `(n_structures, n_samples)`: the sum over modes of
    gain * exp(-2 pi damping f t) * sin(2 pi f sqrt(1 - damping^2) t).
    """
    freq = np.atleast_2d(np.asarray(frequency, float))[..., None]
    zeta = np.broadcast_to(np.asarray(damping, float), freq.shape[:2])[..., None]
    weight = np.broadcast_to(np.asarray(gain, float), freq.shape[:2])[..., None]
    t = np.arange(n_samples) / rate
    mode = np.exp(-2 * np.pi * zeta * freq * t) * np.sin(
        2 * np.pi * freq * np.sqrt(1 - zeta**2) * t
    )
    mode /= np.linalg.norm(mode, axis=-1, keepdims=True)
    response: NDArray[np.float64] = (weight * mode).sum(axis=1)
    return response


def ring(train: NDArray[np.float64], response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Causal convolution of each train with its response, `(n, n_samples)`, cut to the train."""
    length = fft.next_fast_len(train.shape[-1] + response.shape[-1] - 1, real=True)
    spectrum = fft.rfft(train, length) * fft.rfft(response, length)
    rung: NDArray[np.float64] = fft.irfft(spectrum, length)[..., : train.shape[-1]]
    return rung
