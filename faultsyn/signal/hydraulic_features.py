"""Features of a hydraulic working cycle: course of every sensor, ripple, ripple within the flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

FAST = ("FS1", "FS2")
OFFSET = 1e-3
"""In the sensor's unit; a constant segment gives log(0.001)."""


def hydraulic_features(
    x: NDArray[Any],
    rate: float,
    channels: Sequence[str],
    segments: int = 12,
    fast: Sequence[str] = FAST,
) -> NDArray[np.float32]:
    """Features of cycles `(n, n_channels, n_samples)` at `rate` [Hz].

    For every channel the means of `segments` equal parts, then for every channel the log standard
    deviation of its one-second means, then for each channel of `fast` the log standard deviation
    within each part. A cycle of 60 s with 17 channels of which two are fast gives 17 x 12 + 17 +
    2 x 12 = 245. One-second means make a slow sensor whose value was held give what its own samples
    would. Raises `InputError` when a fast channel is missing, a second is no whole number of
    samples, or the window is not a whole number of seconds and parts.
    """
    missing = sorted(set(fast) - set(channels))
    if missing:
        raise InputError(
            f"hydraulic features: channels {missing} are missing; got {list(channels)}",
            "name the fast channels with the parameter 'fast'",
        )
    second, length = round(rate), x.shape[-1]
    if second < 1 or abs(rate - second) > 1e-6 * rate or length % second or length % segments:
        raise InputError(
            f"hydraulic features: {length} samples at {rate:g} Hz are no whole number of seconds "
            f"and of {segments} parts"
        )
    values = np.asarray(x, np.float64)
    parts = values.reshape(*x.shape[:2], segments, length // segments)
    seconds = values.reshape(*x.shape[:2], length // second, second).mean(axis=-1)
    means = parts.mean(axis=-1).reshape(len(x), x.shape[1] * segments)
    columns = [means, np.log(seconds.std(axis=-1) + OFFSET)]
    columns += [np.log(parts[:, list(channels).index(c)].std(axis=-1) + OFFSET) for c in fast]
    return np.asarray(np.concatenate(columns, axis=-1), np.float32)


def hydraulic_feature_names(
    channels: Sequence[str], segments: int = 12, fast: Sequence[str] = FAST
) -> tuple[str, ...]:
    """Names of `hydraulic_features`, in their order."""
    means = [f"{channel} mean[{i}]" for channel in channels for i in range(segments)]
    spreads = [f"{channel} ripple" for channel in channels]
    return (
        *means,
        *spreads,
        *(f"{channel} ripple[{i}]" for channel in fast for i in range(segments)),
    )
