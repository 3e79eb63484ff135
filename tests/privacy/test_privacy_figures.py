"""Areas, rates and intervals against scipy, scikit-learn and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score, roc_curve

from faultsyn.errors import InputError
from faultsyn.privacy.canary import canary_bound, epsilon_bound
from faultsyn.privacy.intervals import clopper_pearson
from faultsyn.privacy.roc import auc, curve, tpr_at


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.data())
def test_intervals_are_those_of_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    exact = binomtest(hits, n).proportion_ci(0.9, method="exact")
    found = clopper_pearson(hits, n, 0.9)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert found.value in found


def test_intervals_refuse_what_cannot_be() -> None:
    for hits, n in ((3, 2), (-1, 4), (0, 0)):
        with pytest.raises(InputError, match="expected 0 <= hits"):
            clopper_pearson(hits, n)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=20),
    st.lists(st.integers(0, 5), min_size=2, max_size=20),
)
def test_area_is_that_of_scikit_learn(members: list[int], others: list[int]) -> None:
    truth = [1] * len(members) + [0] * len(others)
    found = auc(np.array(members, float), np.array(others, float))
    assert found.value == pytest.approx(roc_auc_score(truth, members + others))
    assert found.low <= found.value + 1e-12
    assert found.high >= found.value - 1e-12


def delong_variance(x: np.ndarray, y: np.ndarray) -> float:
    """By the definition, with loops."""
    psi = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in y] for a in x])
    return psi.mean(axis=1).var(ddof=1) / len(x) + psi.mean(axis=0).var(ddof=1) / len(y)


def test_interval_of_the_area_is_delongs_for_single_windows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.5, 1, 40), rng.normal(0, 1, 60)
    found = auc(x, y)
    # Student's t instead of the normal, for few clusters.
    reach = 2.0226909 * math.sqrt(delong_variance(x, y))  # 39 degrees of freedom
    assert found.high - found.value == pytest.approx(reach, rel=1e-6)


def test_interval_holds_where_windows_come_in_groups() -> None:
    """Ten windows of a recording share its level: windows are not ten times the evidence."""
    rng = np.random.default_rng(1)
    groups = (np.repeat(np.arange(8), 10), np.repeat(np.arange(8, 16), 10))
    held, naive = 0, 0
    for _ in range(200):
        level = rng.standard_normal(16)
        scores = np.repeat(level, 10) + 0.3 * rng.standard_normal(160)
        held += 0.5 in auc(scores[:80], scores[80:], groups)
        naive += 0.5 in auc(scores[:80], scores[80:])
    assert held >= 180
    assert naive < 130


def test_area_without_spread_keeps_an_interval() -> None:
    found = auc(np.ones(10), np.zeros(30))
    assert found.value == 1
    assert found.low == pytest.approx(binomtest(10, 10).proportion_ci().low)
    assert found.high == 1


def test_true_positives_at_few_false_ones() -> None:
    rng = np.random.default_rng(2)
    members, others = rng.normal(2, 1, 500), rng.normal(0, 1, 1000)
    found = tpr_at(members, others, 0.01)
    false, true, _ = roc_curve(
        [1] * 500 + [0] * 1000, np.concatenate([members, others]), drop_intermediate=False
    )
    assert found.tpr.value == pytest.approx(true[false <= 0.01].max())
    assert norm.cdf(2 - norm.ppf(0.99)) in found.tpr
    assert found.resolved
    assert tpr_at(members, others, 0.001).resolved
    few = tpr_at(members, others[:500], 0.001)
    assert not few.resolved
    assert few.tpr.value == np.mean(members > others[:500].max())


def test_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    members, others = rng.integers(0, 9, 40) / 2, rng.integers(0, 7, 30) / 2
    false, true = curve(members, others)
    expected = roc_curve(
        [1] * 40 + [0] * 30, np.concatenate([members, others]), drop_intermediate=False
    )
    np.testing.assert_allclose(false, expected[0])
    np.testing.assert_allclose(true, expected[1])


def test_scores_that_cannot_be_judged_are_refused() -> None:
    with pytest.raises(InputError, match="at least two"):
        auc(np.ones(1), np.ones(5))
    with pytest.raises(InputError, match="NaN"):
        auc(np.array([1.0, np.nan]), np.ones(5))


def test_epsilon_bound_is_the_inequality_turned_round() -> None:
    low = binomtest(90, 100).proportion_ci(0.95, method="exact").low
    high = binomtest(10, 100).proportion_ci(0.95, method="exact").high
    assert epsilon_bound(90, 100, 10, 100, 1e-3) == pytest.approx(math.log((low - 1e-3) / high))
    assert epsilon_bound(10, 100, 10, 100, 1e-3) == 0
    # Few misses prove as much as few false alarms.
    other = math.log(
        (1 - binomtest(50, 100).proportion_ci(0.95, method="exact").high)
        / (1 - binomtest(100, 100).proportion_ci(0.95, method="exact").low)
    )
    assert epsilon_bound(100, 100, 50, 100, 0) == pytest.approx(other)


@pytest.mark.parametrize("epsilon", [1.0, 2.0])
def test_canaries_bound_a_known_mechanism_from_below(epsilon: float) -> None:
    """Laplace noise on a count is exactly epsilon-private: the bound is below, and not far."""

    def count(there: bool, rng: np.random.Generator) -> float:
        return 10.0 + there + rng.laplace(0, 1 / epsilon)

    found = canary_bound(count, 2000, 0.0, np.random.default_rng(4))
    assert 0.6 * epsilon < found.epsilon <= epsilon
    assert found.most > 5


def test_canaries_find_a_mechanism_that_lies() -> None:
    """It says epsilon 1 and adds a tenth of the noise."""
    found = canary_bound(
        lambda there, rng: there + rng.laplace(0, 0.1), 60, 0.0, np.random.default_rng(5)
    )
    assert found.epsilon > 2
    assert found.epsilon <= found.most
    with pytest.raises(InputError, match="at least 6 trials"):
        canary_bound(lambda there, rng: 0.0, 4, 0.0, np.random.default_rng(5))
