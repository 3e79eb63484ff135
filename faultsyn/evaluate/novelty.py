"""How unlike everything known a window is; larger is stranger.

- `diagonal`: squared distance to the nearest class mean, every feature over its own within-class
  deviation, over the number of features. Directions in which a single machine hardly varies do not
  count more than others, so that another load is no novelty at once.
- `mahalanobis`: the same under the whole within-class covariance, shrunken (Lee et al. 2018, A
  simple unified framework for detecting out-of-distribution samples).
- `outlier`: log of the mean distance to the three nearest training rows, in the metric of
  `diagonal`, over the distance that those have to their own nearest: a class that spreads widely
  does not hide what lies beside one that does not (after the local outlier factor, Breunig et al.
  2000, LOF: identifying density-based local outliers).
- `energy`: minus log sum exp of the classifier's logits (Liu et al. 2020, Energy-based
  out-of-distribution detection, eq. 4 with T = 1).
- `combined`: `outlier` and `energy`, each in deviations of the known windows, added.
- `ensemble`: entropy of the mean prediction of classifiers that saw different groups
  (Lakshminarayanan et al. 2017, Simple and scalable predictive uncertainty estimation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp
from scipy.stats import rankdata

from faultsyn.errors import InputError

Floats = NDArray[np.float64]

NEIGHBOURS = 3
MOST_ROWS = 3000
"""Training rows that neighbours are looked for among; bounds time and memory."""
SMALL = 1e-6
"""Least distance and least deviation."""
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
    def fit(cls, rows: NDArray[Any], codes: NDArray[np.intp], share: float | None = None) -> Self:
        """Learn from training rows `(n, d)`.

        - `share`: shrinkage of the correlations towards none, 0 to 1; that of Ledoit and Wolf
          (2004) when None.

        Raises `InputError` on no rows.
        """
        x = np.asarray(rows, np.float64)
        if len(x) == 0:
            raise InputError("novelty: no training rows")
        around = x - _means(x, codes)[np.searchsorted(np.unique(codes), codes)]
        scale = around.std(axis=0)
        scale = np.where(scale > 1e-9 * np.abs(x).max(axis=0, initial=1e-30), scale, 1.0)
        around = around / scale
        if share is None:
            from sklearn.covariance import ledoit_wolf_shrinkage

            several = len(x) > len(np.unique(codes))
            found = ledoit_wolf_shrinkage(around, assume_centered=True) if several else 1.0
            share = max(float(found), _LEAST_SHARE)
        if share >= 1:
            return cls.under(np.diag(1 / scale), x, codes)
        covariance = (1 - share) * around.T @ around / len(x)
        covariance[np.diag_indices_from(covariance)] += share
        lower = cholesky(covariance, lower=True)
        root = solve_triangular(lower, np.eye(len(covariance)), lower=True)
        return cls.under((root / scale).T, x, codes)

    @classmethod
    def under(cls, whiten: Floats, rows: NDArray[Any], codes: NDArray[np.intp]) -> Self:
        """The metric of a map that was learnt before; raises `InputError` on another width."""
        width = rows.shape[1]
        if whiten.shape != (width, width):
            raise InputError(f"novelty: rows of {width} features, a map of {whiten.shape}")
        return cls(whiten, np.asarray(rows, np.float64) @ whiten, np.asarray(codes, np.intp))

    @property
    def means(self) -> Floats:
        """Mapped class means, in the order of the classes that occur."""
        return _means(self.rows, self.codes)

    def mapped(self, rows: NDArray[Any]) -> Floats:
        """Rows `(n, d)` in this metric."""
        return np.asarray(np.asarray(rows, np.float64) @ self.whiten)

    def squared_between(self, rows: NDArray[Any], others: NDArray[Any]) -> Floats:
        """Squared distances of rows `(n, d)` to others `(m, d)` in this metric, `(n, m)`."""
        return _squared(self.mapped(rows), self.mapped(others))

    def to_means(self, rows: NDArray[Any]) -> Floats:
        """Squared distance to the nearest class mean over the number of features, `(n,)`."""
        nearest = _squared(self.mapped(rows), self.means).min(axis=1)
        return np.asarray(nearest / self.rows.shape[1])

    @cached_property
    def sample(self) -> tuple[Floats, Floats]:
        """Training rows for neighbours, evenly spread, and the distance of each to its own."""
        n = len(self.rows)
        at = np.arange(n) if n <= MOST_ROWS else np.linspace(0, n - 1, MOST_ROWS).astype(int)
        rows = self.rows[at]
        k = min(NEIGHBOURS + 1, len(rows))  # itself is among them
        own = np.sqrt(np.partition(_squared(rows, rows), k - 1, axis=1)[:, :k]).sum(axis=1)
        own = own / max(k - 1, 1)
        return rows, np.maximum(own, SMALL * max(float(own.mean()), SMALL))

    def outlier(self, rows: NDArray[Any]) -> Floats:
        """Log distance to the nearest training rows over their own to each other, `(n,)`."""
        known, own = self.sample
        k = min(NEIGHBOURS, len(known))
        squares = _squared(self.mapped(rows), known)
        nearest = np.argpartition(squares, k - 1, axis=1)[:, :k]
        mine = np.sqrt(np.take_along_axis(squares, nearest, axis=1)).mean(axis=1)
        return np.asarray(np.log(np.maximum(mine, SMALL) / own[nearest].mean(axis=1)))


@dataclass(frozen=True)
class Scale:
    """Median and robust deviation of a score over known windows."""

    centre: float
    spread: float

    @classmethod
    def fit(cls, scores: Floats) -> Self:
        """Of `(n,)` scores; the deviation is that of a normal distribution of equal quartiles."""
        low, centre, high = np.quantile(scores, (0.25, 0.5, 0.75))
        return cls(float(centre), max(float(high - low) / 1.349, SMALL))

    def __call__(self, scores: Floats) -> Floats:
        """Scores in deviations."""
        return np.asarray((scores - self.centre) / self.spread)


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
