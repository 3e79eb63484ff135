"""A lower bound on epsilon from canaries: what an attack proves about a differential privacy claim.

Jagielski, Ullman and Oprea, "Auditing differentially private machine learning: how private is
private SGD?" (NeurIPS 2020), after Kairouz, Oh and Viswanath (ICML 2015): under (epsilon, delta)
differential privacy every test of whether a canary was among the data obeys

    TPR <= e^epsilon FPR + delta,     TNR <= e^epsilon FNR + delta

for both neighbouring data sets. With exact intervals (Clopper-Pearson) of the rates over many
trainings, an epsilon below the bound is refuted. No bound from above comes out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.privacy.intervals import LEVEL, clopper_pearson

Floats = NDArray[np.float64]

_THRESHOLDS = 100


@dataclass(frozen=True)
class CanaryBound:
    """What canaries prove.

    - `epsilon`: the lower bound, 0 when nothing is proved; `most`: the largest that so many
      trainings could have proved.
    - `trials`: trainings with the canary that were judged; as many without.
    - `hits`, `alarms`: of them, how often the canary was said to be there, with and without.
    - `delta`, `level`: of the claim, of the bound.
    """

    epsilon: float
    most: float
    trials: int
    hits: int
    alarms: int
    delta: float
    level: float


def epsilon_bound(
    hits: int, n_with: int, alarms: int, n_without: int, delta: float, level: float = LEVEL
) -> float:
    """The largest epsilon that these counts refute at confidence `level`; 0 when none.

    - `hits`: tests that say "there" of `n_with` trainings with the canary; `alarms`: of `n_without`
      trainings without.

    The test must have been fixed before these trainings were looked at. Raises `InputError` on
    counts that cannot be.
    """
    # Both directions use the same two one-sided bounds, which hold together at `level`.
    true = clopper_pearson(hits, n_with, level)
    false = clopper_pearson(alarms, n_without, level)
    found = 0.0
    for likely, rare in ((true.low, false.high), (1 - false.high, 1 - true.low)):
        if likely > delta and rare > 0:
            found = max(found, math.log((likely - delta) / rare))
    return found


def canary_bound(
    score: Callable[[bool, np.random.Generator], float],
    trials: int,
    delta: float,
    rng: np.random.Generator,
    level: float = LEVEL,
) -> CanaryBound:
    """Train with and without a canary, again and again, and bound epsilon from below.

    - `score`: trains on the data with the canary (True) or without, and says how much what came out
      speaks for the canary.
    - `trials`: trainings on each side (see `bound_from_scores`).

    Raises `InputError` on fewer than six trials.
    """
    if trials < 6:
        raise InputError(f"canaries: expected at least 6 trials, got {trials}")
    present, absent = (
        np.array([score(there, rng) for _ in range(trials)]) for there in (True, False)
    )
    return bound_from_scores(present, absent, delta, level)


def bound_from_scores(
    present: Floats, absent: Floats, delta: float, level: float = LEVEL
) -> CanaryBound:
    """The bound from the scores of trainings with and without the canary, `(n,)` each.

    A third of them chooses the threshold and the direction, the others are judged. Raises
    `InputError` on fewer than six of either, or not as many of both.
    """
    trials = len(present)
    if trials < 6 or len(absent) != trials:
        raise InputError(
            f"canaries: expected six scores or more on each side, got {trials} and {len(absent)}"
        )
    first = trials // 3
    sign, threshold = _best_test(present[:first], absent[:first], delta, level)
    judged = trials - first
    hits = int((sign * present[first:] > threshold).sum())
    alarms = int((sign * absent[first:] > threshold).sum())
    found = epsilon_bound(hits, judged, alarms, judged, delta, level)
    most = epsilon_bound(judged, judged, 0, judged, delta, level)
    return CanaryBound(found, most, judged, hits, alarms, delta, level)


def _best_test(present: Floats, absent: Floats, delta: float, level: float) -> tuple[int, float]:
    """Sign and threshold of the test that would prove most on these scores."""
    best = (-math.inf, 1, 0.0)
    n = len(present)
    for sign in (1, -1):
        values = np.sort(sign * np.concatenate([present, absent]))
        between = (values[1:] + values[:-1]) / 2
        for threshold in between[:: max(1, len(between) // _THRESHOLDS)]:
            hits = int((sign * present > threshold).sum())
            alarms = int((sign * absent > threshold).sum())
            proved = epsilon_bound(hits, n, alarms, n, delta, level)
            # Few trials prove nothing: then the test that parts the two best is taken.
            worth = proved + 1e-3 * (hits - alarms) / n
            best = max(best, (worth, sign, float(threshold)))
    return best[1], best[2]
