"""How well scores tell members from others: area under the curve, true positives at few false ones.

Area and variance: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); with windows that belong
together (one recording, one asset): Obuchowski, "Nonparametric analysis of clustered ROC curve
data", Biometrics 53 (1997). True positives at low false-positive rates: Carlini et al., "Membership
inference attacks from first principles" (IEEE S&P 2022): an attack that is sure of a few windows is
worse than one that is a little right about all, and the area does not show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t

from faultsyn.errors import InputError
from faultsyn.privacy.intervals import LEVEL, Interval, clopper_pearson

Floats = NDArray[np.float64]

LOW_RATES = (0.01, 0.001)
"""False-positive rates that true positives are given at."""


@dataclass(frozen=True)
class Rate:
    """True positives at a false-positive rate.

    - `at`: the false-positive rate asked for; `tpr`: share of the members that are found.
    - `resolved`: whether there are enough others to see such a rate; without, `tpr` is that at no
      false positive at all, which is a lower figure.
    """

    at: float
    tpr: Interval
    resolved: bool


def auc(
    members: Floats,
    others: Floats,
    groups: tuple[Any, Any] | None = None,
    level: float = LEVEL,
) -> Interval:
    """Area under the ROC curve of scores `members` `(m,)` against `others` `(n,)`, ties half.

    - `groups`: of the members and of the others, what windows belong together (recording, asset);
      each window by itself when None.
    - `level`: confidence of the interval.

    Scores that part the two sides wholly have no spread: their interval is that of as many
    independent pairs as the smaller side holds. Raises `InputError` when a side has fewer than two
    windows or a score is NaN.
    """
    members, others = _checked(members), _checked(others)
    m, n = len(members), len(others)
    of_member = (rankdata(np.concatenate([members, others]))[:m] - rankdata(members)) / n
    of_other = 1 - (rankdata(np.concatenate([others, members]))[:n] - rankdata(others)) / m
    area = float(of_member.mean())
    if groups is None:
        groups = (np.arange(m), np.arange(m, m + n))
    variance, clusters = _variance(of_member - area, of_other - area, groups)
    if variance <= 0:
        pairs = min(m, n, clusters)
        return clopper_pearson(area * pairs, pairs, level)
    reach = float(t.ppf(0.5 + level / 2, max(1, clusters - 1))) * math.sqrt(variance)
    return Interval(area, max(0.0, area - reach), min(1.0, area + reach))


def _variance(of_member: Floats, of_other: Floats, groups: tuple[Any, Any]) -> tuple[float, int]:
    """Obuchowski's variance from centred placement values, and the number of clusters."""
    names, index = np.unique(
        np.concatenate([np.asarray(side) for side in groups]).astype(str), return_inverse=True
    )
    m, n, k = len(of_member), len(of_other), len(names)
    first = np.bincount(index[:m], of_member, k)
    second = np.bincount(index[m:], of_other, k)
    k_member, k_other = len(np.unique(index[:m])), len(np.unique(index[m:]))
    variance = _unbiased(k_member) * float(first @ first) / m**2
    variance += _unbiased(k_other) * float(second @ second) / n**2
    variance += 2 * _unbiased(k) * float(first @ second) / (m * n)
    return variance, min(k_member, k_other)


def _unbiased(k: int) -> float:
    return k / (k - 1) if k > 1 else 1.0


def tpr_at(members: Floats, others: Floats, rate: float) -> Rate:
    """Share of `members` above the score that at most `rate` of the `others` exceed.

    The interval takes windows to be independent. Raises `InputError` as `auc`.
    """
    members, others = _checked(members), _checked(others)
    allowed = math.floor(rate * len(others) + 1e-9)
    threshold = np.sort(others)[len(others) - 1 - allowed]
    found = int((members > threshold).sum())
    return Rate(rate, clopper_pearson(found, len(members)), allowed >= 1)


def curve(members: Floats, others: Floats) -> tuple[Floats, Floats]:
    """False- and true-positive rates of every threshold, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate([members, others]))[::-1]
    above = [np.searchsorted(np.sort(side), thresholds, side="left") for side in (others, members)]
    rates = [1 - found / len(side) for found, side in zip(above, (others, members), strict=True)]
    false, true = (np.concatenate([[0.0], rate]) for rate in rates)
    return false, true


def _checked(scores: Floats) -> Floats:
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or len(scores) < 2:
        raise InputError(f"attack: expected scores of at least two windows, got {scores.shape}")
    if np.isnan(scores).any():
        raise InputError("attack: a score is NaN")
    return scores
