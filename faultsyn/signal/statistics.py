"""Time-domain statistics of vibration windows.

The usual condition indicators (Randall, "Vibration-based Condition Monitoring", Wiley 2011, ch. 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = (
    "mean",
    "rms",
    "std",
    "peak",
    "peak-to-peak",
    "skewness",
    "kurtosis",
    "crest",
    "shape",
    "impulse",
    "clearance",
)


def time_statistics(x: NDArray[Any]) -> NDArray[np.float32]:
    """Statistics of each channel, `(n, n_channels, n_samples)` -> `(n, n_channels * 11)`.

    In the order of `KINDS`. Kurtosis is 3 for Gaussian noise; crest = peak / rms, shape = rms /
    mean |x|, impulse = peak / mean |x|, clearance = peak / (mean sqrt|x|)^2. The last four and
    skewness and kurtosis are free of amplitude; for a constant channel skewness and kurtosis are 0,
    for a zero channel every ratio is 0.
    """
    values = np.asarray(x, np.float64)
    mean, std = values.mean(axis=-1), values.std(axis=-1)
    magnitude = np.abs(values)
    peak, mean_abs = magnitude.max(axis=-1), magnitude.mean(axis=-1)
    rms = np.sqrt((values**2).mean(axis=-1))
    std = np.where(std <= 1e-7 * peak, 0.0, std)  # rounding of a constant channel
    centred = values - mean[..., None]
    columns = (
        mean,
        rms,
        std,
        peak,
        np.ptp(values, axis=-1),
        _ratio((centred**3).mean(axis=-1), std**3),
        _ratio((centred**4).mean(axis=-1), std**4),
        _ratio(peak, rms),
        _ratio(rms, mean_abs),
        _ratio(peak, mean_abs),
        _ratio(peak, np.sqrt(magnitude).mean(axis=-1) ** 2),
    )
    return np.stack(columns, axis=-1).reshape(len(x), x.shape[1] * len(KINDS)).astype(np.float32)


def time_statistic_names(channels: Sequence[str]) -> tuple[str, ...]:
    """Names of `time_statistics`, in their order."""
    return tuple(f"{channel} {kind}" for channel in channels for kind in KINDS)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
