"""Giving generated windows the power spectral density of real ones.

An equaliser hides a generator's spectral errors and is detectable itself: judge equalised windows
against an equalised real floor, and never by the spectrum alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.signal.spectrum import welch_psd

SEGMENT = 256
"""Welch segment in samples (at most the window)."""

LIMIT = 20.0
"""Largest amplitude gain and attenuation."""


def mean_psd(x: NDArray[Any], rate: float) -> NDArray[np.float64]:
    """Welch power spectral density of windows `(n, C, T)`, averaged over them, `(C, n_lines)`."""
    return np.asarray(welch_psd(x, rate, SEGMENT)[1].mean(axis=0))


def matching_gain(target: NDArray[np.float64], made: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitude gain `(C, n_lines)` that turns the density `made` into `target`.

    sqrt(target / made), clipped to 1/20 .. 20; 1 for the mean (line 0, which Welch's method
    removes) and where both are without power.
    """
    floor = np.finfo(np.float32).tiny
    gain = np.sqrt(np.maximum(target, floor) / np.maximum(made, floor))
    gain[:, 0] = 1.0
    return np.asarray(np.clip(gain, 1 / LIMIT, LIMIT))


def apply_gain(x: NDArray[Any], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windows `(n, C, T)` through the zero-phase filter with amplitude `gain` `(C, n_lines)`.

    Edges are mirrored by one segment, so that the filter does not wrap round.
    """
    samples = x.shape[-1]
    pad = min(SEGMENT, samples - 1)
    wide = np.pad(np.asarray(x, np.float64), ((0, 0), (0, 0), (pad, pad)), mode="reflect")
    spectrum = np.fft.rfft(wide)
    at = np.linspace(0, 1, spectrum.shape[-1])
    lines = np.linspace(0, 1, gain.shape[-1])
    fine = np.stack([np.interp(at, lines, row) for row in gain])
    made: NDArray[np.float64] = np.fft.irfft(spectrum * fine, wide.shape[-1])
    return made[..., pad : pad + samples]


def minimum_phase(amplitude: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """Causal impulse responses `(C, n_samples)` of least delay with a given `amplitude` response.

    - `amplitude`: `(C, n_lines)` from zero to half the sample rate, positive.

    The folded real cepstrum of the log-amplitude (Oppenheim & Schafer, Discrete-Time Signal
    Processing, section on minimum-phase sequences).
    """
    at = np.linspace(0, 1, n_samples // 2 + 1)
    lines = np.linspace(0, 1, amplitude.shape[-1])
    log = np.log(np.stack([np.interp(at, lines, row) for row in amplitude]))
    cepstrum = np.fft.irfft(log, n_samples)
    fold = np.zeros(n_samples)
    fold[0] = fold[n_samples // 2] = 1.0
    fold[1 : n_samples // 2] = 2.0
    return np.asarray(np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)), n_samples))
