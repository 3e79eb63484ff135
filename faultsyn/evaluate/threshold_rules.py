"""Rules of one feature and one threshold: "a window is class c when feature j lies above t".

Fitted and scored for all columns at once. Scores are of one class against all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from faultsyn.errors import InputError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rules:
    """One rule a column, as fitted.

    - `threshold`: `(n_features,)`, half-way between two training values.
    - `above`: whether the class lies above it; a value at the threshold counts as below.
    - `accuracy`: balanced accuracy on the training rows.
    """

    threshold: Floats
    above: Mask
    accuracy: Floats

    def says(self, rows: NDArray[Any]) -> Mask:
        """Whether each rule calls each row its class, `(n_rows, n_features)`."""
        return np.asarray((rows > self.threshold) == self.above)


def auroc(rows: NDArray[Any], positive: Mask) -> Floats:
    """Area under the ROC curve of each column of `(n_rows, n_features)`, large meaning the class.

    The Mann-Whitney statistic, ties counted half (Hanley and McNeil, Radiology 143, 1982). Raises
    `InputError` when a side is empty.
    """
    n, rest = _sides(positive)
    ranks = rankdata(rows, axis=0)[positive].sum(axis=0)
    return np.asarray((ranks - n * (n + 1) / 2) / (n * rest))


def fit_rules(rows: NDArray[Any], positive: Mask) -> Rules:
    """The threshold and side of each column with the best balanced accuracy on these rows.

    A column without two different values gets a rule that is always right for one side: 0.5.
    Raises `InputError` when a side is empty.
    """
    n, rest = _sides(positive)
    order = np.argsort(rows, axis=0, kind="stable")
    values = np.take_along_axis(np.asarray(rows, np.float64), order, axis=0)
    hit = positive[order]
    # Row i of these: the cut after the i-th smallest value.
    below = np.cumsum(hit, axis=0)[:-1] / n - np.cumsum(~hit, axis=0)[:-1] / rest
    below[values[1:] <= values[:-1]] = 0.0  # no cut between equal values
    if not len(below):
        none = np.zeros(rows.shape[1])
        return Rules(none, np.ones(rows.shape[1], bool), none + 0.5)
    best = np.abs(below).argmax(axis=0)
    column = np.arange(rows.shape[1])
    gain = below[best, column]
    threshold = (values[best, column] + values[best + 1, column]) / 2
    return Rules(threshold, gain < 0, 0.5 + np.abs(gain) / 2)


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
