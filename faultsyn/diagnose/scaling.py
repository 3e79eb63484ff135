"""Per-channel scaling of raw windows, learnt from training windows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.windows import NORMAL, FloatArray, WindowSet

_CONSTANT = 1e-6  # of the channel's largest magnitude: below float32's resolution
_SOFT_LIMIT = 3.0  # deviations


@dataclass(frozen=True)
class ChannelScaler:
    """Each channel as deviations from what is normal, softly limited: 3 arcsinh(z / 3).

    z has zero mean and unit deviation over all samples of the training normals, or of all training
    windows where there are no normals: faults that drive a channel far away would otherwise hide
    the smaller ones. The soft limit is the identity for small z and logarithmic for large. Never
    per window: that would erase amplitude. A channel that is constant in training is silenced
    (gain 0), because nothing can be learnt about what its changes mean.

    - `mean`, `gain`: `(n_channels,)`.
    """

    mean: NDArray[np.float64]
    gain: NDArray[np.float64]

    @classmethod
    def fit(cls, windows: WindowSet) -> Self:
        """Learn from the real windows, or from all of them if every one is synthetic."""
        real = windows.take(~windows.synthetic)
        known = real if len(real) else windows
        normal = known.of(NORMAL)
        x = (normal if len(normal) else known).x.astype(np.float64)
        mean, deviation = x.mean(axis=(0, 2)), x.std(axis=(0, 2))
        varies = deviation > _CONSTANT * np.abs(x).max(axis=(0, 2))
        return cls(mean, np.where(varies, 1 / np.where(varies, deviation, 1), 0.0))

    def apply(self, x: FloatArray) -> FloatArray:
        """Scaled samples `(n_windows, n_channels, n_samples)`."""
        z = (x - self.mean[:, None]) * self.gain[:, None]
        return np.asarray(_SOFT_LIMIT * np.arcsinh(z / _SOFT_LIMIT), np.float32)

    def linear(self, x: FloatArray) -> FloatArray:
        """Deviations z without the soft limit."""
        return np.asarray((x - self.mean[:, None]) * self.gain[:, None], np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that `restore` puts back."""
        return {"scaler.mean": self.mean, "scaler.gain": self.gain}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild what `state` took apart."""
        return cls(arrays["scaler.mean"], arrays["scaler.gain"])
