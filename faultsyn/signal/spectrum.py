"""Spectra of windows: log-spectrum bands, Welch power spectral density, band energies."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from faultsyn.errors import InputError

BLOCK = 1 << 20
"""Samples worked on at once: keeps the temporaries of long batches in the cache."""


def zscore_windows(x: NDArray[Any]) -> NDArray[np.float64]:
    """Each window `(..., n_samples)` to zero mean and unit variance, in float64.

    A constant window becomes zeros.
    """
    centred = np.asarray(x, np.float64) - np.mean(x, axis=-1, keepdims=True, dtype=np.float64)
    scale = centred.std(axis=-1, keepdims=True)
    # Rounding leaves a constant window with a spread of some 1e-17 of its level, not with zero.
    level = np.abs(x).max(axis=-1, keepdims=True)
    flat = scale <= 1e-7 * level
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, scale))


def band_starts(n_lines: int, n_bands: int) -> NDArray[np.intp]:
    """First spectral line of each of `n_bands` equal bands over `n_lines` lines."""
    return np.asarray(np.arange(n_bands) * (n_lines - 1) // n_bands, np.intp)


def log_spectrum(x: NDArray[Any], n_bands: int = 128) -> NDArray[np.float32]:
    """Log-spectrum of windows `(..., n_samples)` -> `(..., n_bands)`.

    The window is z-scored and Hann-weighted; log(1 + |FFT|) is averaged in equal bands from zero to
    half the sample rate. Short windows are zero-padded to one line per band. Amplitude-free: `x`
    and `2 x` give the same bands. Raises `InputError` for fewer than one band or two samples.
    """
    n_samples = x.shape[-1]
    if n_bands < 1 or n_samples < 2:
        raise InputError(
            f"log_spectrum: expected >= 1 band and >= 2 samples, got {n_bands} and {n_samples}"
        )
    flat = np.reshape(x, (-1, n_samples))
    n_fft = max(n_samples, 2 * n_bands)
    starts = band_starts(n_fft // 2 + 1, n_bands)
    taper = scipy.signal.windows.hann(n_samples, sym=False)
    out = np.empty((len(flat), n_bands), np.float32)
    step = max(1, BLOCK // n_fft)
    width = np.diff(starts, append=n_fft // 2 + 1)
    for at in range(0, len(flat), step):
        block = (zscore_windows(flat[at : at + step]) * taper).astype(np.float32)
        lines = np.log1p(np.abs(scipy.fft.rfft(block, n_fft)))
        out[at : at + step] = np.add.reduceat(lines, starts, axis=-1) / width
    return out.reshape(*x.shape[:-1], n_bands)


def welch_psd(
    x: NDArray[Any], rate: float, segment: int = 256
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies [Hz] and one-sided power spectral density [unit^2/Hz] of `(..., n_samples)`.

    Welch's method: Hann segments of `segment` samples (at most the window), half overlapped, mean
    removed (P. Welch, IEEE Trans. Audio Electroacoustics 15, 1967).
    """
    length = min(segment, x.shape[-1])
    freqs, psd = scipy.signal.welch(np.asarray(x, np.float64), rate, nperseg=length)
    return freqs, psd


def band_energies(
    x: NDArray[Any], rate: float, edges: NDArray[np.float64], segment: int = 256
) -> NDArray[np.float64]:
    """Mean square [unit^2] in each band between successive `edges` [Hz] -> `(..., n_bands)`.

    The Welch density integrated over the band. Raises `InputError` when the edges do not increase
    or a band holds no spectral line.
    """
    if len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise InputError(f"band_energies: edges must increase, got {list(edges)}")
    freqs, psd = welch_psd(x, rate, segment)
    bounds = np.searchsorted(freqs, edges)
    if np.any(np.diff(bounds) == 0):
        raise InputError(
            f"band_energies: bands must be wider than the line spacing of {freqs[1]:.4g} Hz, "
            f"got edges {list(edges)}",
            "use fewer bands or a longer segment",
        )
    sums = np.add.reduceat(psd[..., : bounds[-1]], bounds[:-1], axis=-1)
    energies: NDArray[np.float64] = sums * freqs[1]
    return energies
