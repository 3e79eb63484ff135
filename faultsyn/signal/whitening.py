"""Transforms learnt from healthy data: z-score, whitening of channels, residual components.

The means and covariances of healthy data say which directions are operating condition and noise; a
fault is what leaves them. Each transform is a frozen pair (mean, matrix) fitted by one function, so
that it can be stored as two arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

_FLAT = 1e-9
"""A spread below this share of the largest one (or of the level) counts as none."""


@dataclass(frozen=True)
class Affine:
    """y = (x - mean) @ matrix, or (x - mean) * matrix where it is one factor a value.

    - `mean`: `(n_in,)` float64.
    - `matrix`: `(n_in, n_out)` or `(n_in,)` float64.
    """

    mean: NDArray[np.float64]
    matrix: NDArray[np.float64]

    def __call__(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Rows `(..., n_in)` -> `(..., n_out)`; raises `InputError` on another width."""
        if rows.shape[-1] != len(self.mean):
            raise InputError(f"transform: expected {len(self.mean)} values, got {rows.shape[-1]}")
        centred = np.asarray(rows, np.float64) - self.mean
        scaled = centred * self.matrix if self.matrix.ndim == 1 else centred @ self.matrix
        return scaled.astype(np.float32)


def standardiser(rows: NDArray[Any]) -> Affine:
    """To zero mean and unit variance of `rows` `(n, n_in)`; constant columns become zero."""
    values = _checked(rows, 1)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    return Affine(mean, _inverse(spread, np.abs(mean)))


def whitener(rows: NDArray[Any]) -> Affine:
    """To unit covariance of `rows` `(n, n_in)`, symmetric: `(..., n_in)` -> `(..., n_in)`.

    The symmetric root S^(-1/2) ("ZCA") leaves each output as near its own input as whitening can,
    so that channels keep their meaning. Constant columns become zero.
    """
    normal = _shrunk_components(rows)
    root = (normal.directions * normal.power**-0.5) @ normal.directions.T
    return Affine(normal.mean, normal.scale[:, None] * root * (normal.scale > 0))


def residual(rows: NDArray[Any], drop: int) -> Affine:
    """Principal components of `rows` `(n, n_in)` but the `drop` leading ones, to unit variance.

    `(..., n_in)` -> `(..., n_in - drop)`. The leading components of healthy data carry the
    operating condition. The variances are the shrunk ones: with fewer rows than columns the
    trailing components' own variances are near zero, and dividing by them would turn noise into
    the largest features. Raises `InputError` when nothing would remain.
    """
    normal = _shrunk_components(rows)
    if not 0 <= drop < len(normal.power):
        raise InputError(f"residual: cannot drop {drop} of {len(normal.power)} components")
    axes = (normal.directions * normal.power**-0.5)[:, drop:]
    return Affine(normal.mean, normal.scale[:, None] * axes)


class _Components(NamedTuple):
    """Mean and 1 / std of rows; variances and directions (columns) of the z-scored rows."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    power: NDArray[np.float64]
    directions: NDArray[np.float64]


def _shrunk_components(rows: NDArray[Any]) -> _Components:
    """Principal components of rows, largest first.

    Covariance with Ledoit-Wolf shrinkage towards unit variance: O. Ledoit & M. Wolf, "A
    well-conditioned estimator for large-dimensional covariance matrices", J. Multivariate Analysis
    88, 2004.
    """
    from sklearn.covariance import ledoit_wolf

    values = _checked(rows, 2)
    scaling = standardiser(values)
    scaled = (values - scaling.mean) * scaling.matrix
    if not scaling.matrix.any():
        raise InputError("transform: none of the columns varies in the rows it is learnt from")
    covariance, _ = ledoit_wolf(scaled, assume_centered=True)
    power, directions = np.linalg.eigh(covariance)
    power = np.maximum(power[::-1], _FLAT * power[-1])
    return _Components(scaling.mean, scaling.matrix, power, directions[:, ::-1])


def _checked(rows: NDArray[Any], at_least: int) -> NDArray[np.float64]:
    values = np.asarray(rows, np.float64)
    if values.ndim != 2 or len(values) < at_least:
        raise InputError(f"transform: expected at least {at_least} rows, got shape {rows.shape}")
    if not np.isfinite(values).all():
        column = int(np.argmin(np.isfinite(values).all(axis=0)))
        raise InputError(f"transform: column {column} holds NaN or infinity")
    return values


def _inverse(spread: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / spread, and 0 where the spread is rounding of a constant."""
    flat = (spread <= _FLAT * level) | (spread == 0)
    return np.where(flat, 0.0, 1 / np.where(flat, 1.0, spread))
