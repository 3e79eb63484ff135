"""Can a classifier tell synthetic from real windows: the two-sample test with grouped folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.features import coarse_features, feature_views, fine_features
from faultsyn.evaluate.halves import group_ids
from faultsyn.evaluate.needs import Given, Need
from faultsyn.windows import WindowSet

FOLDS = 4


class TwoSampleFine(Metric):
    """AUC of an RBF support vector machine on level, 128 spectral and 64 envelope bands.

    The machine learns to tell judged from real windows, with whole recordings (or stretches of
    time) in a fold: Lopez-Paz & Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017. 0.5
    when they cannot be told apart, 1 when always; two real recordings can often be told apart too,
    which the floor says.
    """

    name = "two-sample-fine"
    unit = "AUC"
    direction = "lower"
    required = False
    minimum = FOLDS
    sees = ("iaaft", "phase-randomised", "white noise", "one window", "another fault")
    blind = "copies have the features of the real windows that they copy"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        return feature_views(real, judged, fine_features)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        return grouped_auc(
            reference.rows, judged.rows, group_ids(reference), group_ids(judged), rng
        ), {}


class TwoSampleCoarse(TwoSampleFine):
    """The same test on coarse features: level and kurtosis, 16 spectral and 16 envelope bands."""

    name = "two-sample-coarse"
    needs = frozenset({Need.SIGNAL})

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        return feature_views(real, judged, coarse_features)


def grouped_auc(
    real: NDArray[Any],
    judged: NDArray[Any],
    real_groups: NDArray[np.intp],
    judged_groups: NDArray[np.intp],
    rng: np.random.Generator,
) -> float:
    """Mean AUC over folds that never part a group, judged rows as the positive class."""
    from sklearn.metrics import roc_auc_score
    from sklearn.svm import SVC

    rows = np.concatenate([real, judged])
    target = np.repeat([0, 1], [len(real), len(judged)])
    fold = np.concatenate([_folds(real_groups, rng), _folds(judged_groups, rng)])
    scores = []
    for k in range(FOLDS):
        test = fold == k
        if min(len(np.unique(target[test])), len(np.unique(target[~test]))) < 2:
            continue
        machine = SVC(class_weight="balanced").fit(rows[~test], target[~test])
        scores.append(roc_auc_score(target[test], machine.decision_function(rows[test])))
    return float(np.mean(scores)) if scores else float("nan")


def _folds(groups: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """A fold for each row, whole groups together, groups dealt out in random order."""
    names, which = np.unique(groups, return_inverse=True)
    order = rng.permutation(len(names))
    dealt: NDArray[np.intp] = (np.argsort(order) % FOLDS)[which.reshape(-1)]
    return dealt
