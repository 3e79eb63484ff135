"""Calibration, prediction sets, unknown scores and alarm rates against independent references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binom
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from faultsyn.errors import InputError
from faultsyn.evaluate.alarms import alarm_rate
from faultsyn.evaluate.calibration import (
    Calibration,
    fit_calibration,
    fit_temperature,
    log_loss,
    smoothed,
)
from faultsyn.evaluate.conformal import class_thresholds, empirical_coverage, prediction_sets
from faultsyn.evaluate.diagnosis import calibration_error
from faultsyn.evaluate.novelty import Metric, Scale, auroc, energy, ensemble_entropy, threshold


def _drawn(n: int, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at temperature `sharpness` is the true distribution of the class."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 3))
    truth = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])
    return softmax(sharpness * logits, axis=1), truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_planted_is_found(sharpness: float) -> None:
    proba, truth = _drawn(4000, sharpness, 1)
    assert fit_temperature(proba, truth) == pytest.approx(sharpness, rel=0.1)


def test_calibration_mends_overconfidence_on_new_recordings() -> None:
    proba, truth = _drawn(3000, 4.0, 2)
    units = [row[None] for row in proba[:1500]]
    folds = np.arange(1500) % 5
    made, judged, losses = fit_calibration(units, truth[:1500], folds)
    fresh = made.of_windows(proba[1500:])
    hit = fresh.argmax(axis=1) == truth[1500:]
    before = calibration_error(
        proba[1500:].argmax(axis=1) == truth[1500:], proba[1500:].max(axis=1)
    )
    assert before > 0.12
    assert calibration_error(hit, fresh.max(axis=1)) < 0.04
    assert min(losses.values()) == pytest.approx(log_loss(judged, truth[:1500]))
    np.testing.assert_allclose(judged.sum(axis=1), 1)


def test_each_fold_is_judged_by_what_the_others_taught() -> None:
    """A fold of flipped labels must not change how it is judged itself."""
    proba, truth = _drawn(200, 2.0, 3)
    units, folds = [row[None] for row in proba], np.arange(200) // 50
    flipped = truth.copy()
    flipped[folds == 0] = (truth[folds == 0] + 1) % 3
    made = [fit_calibration(units, labels, folds) for labels in (truth, flipped)]
    same = "logits 0"
    if all(min(found[2], key=found[2].get) == "probabilities" for found in made):
        np.testing.assert_allclose(made[0][1][folds == 0], made[1][1][folds == 0])
    assert same not in made[0][2]  # one window a recording: every rule is the same


def test_rules_are_the_equations() -> None:
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(4), 6)
    for exponent in (0.0, 0.5, 1.0):
        got = Calibration(0.0, 2.0, "logits", exponent)(p)
        want = softmax(6**exponent * np.log(p).mean(axis=0) / 2.0)
        np.testing.assert_allclose(got, want)
    got = Calibration(0.0, 2.0, "probabilities")(p)
    np.testing.assert_allclose(got, softmax(np.log(p) / 2.0, axis=1).mean(axis=0))
    product = Calibration(0.0, 1.0, "logits", 1.0)(p)
    np.testing.assert_allclose(product, p.prod(axis=0) / p.prod(axis=0).sum())


@given(n=st.integers(1, 9), floor=st.floats(0, 0.5), doubt=st.floats(0, 0.5))
@settings(max_examples=30, deadline=None)
def test_probabilities_stay_probabilities(n: int, floor: float, doubt: float) -> None:
    p = np.zeros((n, 3))
    p[np.arange(n), np.arange(n) % 3] = 1.0
    made = Calibration(max(floor, 1e-12), 0.7, "logits", 1.0, None, doubt)(p)
    assert np.isfinite(made).all()
    assert made.sum() == pytest.approx(1)
    assert made.max() <= 1 - doubt * 2 / 3 + 1e-9


def test_a_calibration_comes_back_as_it_was() -> None:
    proba, truth = _drawn(600, 3.0, 5)
    made, _, _ = fit_calibration([row[None] for row in proba], truth, np.arange(600) % 3)
    again = Calibration.restore(*made.state())
    np.testing.assert_array_equal(again.of_windows(proba), made.of_windows(proba))


def test_nothing_is_surer_than_the_number_of_recordings_allows() -> None:
    p = np.tile([1.0, 0.0], (10, 1))
    p[5:] = p[5:, ::-1]
    truth = np.repeat([0, 1], 5)
    made, _, _ = fit_calibration([row[None] for row in p], truth, np.arange(10) % 5)
    assert made(p[:1]).max() == pytest.approx(1 - 0.5 / 12, abs=1e-6)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_cover_every_class_on_exchangeable_data(coverage: float) -> None:
    proba, truth = _drawn(12000, 1.0, 6)
    limits = class_thresholds(proba[:2000], truth[:2000], coverage)
    sets = prediction_sets(proba[2000:], limits, keep_top=False)
    for c in range(3):
        mine = truth[2000:] == c
        n = int((truth[:2000] == c).sum())
        spread = 3 * np.sqrt(coverage * (1 - coverage) * (1 / n + 1 / mine.sum()))
        assert empirical_coverage(sets[mine], truth[2000:][mine]) == pytest.approx(
            coverage, abs=spread
        )


def test_the_threshold_is_the_rank_of_the_theorem() -> None:
    scores = np.linspace(0.01, 0.99, 19)
    proba = np.stack([1 - scores, scores], axis=1)
    limits = class_thresholds(proba, np.zeros(19, int), 0.9)
    assert limits[0] == pytest.approx(scores[17])  # ceil(20 * 0.9) = 18th smallest
    assert limits[1] == np.inf  # no recording of that class: never excluded
    assert class_thresholds(proba[:8], np.zeros(8, int), 0.9)[0] == np.inf
    with pytest.raises(InputError, match="coverage between 0 and 1"):
        class_thresholds(proba, np.zeros(19, int), 1.0)


def test_the_top_class_is_kept_where_nothing_is_left() -> None:
    proba = np.array([[0.4, 0.35, 0.25]])
    assert not prediction_sets(proba, np.full(3, 0.1), keep_top=False).any()
    assert prediction_sets(proba, np.full(3, 0.1)).tolist() == [[True, False, False]]


def test_distances_to_means_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(7)
    mix = rng.normal(size=(4, 4))
    rows = rng.normal(size=(4000, 4)) @ mix
    codes = np.repeat([0, 1], 2000)
    rows[codes == 1] += [3.0, 0, 0, 0]
    queries = rng.normal(size=(5, 4)) * 5
    means = np.stack([rows[codes == c].mean(axis=0) for c in (0, 1)])
    around = rows - means[codes]
    precision = np.linalg.inv(around.T @ around / len(rows))
    apart = queries[:, None] - means
    want = np.einsum("qcd,de,qce->qc", apart, precision, apart).min(axis=1) / 4
    got = Metric.fit(rows, codes, 0.0).to_means(queries)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    plain = ((apart / around.std(axis=0)) ** 2).sum(axis=2).min(axis=1) / 4
    np.testing.assert_allclose(Metric.fit(rows, codes, 1.0).to_means(queries), plain, rtol=1e-9)


def test_the_outlier_score_follows_its_neighbours_density() -> None:
    rng = np.random.default_rng(8)
    rows = np.concatenate([rng.normal(0, 1, (200, 3)), rng.normal(20, 0.05, (200, 3))])
    codes = np.repeat([0, 1], 200)
    metric = Metric.fit(rows, codes, 1.0)
    queries = np.array([[1.0, 1.0, 1.0], [20.5, 20.5, 20.5]])
    scores = metric.outlier(queries)
    assert scores[0] < 0.7 < 2 < scores[1]  # the second is nearer to its class, in a tight one
    scaled, wanted = metric.rows, metric.mapped(queries)
    near = NearestNeighbors(n_neighbors=4).fit(scaled)
    own = near.kneighbors(scaled)[0][:, 1:].mean(axis=1)
    distance, index = near.kneighbors(wanted, 3)
    np.testing.assert_allclose(
        scores, np.log(distance.mean(axis=1) / own[index].mean(axis=1)), rtol=1e-6
    )
    lof = LocalOutlierFactor(3, novelty=True).fit(scaled)
    assert (np.argsort(-lof.score_samples(wanted)) == np.argsort(scores)).all()


def test_energy_and_entropy_are_their_equations() -> None:
    logits = np.array([[1.0, 2.0, 3.0]])
    assert energy(logits)[0] == pytest.approx(-np.log(np.exp(logits).sum()))
    members = [np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]])]
    assert ensemble_entropy(members)[0] == pytest.approx(np.log(2))


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
)
@settings(max_examples=40, deadline=None)
def test_auroc_is_scikit_learns(known: list[int], unknown: list[int]) -> None:
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    want = roc_auc_score(truth, np.array(known + unknown, float))
    assert auroc(np.array(known, float), np.array(unknown, float)) == pytest.approx(want)


def test_limits_let_pass_what_they_state() -> None:
    scores = np.random.default_rng(9).normal(size=1000)
    limit = threshold(scores, 0.95)
    assert (scores <= limit).mean() >= 0.95
    scale = Scale.fit(3 + 2 * scores)
    assert scale.centre == pytest.approx(3, abs=0.2)
    assert scale.spread == pytest.approx(2, abs=0.2)


def test_alarm_rates_and_their_bound() -> None:
    healthy, faulty = np.linspace(0, 0.5, 40), np.linspace(0.4, 1, 20)
    rate = alarm_rate(healthy, faulty)
    assert rate is not None
    assert rate.recall >= 0.95
    assert rate.false_alarms == pytest.approx((healthy >= rate.threshold).mean())
    false = round(rate.false_alarms * 40)
    assert binom.cdf(false, 40, rate.upper) == pytest.approx(0.05, abs=1e-6)
    assert rate.a_month(1.0)[0] == pytest.approx(730 * rate.false_alarms)
    assert alarm_rate(healthy, faulty[:0]) is None
    apart = alarm_rate(healthy, faulty + 1)
    assert apart is not None
    assert (apart.false_alarms, apart.threshold) == (0.0, pytest.approx((0.5 + 1.4 + 0.6 / 19) / 2))


def test_smoothing_keeps_the_order() -> None:
    proba = np.array([[0.0, 0.2, 0.8]])
    assert (np.argsort(smoothed(proba, 0.3)) == np.argsort(proba)).all()
