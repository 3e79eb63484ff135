"""Intervals for shares.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934): the exact interval of a binomial proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

from faultsyn.errors import InputError

LEVEL = 0.95
"""Confidence of every interval unless another one is asked for."""


@dataclass(frozen=True)
class Interval:
    """A figure and the two ends of its confidence interval."""

    value: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def clopper_pearson(hits: float, n: float, level: float = LEVEL) -> Interval:
    """Share `hits / n` of `n` independent trials with its exact two-sided interval.

    Raises `InputError` unless 0 <= hits <= n and n > 0.
    """
    if not 0 <= hits <= n or n <= 0:
        raise InputError(f"interval: expected 0 <= hits <= n and n > 0, got {hits} of {n}")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return Interval(hits / n, low, high)
