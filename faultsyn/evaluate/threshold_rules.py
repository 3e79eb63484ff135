"""Rules of one feature: "a window is class c when feature j lies above t", or between two values.

Fitted and scored for all columns at once. Scores are of one class against all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from faultsyn.errors import InputError

INTERVAL_GAIN = 0.02
"""Balanced accuracy that a second threshold must add to be taken."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rules:
    """One rule a column, as fitted: the class lies in `low` < value <= `high`.

    - `low`, `high`: `(n_features,)`, half-way between two training values; infinite where the rule
      has one side only.
    - `accuracy`: balanced accuracy on the training rows.
    """

    low: Floats
    high: Floats
    accuracy: Floats

    def says(self, rows: NDArray[Any]) -> Mask:
        """Whether each rule calls each row its class, `(n_rows, n_features)`."""
        return np.asarray((rows > self.low) & (rows <= self.high))


def auroc(rows: NDArray[Any], positive: Mask) -> Floats:
    """Area under the ROC curve of each column of `(n_rows, n_features)`, large meaning the class.

    The Mann-Whitney statistic, ties counted half (Hanley and McNeil, Radiology 143, 1982). Raises
    `InputError` when a side is empty.
    """
    n, rest = _sides(positive)
    ranks = rankdata(rows, axis=0)[positive].sum(axis=0)
    return np.asarray((ranks - n * (n + 1) / 2) / (n * rest))


def fit_rules(rows: NDArray[Any], positive: Mask) -> Rules:
    """The side or the interval of each column with the best balanced accuracy on these rows.

    An interval is taken where it beats the best single threshold by more than `INTERVAL_GAIN`: a
    class between two others needs one, and a stray window must not cut off the end of a side. A
    column without two different values gets a rule that calls nothing: 0.5. Raises `InputError`
    when a side is empty.
    """
    n, rest = _sides(positive)
    order = np.argsort(rows, axis=0, kind="stable")
    values = np.take_along_axis(np.asarray(rows, np.float64), order, axis=0)
    worth = np.where(positive[order], 1 / n, -1 / rest)
    # Row i: what lies at or below the cut before the i-th smallest value; the ends are no cut.
    below = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(worth, axis=0)])
    allowed = np.ones(below.shape, bool)
    allowed[1:-1] = values[1:] > values[:-1]
    end = np.full((1, rows.shape[1]), np.inf)
    cuts = np.concatenate([-end, (values[:-1] + values[1:]) / 2, end])
    column = np.arange(rows.shape[1])
    lowest = np.where(allowed, below, np.inf).argmin(axis=0)
    highest = np.where(allowed, below, -np.inf).argmax(axis=0)
    above = -below[lowest, column] > below[highest, column]
    one_sided = np.where(above, -below[lowest, column], below[highest, column])
    start, stop, gain = _best_interval(below, allowed)
    inside = gain > one_sided + 2 * INTERVAL_GAIN
    first = np.where(inside, start, np.where(above, lowest, 0))
    last = np.where(inside, stop, np.where(above, len(below) - 1, highest))
    found = np.where(inside, gain, one_sided)
    return Rules(cuts[first, column], cuts[last, column], 0.5 + found / 2)


def _best_interval(
    below: Floats, allowed: Mask
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Rows a <= b with the largest below[b] - below[a], by column (Bentley 1984, Kadane's scan)."""
    start = np.zeros(below.shape[1], np.intp)
    best_start, best_stop = start.copy(), start.copy()
    least = below[0].copy()
    best = np.zeros(below.shape[1])
    for row in range(1, len(below)):
        gain = below[row] - least
        better = allowed[row] & (gain > best)
        best = np.where(better, gain, best)
        best_start, best_stop = (
            np.where(better, start, best_start),
            np.where(better, row, best_stop),
        )
        lower = allowed[row] & (below[row] < least)
        least = np.where(lower, below[row], least)
        start = np.where(lower, row, start)
    return best_start, best_stop, best


def rates(said: Mask, positive: Mask) -> tuple[Floats, Floats]:
    """Recall of the class and false alarms of each rule, from what it said, `(n_rows, n_rules)`."""
    _sides(positive)
    return said[positive].mean(axis=0), said[~positive].mean(axis=0)


def _sides(positive: Mask) -> tuple[int, int]:
    n = int(positive.sum())
    if n == 0 or n == len(positive):
        raise InputError(
            f"one class against the others: expected rows of both, got {n} of {len(positive)}"
        )
    return n, len(positive) - n
