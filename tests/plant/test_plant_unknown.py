"""Which unknown score is taken, and at which operating states it was judged."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.plant.crossfit import SCORES, HeldOut
from faultsyn.plant.folds import Level
from faultsyn.plant.unknown import Unknown

PER = 40


def _held(
    parts: int, apart: dict[str, float], level: Level = "group", new: bool = False
) -> HeldOut:
    """Known windows of standard scores and withheld ones further off by `apart`, part by part."""
    rng = np.random.default_rng(parts)
    n = parts * PER
    fold = np.repeat(np.arange(parts), PER)
    known = {kind: np.exp(rng.normal(0, 0.2, n)) for kind in SCORES}
    withheld = {k: np.exp(rng.normal(apart.get(k, 0.0), 0.2, n)) for k in SCORES}
    return HeldOut(
        level=level, classes=("a", "b"), index=np.arange(n), fold=fold, unit=np.arange(n),
        new_state=np.full(n, new), proba=np.full((n, 2), 0.5), codes=np.zeros(n, int),
        strange=known, withheld=withheld, withheld_unit=np.arange(n).astype(str),
        withheld_fold=fold,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("apart", "taken"),
    [
        ({"diagonal": 3.0, "mahalanobis": 3.0, "energy": 3.0}, "diagonal"),
        ({"mahalanobis": 3.0, "outlier": 3.0, "energy": 3.0}, "mahalanobis"),
        ({"diagonal": 0.4, "energy": 3.0}, "energy"),
        ({"outlier": 0.4, "energy": 0.4}, "combined"),
        ({"outlier": 0.3, "energy": 0.6}, "combined"),  # by less than 0.02, energy is no distance
        ({}, "diagonal"),
    ],
)
def test_the_plainest_distance_that_none_leads_clearly_is_taken(
    apart: dict[str, float], taken: str
) -> None:
    held = _held(5, apart)
    made = Unknown.fit(held, held, 0.95)
    assert made.kind == taken
    areas = made.measured["unknown_auroc"]
    assert areas[taken] >= max(areas.values()) - 0.02


@pytest.mark.parametrize(("states", "taken"), [(2, "diagonal"), (3, "mahalanobis")])
def test_two_states_do_not_choose_the_score(states: int, taken: str) -> None:
    """At states that were met the plain score is as good; at new ones only another tells faults."""
    met = _held(5, {"diagonal": 3.0, "mahalanobis": 3.0}, "recording")
    held = _held(states, {"mahalanobis": 3.0}, new=True)
    made = Unknown.fit(held, met, 0.95)
    assert made.kind == taken
    assert np.isfinite(made.limits.new_window) == (states >= 3)
    assert made.limits.states == states


def test_limits_of_met_states_come_from_met_states() -> None:
    met = _held(5, {"diagonal": 3.0}, "recording")
    far = _held(4, {"diagonal": 3.0}, new=True)
    for kind in SCORES:
        far.strange[kind][:] *= 10
    made = Unknown.fit(far, met, 0.95)
    assert made.limits.window == Unknown.fit(met, met, 0.95).limits.window
    assert made.limits.new_window > 10
