"""Per-channel scaling of raw windows, learnt from training windows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.windows import NORMAL, FloatArray, WindowSet

_CONSTANT = 1e-6  # of the channel's largest magnitude: below float32's resolution
SOFT_LIMIT = 3.0  # deviations
_LEAST_SHARE = 1e-3  # of the diagonal in a shrunk covariance


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
        return np.asarray(SOFT_LIMIT * np.arcsinh(z / SOFT_LIMIT), np.float32)

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


@dataclass(frozen=True)
class RowWhitener:
    """Feature rows to unit within-class covariance: the metric of a linear discriminant.

    The covariance is of all training rows around their class mean, each feature first scaled to
    its own deviation, shrunk towards that diagonal (Ledoit and Wolf 2004), its root symmetric. The
    normals' mean, or that of all rows where there are none, becomes zero.

    - `mean`: `(n_features,)`; `matrix`: `(n_features, n_features)`.
    """

    mean: NDArray[np.float64]
    matrix: NDArray[np.float64]

    @classmethod
    def fit(cls, windows: WindowSet) -> Self:
        """Learn from labelled rows, the real ones where there are any."""
        from sklearn.covariance import ledoit_wolf_shrinkage

        real = windows.take(~windows.synthetic)
        known = real if len(real) else windows
        rows = known.rows.astype(np.float64)
        _, codes = np.unique(known.labels, return_inverse=True)
        means = np.stack([rows[codes == code].mean(axis=0) for code in range(codes.max() + 1)])
        around = rows - means[codes]
        scale = around.std(axis=0)
        scale = np.where(scale > _CONSTANT * np.abs(rows).max(axis=0, initial=1), scale, 1.0)
        around = around / scale
        share = float(ledoit_wolf_shrinkage(around, assume_centered=True)) if len(rows) > 1 else 1.0
        covariance = (1 - share) * around.T @ around / len(around)
        covariance[np.diag_indices_from(covariance)] += max(share, _LEAST_SHARE)
        values, vectors = np.linalg.eigh(covariance)
        normal = known.labels == NORMAL
        centre = rows[normal if normal.any() else slice(None)].mean(axis=0)
        return cls(centre, (vectors / np.sqrt(values)) @ vectors.T / scale[:, None])

    def apply(self, x: FloatArray) -> FloatArray:
        """Whitened rows `(n, 1, n_features)`."""
        return np.asarray((x - self.mean) @ self.matrix, np.float32)
