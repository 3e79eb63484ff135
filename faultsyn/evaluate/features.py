"""What distribution measures look at: level, spectrum and envelope spectrum of each window.

The blocks count alike in a distance, whatever their width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.kurtosis import window_kurtosis
from faultsyn.evaluate.remember import once_per_window
from faultsyn.signal.envelope import envelope_bands
from faultsyn.signal.spectrum import log_spectrum
from faultsyn.windows import WindowSet

Blocks = dict[str, NDArray[np.float32]]

ENVELOPE_SHARE = 1 / 16
"""Envelope spectra are read up to this share of the sample rate (750 Hz at 12 kHz)."""


def fine_features(windows: WindowSet) -> Blocks:
    """Blocks `(n_windows, width)`: level, log-spectrum (128 bands), envelope spectrum (64 bands).

    Windows shorter than 256 samples have fewer bands (half their samples, a quarter for the
    envelope). Feature rows are one block, themselves.
    """
    return _blocks(windows, 128, 64)


def coarse_features(windows: WindowSet) -> Blocks:
    """Blocks `(n_windows, width)`: level and shape, 16 spectral bands, 16 envelope bands."""
    return _blocks(windows, 16, 16)


def feature_views(
    real: WindowSet, judged: WindowSet, blocks: Callable[[WindowSet], Blocks] = fine_features
) -> tuple[WindowSet, WindowSet]:
    """Both sets as feature rows on the scale of the real ones, all blocks with equal shares.

    Columns are centred on the real rows. Levels and feature rows are divided column by column, a
    spectrum as a whole: a band in which real windows are very quiet, and so hardly vary, would
    otherwise outweigh all others for a trace of leakage.
    """
    mine, theirs = blocks(real), blocks(judged)
    scaled = [
        _scaled(mine[name], theirs[name], whole=name in ("spectrum", "envelope")) for name in mine
    ]
    return (
        real.as_features(np.hstack([pair[0] for pair in scaled])),
        judged.as_features(np.hstack([pair[1] for pair in scaled])),
    )


def _scaled(
    real: NDArray[Any], judged: NDArray[Any], *, whole: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both blocks by the real one's mean and deviations, mean square 1 over the real rows.

    A column that is constant in the real rows is divided by its level instead (at least 1).
    """
    mean = real.mean(axis=0, dtype=np.float64)
    spread = real.std(axis=0, dtype=np.float64)
    level = np.abs(real).max(axis=0)
    if whole:
        spread = np.full_like(spread, np.sqrt((spread**2).mean()))
        level = np.full_like(level, level.max())
    scale = np.where(spread > 1e-6 * level, spread, np.maximum(level, 1.0))
    scale = scale * np.sqrt(real.shape[1])
    return (real - mean) / scale, (judged - mean) / scale


def _blocks(windows: WindowSet, n_spectrum: int, n_envelope: int) -> Blocks:
    if not np.isfinite(windows.rate):
        return {"rows": windows.rows}
    rate, length = windows.rate, windows.n_samples
    n_spectrum = max(1, min(n_spectrum, length // 2))
    n_envelope = max(1, min(n_envelope, length // 4))
    spectrum = once_per_window(
        ("spectrum", n_spectrum), windows.x, lambda x: log_spectrum(x, n_spectrum)
    )
    envelopes = once_per_window(
        ("envelope", rate, n_envelope),
        windows.x,
        lambda x: envelope_bands(x, rate, rate * ENVELOPE_SHARE, n_envelope),
    )
    n = len(windows)
    return {
        "level": _level(windows),
        "spectrum": spectrum.reshape(n, -1),
        "envelope": envelopes.reshape(n, -1),
    }


def _level(windows: WindowSet) -> NDArray[np.float32]:
    """Mean, log deviation and log kurtosis of each channel, `(n_windows, 3 n_channels)`."""
    x = windows.x.astype(np.float64)
    deviation = np.maximum(x.std(axis=-1), np.finfo(np.float32).tiny)
    kurtosis = np.nan_to_num(window_kurtosis(windows), nan=1.0)
    parts = (x.mean(axis=-1), np.log(deviation), np.log(kurtosis))
    levels: NDArray[np.float32] = np.concatenate(parts, axis=-1).astype(np.float32)
    return levels
