"""How good a diagnosis is: macro scores, calibration, false alarms, recall of each class.

Every figure is computed over the classes that the test windows hold: a held-out group may lack a
class, and a class without windows has no recall. Predictions of a class that the test lacks still
cost, as misses of the class they should have been. Where a figure cannot be defined it is `None`,
never NaN, and `DiagnosisScore` says when that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from faultsyn.errors import InputError

ECE_BINS = 15
FAULT_RECALL = 0.95
_SUM_TOLERANCE = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DiagnosisScore:
    """What one set of test windows says about one fitted classifier; rates are fractions 0..1.

    - `classes`: class names, the order of `confusion`.
    - `macro_f1`: mean F1 over the classes present.
    - `balanced_accuracy`: mean recall over the classes present.
    - `macro_auroc`: mean one-versus-rest area under the ROC curve over the classes present;
      None when the test holds one class only (there is no "rest").
    - `ece`: expected calibration error of the top label, 15 bins of equal width
      (Guo et al. 2017, On calibration of modern neural networks, eq. 3).
    - `false_alarm_rate`: share of the normal windows that were called a fault; None when the task
      has no normal class or the test holds no normal window.
    - `false_alarm_at_95`: share of the normal windows alarmed at the threshold on 1 - p(normal)
      that recalls 95 % of the fault windows; None as above, or when the test holds no fault.
    - `recall`: recall of each class; None for a class without test windows.
    - `confusion`: `(C, C)` counts, rows true, columns predicted.
    """

    classes: tuple[str, ...]
    macro_f1: float
    balanced_accuracy: float
    macro_auroc: float | None
    ece: float
    false_alarm_rate: float | None
    false_alarm_at_95: float | None
    recall: dict[str, float | None]
    confusion: NDArray[np.int64]


def aligned(proba: Floats, have: Sequence[str], want: Sequence[str]) -> Floats:
    """Probability columns `(n, len(have))` in the order `want`; a class never seen gets zeros."""
    place = {name: column for column, name in enumerate(have)}
    out = np.zeros((len(proba), len(want)))
    for column, name in enumerate(want):
        if name in place:
            out[:, column] = proba[:, place[name]]
    return out


def diagnosis_metrics(
    y_true: NDArray[np.str_], proba: Floats, classes: tuple[str, ...], normal: str | None
) -> DiagnosisScore:
    """Score predicted probabilities against the truth.

    - `y_true`: true class of each test window, `(n,)` strings.
    - `proba`: predicted probabilities, `(n, C)`, rows summing to 1.
    - `classes`: the class of each column.
    - `normal`: the healthy class, or None when the task has none.

    The predicted class is the most probable one, the first of them on a tie. Raises `InputError`
    when shapes disagree, a true class has no column, there is no window, or `proba` is not a
    distribution.
    """
    proba = np.asarray(proba, np.float64)
    truth = _column_of(y_true, proba, classes, normal)
    predicted = proba.argmax(axis=1)
    n_classes = len(classes)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    hits, actual = confusion.diagonal(), confusion.sum(axis=1)
    present = np.flatnonzero(actual)
    f1 = 2 * hits[present] / (actual + confusion.sum(axis=0))[present]
    recall = hits[present] / actual[present]
    by_class: dict[str, float | None] = dict.fromkeys(classes)
    by_class.update((classes[c], float(r)) for c, r in zip(present, recall, strict=True))
    healthy = None if normal is None else classes.index(normal)
    return DiagnosisScore(
        classes=tuple(classes),
        macro_f1=float(f1.mean()),
        balanced_accuracy=float(recall.mean()),
        macro_auroc=_macro_auroc(truth, proba, present),
        ece=calibration_error(truth == predicted, proba.max(axis=1)),
        false_alarm_rate=_false_alarm_rate(truth, predicted, healthy),
        false_alarm_at_95=_false_alarm_at_recall(truth, proba, healthy),
        recall=by_class,
        confusion=confusion,
    )


def _column_of(
    y_true: NDArray[np.str_], proba: Floats, classes: tuple[str, ...], normal: str | None
) -> NDArray[np.intp]:
    """The column of each true label; refuses what cannot be scored."""
    if proba.shape != (len(y_true), len(classes)):
        raise InputError(
            f"diagnosis metrics: expected probabilities of shape ({len(y_true)}, {len(classes)}) "
            f"for {len(y_true)} windows and {len(classes)} classes, got {proba.shape}"
        )
    if len(y_true) == 0:
        raise InputError("diagnosis metrics: no test windows")
    if len(set(classes)) != len(classes):
        raise InputError(f"diagnosis metrics: a class is named twice in {list(classes)}")
    if normal is not None and normal not in classes:
        raise InputError(
            f"diagnosis metrics: the normal class '{normal}' is not one of {list(classes)}",
            "pass normal=None for a task without a healthy class",
        )
    unknown = sorted(set(np.asarray(y_true).tolist()) - set(classes))
    if unknown:
        raise InputError(
            f"diagnosis metrics: true classes {unknown} have no column among {list(classes)}"
        )
    sums = proba.sum(axis=1)
    if not (np.isfinite(proba).all() and (proba >= 0).all()) or np.any(
        np.abs(sums - 1) > _SUM_TOLERANCE
    ):
        raise InputError(
            "diagnosis metrics: expected probabilities >= 0 that sum to 1, got rows summing to "
            f"{sums.min():.4g}..{sums.max():.4g} with least entry {proba.min():.4g}"
        )
    column = {name: i for i, name in enumerate(classes)}
    return np.array([column[str(label)] for label in y_true], np.intp)


def _macro_auroc(truth: NDArray[np.intp], proba: Floats, present: NDArray[np.intp]) -> float | None:
    """Mann-Whitney form of the area, ties counted half, averaged over the classes present."""
    if len(present) < 2:
        return None
    areas = []
    for c in present:
        positive = truth == c
        n_positive = int(positive.sum())
        n_negative = len(truth) - n_positive
        rank_sum = rankdata(proba[:, c])[positive].sum()
        areas.append((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
    return float(np.mean(areas))


def calibration_error(correct: NDArray[np.bool_], confidence: Floats) -> float:
    """Mean |accuracy - confidence| over bins (i/15, (i+1)/15], weighted by their windows."""
    index = np.searchsorted(np.linspace(0, 1, ECE_BINS + 1)[1:-1], confidence, side="left")
    # |sum of correct - sum of confidence| of a bin is its count times the gap of its means
    gap = np.bincount(index, correct, ECE_BINS) - np.bincount(index, confidence, ECE_BINS)
    return float(np.abs(gap).sum() / len(confidence))


def _false_alarm_rate(
    truth: NDArray[np.intp], predicted: NDArray[np.intp], healthy: int | None
) -> float | None:
    normals = truth == healthy
    if healthy is None or not normals.any():
        return None
    return float((predicted[normals] != healthy).mean())


def _false_alarm_at_recall(
    truth: NDArray[np.intp], proba: Floats, healthy: int | None
) -> float | None:
    normals = truth == healthy
    if healthy is None or not normals.any() or normals.all():
        return None
    alarm = 1 - proba[:, healthy]
    faults = np.sort(alarm[~normals])[::-1]
    # 1e-9: 0.95 * 20 must be 19 windows, not 20, whatever its float is
    needed = int(np.ceil(FAULT_RECALL * len(faults) - 1e-9))
    return float((alarm[normals] >= faults[needed - 1]).mean())
