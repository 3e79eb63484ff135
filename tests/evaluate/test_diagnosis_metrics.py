"""Diagnosis metrics against scikit-learn and against cases worked by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score

from faultsyn.errors import InputError
from faultsyn.evaluate.diagnosis import DiagnosisScore, aligned, diagnosis_metrics

CLASSES = ("ball", "inner", "normal", "outer")


def _random_case(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.array(CLASSES), rng.choice(CLASSES, n - len(CLASSES))])
    raw = rng.dirichlet(np.ones(len(CLASSES)), n)
    raw[np.arange(n), [CLASSES.index(t) for t in truth]] += rng.random(n)
    proba = np.round(raw / raw.sum(axis=1, keepdims=True), 2)  # rounding makes ties
    return truth, proba / proba.sum(axis=1, keepdims=True)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_agrees_with_sklearn(seed: int) -> None:
    truth, proba = _random_case(seed)
    score = diagnosis_metrics(truth, proba, CLASSES, "normal")
    predicted = np.array(CLASSES)[proba.argmax(axis=1)]
    assert score.macro_f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert score.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, predicted))
    auroc = np.mean([roc_auc_score(truth == c, proba[:, i]) for i, c in enumerate(CLASSES)])
    assert score.macro_auroc == pytest.approx(auroc)
    np.testing.assert_array_equal(
        score.confusion, confusion_matrix(truth, predicted, labels=list(CLASSES))
    )


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_calibration_and_false_alarms_agree_with_loops(seed: int) -> None:
    truth, proba = _random_case(seed)
    score = diagnosis_metrics(truth, proba, CLASSES, "normal")
    confidence, correct = proba.max(axis=1), np.array(CLASSES)[proba.argmax(axis=1)] == truth
    edges, ece = np.linspace(0, 1, 16), 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            ece += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert score.ece == pytest.approx(ece)

    alarm, normals = 1 - proba[:, 2], truth == "normal"
    best = min(
        (alarm[normals] >= t).mean() for t in alarm if (alarm[~normals] >= t).mean() >= 0.95 - 1e-12
    )
    assert score.false_alarm_at_95 == pytest.approx(best)


def _worked() -> DiagnosisScore:
    truth = np.array(["normal", "normal", "normal", "normal", "fault", "fault"])
    proba = np.array([[0.1, 0.9], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [0.25, 0.75]])
    return diagnosis_metrics(truth, proba, ("fault", "normal"), "normal")


def test_a_case_worked_by_hand() -> None:
    score = _worked()
    np.testing.assert_array_equal(score.confusion, [[1, 1], [1, 3]])
    assert score.recall == {"fault": 0.5, "normal": 0.75}
    assert score.balanced_accuracy == pytest.approx(0.625)
    assert score.macro_f1 == pytest.approx((0.5 + 0.75) / 2)
    assert score.macro_auroc == pytest.approx(6 / 8)  # 0.25 beats 2 of 4 normals, 0.9 all 4
    assert score.false_alarm_rate == pytest.approx(0.25)
    assert score.false_alarm_at_95 == pytest.approx(0.5)  # both faults need p(normal) <= 0.75
    # one window a bin (.6 wrong, .7 right) but two in (.733, .8] and two in (.867, .933]
    bins = [0.6, 0.3, abs(1 - 0.8 + 0 - 0.75), abs(1 - 0.9 + 1 - 0.9)]
    assert score.ece == pytest.approx(sum(bins) / 6)


def test_ninety_five_percent_of_twenty_faults_is_nineteen() -> None:
    truth = np.array(["fault"] * 20 + ["normal"] * 2)
    alarm = np.concatenate([[0.1], np.linspace(0.5, 0.9, 19), [0.2, 0.6]])
    score = diagnosis_metrics(
        truth, np.stack([alarm, 1 - alarm], axis=1), ("fault", "normal"), "normal"
    )
    assert score.false_alarm_at_95 == pytest.approx(0.5)


def test_a_class_that_the_test_lacks_is_left_out_of_the_means() -> None:
    truth = np.array(["inner", "inner", "normal", "normal"])
    hard = np.eye(4)[[1, 0, 2, 2]]  # one inner window called ball, which the test does not hold
    score = diagnosis_metrics(truth, hard, CLASSES, "normal")
    assert score.recall == {"ball": None, "inner": 0.5, "normal": 1.0, "outer": None}
    assert score.balanced_accuracy == pytest.approx(0.75)
    expected = f1_score(
        truth, np.array(CLASSES)[[1, 0, 2, 2]], labels=["inner", "normal"], average="macro"
    )
    assert score.macro_f1 == pytest.approx(expected)


def test_undefined_figures_are_none() -> None:
    proba = np.array([[0.4, 0.6], [0.7, 0.3]])
    only_normal = diagnosis_metrics(np.array(["normal"] * 2), proba, ("fault", "normal"), "normal")
    assert only_normal.macro_auroc is None
    assert only_normal.false_alarm_at_95 is None
    assert only_normal.false_alarm_rate == pytest.approx(0.5)
    only_fault = diagnosis_metrics(np.array(["fault"] * 2), proba, ("fault", "normal"), "normal")
    assert only_fault.false_alarm_rate is None
    without = diagnosis_metrics(np.array(["a", "b"]), proba, ("a", "b"), None)
    assert (without.false_alarm_rate, without.false_alarm_at_95) == (None, None)
    assert without.macro_auroc == pytest.approx(0.0)


def test_permuting_the_columns_changes_nothing() -> None:
    truth, proba = _random_case(3)
    order = [2, 0, 3, 1]
    a = diagnosis_metrics(truth, proba, CLASSES, "normal")
    permuted = tuple(CLASSES[i] for i in order)
    untied = proba + 1e-9 * np.arange(4)  # argmax takes the first of a tie
    a = diagnosis_metrics(truth, untied, CLASSES, "normal")
    b = diagnosis_metrics(truth, untied[:, order], permuted, "normal")
    for name in ("macro_f1", "balanced_accuracy", "macro_auroc", "ece", "false_alarm_at_95"):
        assert getattr(a, name) == pytest.approx(getattr(b, name))
    assert a.recall == b.recall
    np.testing.assert_array_equal(a.confusion[np.ix_(order, order)], b.confusion)


@pytest.mark.parametrize(
    ("truth", "proba", "classes", "normal", "message"),
    [
        (["a"], [[0.5, 0.5, 0.0]], ("a", "b"), None, r"shape \(1, 2\)"),
        ([], np.zeros((0, 2)), ("a", "b"), None, "no test windows"),
        (["c"], [[0.5, 0.5]], ("a", "b"), None, r"true classes \['c'\]"),
        (["a"], [[0.5, 0.6]], ("a", "b"), None, "sum to 1"),
        (["a"], [[1.5, -0.5]], ("a", "b"), None, "sum to 1"),
        (["a"], [[np.nan, 0.5]], ("a", "b"), None, "sum to 1"),
        (["a"], [[0.5, 0.5]], ("a", "b"), "normal", "normal class 'normal'"),
        (["a"], [[0.5, 0.5]], ("a", "a"), None, "named twice"),
    ],
)
def test_refuses_what_cannot_be_scored(
    truth: list[str], proba: object, classes: tuple[str, ...], normal: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        diagnosis_metrics(np.array(truth, dtype=str), np.array(proba), classes, normal)


def test_columns_come_in_the_order_asked_for_and_unseen_classes_get_zeros() -> None:
    proba = np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])
    made = aligned(proba, ("outer", "ball", "inner"), ["ball", "normal", "outer"])
    assert made.tolist() == [[0.7, 0.0, 0.1], [0.25, 0.0, 0.5]]
