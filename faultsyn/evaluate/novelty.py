"""How unlike everything known a window is; larger is stranger.

- `mahalanobis`: squared distance to the nearest class mean under one shrunken within-class
  covariance, over the number of features (Lee et al. 2018, A simple unified framework for detecting
  out-of-distribution samples).
- `neighbour`: distance to the k-th nearest training row in the same metric (Sun et al. 2022,
  Out-of-distribution detection with deep nearest neighbors).
- `energy`: minus log sum exp of the classifier's logits (Liu et al. 2020, Energy-based
  out-of-distribution detection, eq. 4 with T = 1).
- `ensemble`: entropy of the mean prediction of classifiers that saw different groups
  (Lakshminarayanan et al. 2017, Simple and scalable predictive uncertainty estimation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp
from scipy.stats import rankdata

from faultsyn.errors import InputError

Floats = NDArray[np.float64]

KINDS = ("mahalanobis", "neighbour", "energy", "ensemble")
NEIGHBOURS = 5
_LEAST_SHARE = 1e-3
"""Least shrinkage: with few rows the covariance has directions without any variance."""


@dataclass(frozen=True)
class Metric:
    """The metric of the training rows: a linear map under which a class has unit covariance.

    - `whiten`: `(d, d)`; `rows`: the mapped training rows `(n, d)`; `codes`: their classes.
    - `means`: mapped class means `(C, d)`.
    """

    whiten: Floats
    rows: Floats
    codes: NDArray[np.intp]

    @classmethod
    def fit(cls, rows: NDArray[Any], codes: NDArray[np.intp]) -> Self:
        """Learn from training rows `(n, d)`; Ledoit-Wolf shrinkage towards each own variance.

        Raises `InputError` on no rows.
        """
        from sklearn.covariance import ledoit_wolf_shrinkage

        x = np.asarray(rows, np.float64)
        if len(x) == 0:
            raise InputError("novelty: no training rows")
        around = x - _means(x, codes)[np.searchsorted(np.unique(codes), codes)]
        scale = around.std(axis=0)
        scale = np.where(scale > 1e-9 * np.abs(x).max(axis=0, initial=1e-30), scale, 1.0)
        around = around / scale
        share = 1.0
        if len(x) > len(np.unique(codes)):
            share = max(float(ledoit_wolf_shrinkage(around, assume_centered=True)), _LEAST_SHARE)
        covariance = (1 - share) * around.T @ around / len(x)
        covariance[np.diag_indices_from(covariance)] += share
        lower = cholesky(covariance, lower=True)
        root = solve_triangular(lower, np.eye(len(covariance)), lower=True)
        whiten = (root / scale).T
        return cls(whiten, x @ whiten, np.asarray(codes, np.intp))

    @property
    def means(self) -> Floats:
        """Mapped class means, in the order of the classes that occur."""
        return _means(self.rows, self.codes)

    def mapped(self, rows: NDArray[Any]) -> Floats:
        """Rows `(n, d)` in this metric."""
        return np.asarray(np.asarray(rows, np.float64) @ self.whiten)

    def squared(self, rows: NDArray[Any]) -> Floats:
        """Squared distances of rows to the training rows, `(n, n_training)`."""
        return _squared(self.mapped(rows), self.rows)

    def mahalanobis(self, rows: NDArray[Any]) -> Floats:
        """Squared distance to the nearest class mean over the number of features, `(n,)`."""
        nearest = _squared(self.mapped(rows), self.means).min(axis=1)
        return np.asarray(nearest / self.rows.shape[1])

    def neighbour(self, rows: NDArray[Any]) -> Floats:
        """Distance to the k-th nearest training row over the root of the features, `(n,)`."""
        k = min(NEIGHBOURS, len(self.rows))
        squares = np.partition(self.squared(rows), k - 1, axis=1)[:, k - 1]
        return np.asarray(np.sqrt(squares / self.rows.shape[1]))


def energy(logits: Floats) -> Floats:
    """Minus log sum exp of `(n, C)` logits."""
    return np.asarray(-logsumexp(logits, axis=1))


def ensemble_entropy(members: Sequence[Floats]) -> Floats:
    """Entropy of the mean of several predictions `(n, C)`, `(n,)`."""
    mean = np.mean(members, axis=0)
    return np.asarray(-(mean * np.log(np.maximum(mean, 1e-12))).sum(axis=1))


def auroc(known: NDArray[Any], unknown: NDArray[Any]) -> float | None:
    """Chance that an unknown scores above a known one, ties half; None where either is empty."""
    if len(known) == 0 or len(unknown) == 0:
        return None
    ranks = rankdata(np.concatenate([known, unknown]))[len(known) :]
    return float((ranks.mean() - (len(unknown) + 1) / 2) / len(known))


def threshold(known: NDArray[Any], share: float) -> float:
    """The score that the given share of known windows does not exceed."""
    return float(np.quantile(known, share, method="higher"))


def _means(rows: Floats, codes: NDArray[np.intp]) -> Floats:
    return np.stack([rows[codes == code].mean(axis=0) for code in np.unique(codes)])


def _squared(rows: Floats, others: Floats) -> Floats:
    """Squared distances `(n, m)`; the expanded square is exact enough for whitened rows."""
    cross = rows @ others.T
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * cross
    return np.asarray(np.maximum(squares, 0))
