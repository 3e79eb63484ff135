"""One-feature rules against a loop over every cut, AUROC against scikit-learn, rankings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from faultsyn.errors import InputError
from faultsyn.evaluate.ranking import HeldOut, Ranking
from faultsyn.evaluate.threshold_rules import INTERVAL_GAIN, auroc, fit_rules, rates


def problem(seed: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows with many ties, and a mask with both sides."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    rows = rng.integers(0, levels, (n, 3)).astype(np.float32)
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    return rows, positive


def balanced(truth: np.ndarray, said: np.ndarray) -> float:
    return float((said[truth].mean() + (~said[~truth]).mean()) / 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_the_best_cut_is_the_best_of_all_cuts(seed: int, levels: int) -> None:
    rows, positive = problem(seed, levels)
    rules = fit_rules(rows, positive)
    for column in range(rows.shape[1]):
        own = rows[:, column]
        cuts = np.unique(own)
        one_sided = [0.5]
        for cut in cuts:
            one_sided += [balanced(positive, said) for said in (own > cut, own <= cut)]
        inside = [balanced(positive, (own > a) & (own <= b)) for a in cuts for b in cuts if a < b]
        best = max(one_sided)
        if max(inside, default=0) > best + INTERVAL_GAIN + 1e-9:
            best = max(inside)
        assert rules.accuracy[column] == pytest.approx(best)
        assert balanced(positive, rules.says(rows)[:, column]) == pytest.approx(best)
        assert auroc(rows, positive)[column] == pytest.approx(
            roc_auc_score(positive, rows[:, column])
        )


def test_rates_are_recall_and_false_alarms() -> None:
    said = np.array([[True], [True], [False], [True]])
    recall, alarms = rates(said, np.array([True, True, True, False]))
    assert recall[0] == pytest.approx(2 / 3)
    assert alarms[0] == 1.0
    with pytest.raises(InputError, match="got 4 of 4"):
        rates(said, np.ones(4, bool))


def fold(group: str, accuracy: list[float], fitted: list[float], threshold: float) -> HeldOut:
    """One class beside another that this group lacks; features of given held-out accuracy."""
    shape = (2, len(accuracy))
    own = np.full(shape, np.nan)
    own[0] = 1.0
    alarms = np.full(shape, np.nan)
    alarms[0] = 2 - 2 * np.array(accuracy)  # (1 + 1 - alarms) / 2 = accuracy
    train = np.full(shape, np.nan)
    train[0] = fitted
    area = np.full(shape, np.nan)
    area[0] = accuracy
    return HeldOut(
        group=group,
        rows=np.zeros((1, len(accuracy)), np.float32),
        labels=np.array(["a"]),
        auroc=area,
        low=np.full(shape, threshold),
        high=np.full(shape, np.inf),
        fitted=train,
        recall=own,
        false_alarms=alarms,
        importance=np.zeros(len(accuracy)),
        forest=0.5,
    )


def test_the_choice_of_a_feature_flatters_and_the_blind_figure_does_not() -> None:
    folds = (
        fold("g1", [0.9, 0.6, 0.7], fitted=[0.7, 0.95, 0.8], threshold=1.0),
        fold("g2", [0.8, 0.5, 0.9], fitted=[0.9, 0.85, 0.7], threshold=3.0),
    )
    ranking = Ranking(("a", "b"), folds)
    (rule,) = ranking.rules()  # class b is in no held-out group
    assert (rule.feature, rule.accuracy, rule.worst) == (0, pytest.approx(0.85), pytest.approx(0.8))
    assert rule.blind == pytest.approx((0.6 + 0.8) / 2)  # g1 would have chosen feature 1
    assert (rule.low, rule.high, rule.range) == (2.0, None, ((1.0, 3.0), None))
    assert ranking.order().tolist() == [0, 2, 1]
    assert ranking.worst()[0].tolist() == [0.8, 0.5, 0.7]
