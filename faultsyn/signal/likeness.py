"""How alike windows are, whatever their level and start: circular cross-correlation."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def unit_windows(x: NDArray[np.floating]) -> Floats:
    """Windows `(n, C, T)` centred channel by channel and of unit norm, constant ones all zero."""
    centred = x - x.mean(axis=-1, keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    level = np.sqrt((x**2).sum(axis=(1, 2), keepdims=True))
    flat = norm <= 1e-6 * level
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, norm))


def circular_likeness(mine: Floats, theirs: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Largest circular cross-correlation of every pair, all channels shifted alike.

    - `mine`, `theirs`: windows of `unit_windows`, `(n, C, T)` and `(k, C, T)`.

    Returns it, at most 1, and the samples by which one of `theirs` is rotated to match, both
    `(n, k)`.
    """
    n_samples = mine.shape[-1]
    spectra = scipy.fft.rfft(mine.astype(np.float32))
    best = np.empty((len(mine), len(theirs)))
    shift = np.zeros((len(mine), len(theirs)), np.intp)
    for k, other in enumerate(scipy.fft.rfft(theirs.astype(np.float32))):
        cross = scipy.fft.irfft(np.einsum("ncf,cf->nf", spectra, other.conj()), n_samples)
        at = cross.argmax(axis=1)
        best[:, k] = cross[np.arange(len(mine)), at]
        shift[:, k] = at
    return np.minimum(best, 1.0), shift
