"""Features of slow process data: level, spread, trend and roughness of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

KINDS = ("level", "spread", "trend", "roughness")
OFFSET = 0.05


def process_features(x: NDArray[Any]) -> NDArray[np.float32]:
    """Four features a channel, `(n, n_channels, n_samples)` -> `(n, 4 * n_channels)`.

    arcsinh(mean), log(std + 0.05), arcsinh(3 x slope), log(std of the first difference + 0.05), all
    channels' levels first, then all spreads, ... `slope` is the least-squares change over half the
    window. Channels should be z-scored or whitened by the normals, so that 1 is a healthy standard
    deviation. Raises `InputError` for fewer than three samples.
    """
    if x.shape[-1] < 3:
        raise InputError(f"process features: expected >= 3 samples, got {x.shape[-1]}")
    values = np.asarray(x, np.float64)
    time = np.linspace(-1.0, 1.0, values.shape[-1])
    slope = values @ (time / (time @ time))
    columns = (
        np.arcsinh(values.mean(axis=-1)),
        np.log(values.std(axis=-1) + OFFSET),
        np.arcsinh(3 * slope),
        np.log(np.diff(values, axis=-1).std(axis=-1) + OFFSET),
    )
    return np.asarray(np.concatenate(columns, axis=-1), np.float32)


def process_feature_names(channels: Sequence[str]) -> tuple[str, ...]:
    """Names of `process_features`, in their order."""
    return tuple(f"{channel} {kind}" for kind in KINDS for channel in channels)
