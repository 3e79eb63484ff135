"""Classifiers: what diagnoses a fault from a few examples of it.

`build_classifier("lda", shrinkage=0.003)` builds one by its registered name,
`load_classifier(path)` reads back one that was saved. All follow the contract of
`faultsyn.diagnose.base.FewShotClassifier`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faultsyn.artifact import Artifact, load_artifact
from faultsyn.diagnose.anil import ANIL
from faultsyn.diagnose.base import FewShotClassifier
from faultsyn.diagnose.baseline_plus import BaselinePlus
from faultsyn.diagnose.cnn import CNN
from faultsyn.diagnose.extra_trees import ExtraTrees
from faultsyn.diagnose.fine_tuned_cnn import FineTunedCNN
from faultsyn.diagnose.lda import LinearDiscriminant
from faultsyn.diagnose.logistic_regression import LogisticRegression
from faultsyn.diagnose.maml import MAML
from faultsyn.diagnose.matching import Matching
from faultsyn.diagnose.minirocket import MiniRocket
from faultsyn.diagnose.nearest_mean import NearestMean
from faultsyn.diagnose.ordinal_ridge import OrdinalRidge
from faultsyn.diagnose.prototypical import Prototypical
from faultsyn.diagnose.random_forest import RandomForest
from faultsyn.diagnose.relation import Relation
from faultsyn.diagnose.reptile import Reptile
from faultsyn.diagnose.residual_cnn import ResidualCNN
from faultsyn.diagnose.ridge import Ridge
from faultsyn.diagnose.siamese import Siamese
from faultsyn.errors import InputError
from faultsyn.registry import build, nearest

CLASSIFIERS: dict[str, type[FewShotClassifier]] = {
    classifier.name: classifier
    for classifier in (
        NearestMean,
        LogisticRegression,
        Ridge,
        RandomForest,
        ExtraTrees,
        LinearDiscriminant,
        OrdinalRidge,
        MiniRocket,
        CNN,
        ResidualCNN,
        FineTunedCNN,
        BaselinePlus,
        Prototypical,
        Matching,
        Relation,
        Siamese,
        MAML,
        ANIL,
        Reptile,
    )
}
"""Every classifier by its registered name."""

__all__ = [
    "CLASSIFIERS",
    "FewShotClassifier",
    "build_classifier",
    "load_classifier",
    "restore_classifier",
]


def build_classifier(name: str, **config: Any) -> FewShotClassifier:
    """An untrained classifier.

    Raises `InputError` with the nearest valid key on an unknown name or setting, and on a value
    that makes no sense.
    """
    made = build("classifier", CLASSIFIERS, name, config)
    made.check_config()
    return made


def load_classifier(path: str | Path) -> FewShotClassifier:
    """Read back what a classifier's `save` wrote, whichever it was.

    Raises `InputError` when the folder is no classifier, was changed, or holds one unknown here.
    """
    return restore_classifier(load_artifact(path, "classifier"), str(path))


def restore_classifier(artifact: Artifact, where: str) -> FewShotClassifier:
    """The classifier that an artefact holds; `where` names it in errors.

    Raises `InputError` when it is one unknown here or its settings make no sense.
    """
    if artifact.name not in CLASSIFIERS:
        raise InputError(
            f"{where}: unknown classifier '{artifact.name}'", nearest(artifact.name, CLASSIFIERS)
        )
    build_classifier(artifact.name, **artifact.config)  # settings of a changed file are refused
    return CLASSIFIERS[artifact.name].from_artifact(artifact, where)
