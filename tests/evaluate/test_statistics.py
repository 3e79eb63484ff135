"""Statistics against scipy, brute force and published worked examples."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, wilcoxon

from faultsyn.errors import InputError
from faultsyn.evaluate.statistics import (
    cluster_interval,
    compare,
    friedman,
    holm,
    sign_flip,
    summarise,
)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _arm(values: np.ndarray) -> dict[tuple[str, int], float]:
    """(groups, seeds) -> scores."""
    return {(f"g{i}", s): float(v) for i, row in enumerate(values) for s, v in enumerate(row)}


def test_a_seed_is_the_mean_over_folds_then_over_seeds() -> None:
    values = np.array([[0.5, 0.7, 0.9], [0.1, 0.3, 0.2]])
    summary = summarise(_arm(values), _rng())
    seeds = values.mean(axis=0)
    assert summary.mean == pytest.approx(seeds.mean())
    assert summary.sd == pytest.approx(np.std(seeds, ddof=1))
    assert summary.groups == pytest.approx({"g0": 0.7, "g1": 0.2})
    assert summary.worst == "g1"
    assert summary.n_seeds == 3


def test_one_seed_has_no_deviation() -> None:
    assert summarise({("g", 0): 0.4}, _rng()).sd is None
    with pytest.raises(InputError, match="without scores"):
        summarise({}, _rng())


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_sign_flip_is_exact(values: list[int]) -> None:
    d = np.array(values, float)
    flips = [abs(float(np.dot(s, d))) for s in product((-1, 1), repeat=len(d))]
    assert sign_flip(d, _rng()) == pytest.approx(np.mean([f >= abs(d.sum()) for f in flips]))


def test_sign_flip_of_many_groups_is_drawn_and_never_zero() -> None:
    assert sign_flip(np.full(20, 0.3), _rng()) < 1e-3
    assert sign_flip(np.full(20, 0.3), _rng()) > 0
    half = np.tile([1.0, -1.0], 10)
    assert sign_flip(half, _rng()) == pytest.approx(1.0)


def test_sign_flip_holds_its_level() -> None:
    rng = np.random.default_rng(1)
    p = [sign_flip(rng.normal(size=7), rng) for _ in range(600)]
    assert np.mean(np.array(p) <= 0.05) < 0.08


def test_holm_worked_example() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_holm_lies_between_raw_and_bonferroni_and_keeps_order(p: list[float]) -> None:
    raw, corrected = np.array(p), holm(p)
    assert np.all(corrected >= raw)
    assert np.all(corrected <= np.minimum(1, raw * len(p)) + 1e-12)
    assert np.all(np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0)


def test_compare_counts_groups_not_seeds() -> None:
    rng = np.random.default_rng(2)
    base = rng.random((6, 10))
    gain = np.array([0.10, 0.12, 0.08, 0.11, 0.09, 0.10])[:, None] + 0.01 * rng.random((6, 10))
    result = compare(_arm(base + gain), _arm(base), _rng())
    assert result.difference == pytest.approx(gain.mean())
    assert result.p_groups == pytest.approx(2 / 2**6)  # six groups agree: the smallest possible
    assert result.p_groups == result.p_groups_floor == result.p_main
    assert result.p_pairs == pytest.approx(wilcoxon(gain.ravel(), zero_method="pratt").pvalue)
    assert result.p_pairs < 1e-6
    assert (result.groups_better, result.n_groups, result.n_pairs) == (6, 6, 60)
    assert result.low < gain.mean() < result.high


def test_seeds_cannot_make_up_for_groups() -> None:
    """One group out of three gains much in every seed: pairs impress, groups do not."""
    rng = np.random.default_rng(3)
    base = rng.random((3, 40))
    gain = np.array([0.5, -0.01, 0.02])[:, None] + 0.001 * rng.standard_normal((3, 40))
    result = compare(_arm(base + gain), _arm(base), _rng())
    assert result.p_pairs is not None
    assert result.p_pairs < 1e-3
    assert result.p_groups == pytest.approx(0.5)
    assert result.low < 0
    assert result.groups_better == 2


def test_compare_uses_shared_pairs_only() -> None:
    a = {("g0", 0): 0.6, ("g0", 1): 0.7, ("g1", 0): 0.9}
    b = {("g0", 0): 0.5, ("g0", 1): 0.5, ("g2", 0): 0.1}
    result = compare(a, b, _rng())
    assert result.difference == pytest.approx(0.15)
    assert (result.n_pairs, result.n_unpaired) == (2, 2)
    assert result.p_groups is None
    assert result.p_main == result.p_pairs
    with pytest.raises(InputError, match="no \\(group, seed\\) pair"):
        compare({("g0", 0): 1.0}, {("g0", 1): 1.0}, _rng())
    with pytest.raises(InputError, match="group 'g0', seed 0: the score is nan"):
        compare({("g0", 0): np.nan}, {("g0", 0): 1.0}, _rng())


def test_equal_arms_differ_by_nothing() -> None:
    arm = _arm(np.random.default_rng(4).random((5, 4)))
    result = compare(arm, arm, _rng())
    assert (result.difference, result.p_groups, result.p_pairs) == (0.0, 1.0, 1.0)


def test_interval_resamples_groups_then_seeds() -> None:
    """Against the plain loop, with groups of unequal size."""
    rng = np.random.default_rng(5)
    groups = [rng.normal(m, 0.1, n) for m, n in ((0.2, 3), (0.5, 8), (0.9, 5), (0.6, 2))]
    draws = []
    for _ in range(4000):
        picked = [groups[i] for i in rng.integers(4, size=4)]
        draws.append(np.mean([rng.choice(g, len(g)).mean() for g in picked]))
    low, high = cluster_interval(groups, _rng(), n_resamples=4000)
    np.testing.assert_allclose([low, high], np.quantile(draws, [0.025, 0.975]), atol=0.02)
    # many seeds of few groups do not narrow it
    many = [np.repeat(g, 50) for g in groups]
    low_many, high_many = cluster_interval(many, _rng())
    assert high_many - low_many > 0.75 * (high - low)


def test_interval_is_determined_by_its_generator() -> None:
    groups = [np.array([0.1, 0.4]), np.array([0.3])]
    assert cluster_interval(groups, _rng()) == cluster_interval(groups, _rng())
    assert cluster_interval([np.array([0.3])], _rng()) == (0.3, 0.3)
    with pytest.raises(InputError, match="each have a score"):
        cluster_interval([np.array([])], _rng())


def test_friedman_and_nemenyi_of_demsar() -> None:
    """Demsar (2006), 3.2.4: 14 data sets, 4 methods; ranks 3.143, 2.000, 2.893, 1.964, CD 1.25."""
    scores = np.array(
        [
            [0.763, 0.768, 0.771, 0.798],
            [0.599, 0.591, 0.590, 0.569],
            [0.954, 0.971, 0.968, 0.967],
            [0.628, 0.661, 0.654, 0.657],
            [0.882, 0.888, 0.886, 0.898],
            [0.936, 0.931, 0.916, 0.931],
            [0.661, 0.668, 0.609, 0.685],
            [0.583, 0.583, 0.563, 0.625],
            [0.775, 0.838, 0.866, 0.875],
            [1.000, 1.000, 1.000, 1.000],
            [0.940, 0.962, 0.965, 0.962],
            [0.619, 0.666, 0.614, 0.669],
            [0.972, 0.981, 0.9751, 0.975],
            [0.957, 0.978, 0.946, 0.970],
        ]
    )
    result = friedman(["C4.5", "+m", "+cf", "+m+cf"], scores)
    np.testing.assert_allclose(result.ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert result.critical_difference == pytest.approx(1.25, abs=0.005)
    assert result.statistic == pytest.approx(friedmanchisquare(*scores.T).statistic)
    assert result.n_blocks == 14


def test_friedman_without_any_difference_and_bad_input() -> None:
    tied = friedman("abc", np.ones((4, 3)))
    assert (tied.p, tied.statistic) == (1.0, 0.0)
    np.testing.assert_allclose(tied.ranks, 2.0)
    with pytest.raises(InputError, match="at least 3 methods"):
        friedman("ab", np.ones((4, 2)))
    with pytest.raises(InputError, match="score in every block"):
        friedman("abc", np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]]))


def test_folds_that_overlap_count_as_one_unit() -> None:
    rng = np.random.default_rng(8)
    base = {(f"fold {p}.{f}", s): rng.random() for p in (1, 2) for f in range(5) for s in range(4)}
    better = {key: value + 0.1 + 0.01 * rng.random() for key, value in base.items()}
    ten = compare(better, base, _rng())
    five = compare(better, base, _rng(), unit=lambda group: group[-1])
    assert (ten.n_groups, five.n_groups) == (10, 5)
    assert ten.p_groups == pytest.approx(2 / 2**10)
    assert five.p_groups == pytest.approx(2 / 2**5)
    assert five.difference == pytest.approx(ten.difference)
    assert five.p_pairs == ten.p_pairs
    whole = summarise(base, _rng(), unit=lambda group: group[-1])
    assert len(whole.groups) == 10
