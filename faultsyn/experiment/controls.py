"""Negative controls: what must give chance, and what must change nothing.

- "shuffled labels": the support's labels are permuted; a score above chance is a leak.
- "metadata only": the windows' samples are withheld, their table is not (load, speed, position in
  the recording); a score above chance says that the task can be solved without the signal.
- "permuted names": the classes are renamed while the classifier learns; its scores must be those
  without renaming.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose import build_classifier
from faultsyn.errors import InputError
from faultsyn.experiment.arms import ClassifierArm
from faultsyn.experiment.results import CONTROL
from faultsyn.experiment.study import Study
from faultsyn.windows import NORMAL, WindowSet


def control_arms(study: Study) -> tuple[ClassifierArm, ...]:
    """The controls that a study runs: its first feature classifier with shuffled labels, and a
    random forest that sees metadata only.

    Raises `InputError` when no classifier of the study consumes features.
    """
    for arm in study.classifiers:
        if (
            arm.control is None
            and build_classifier(arm.method, **arm.config).consumes == "features"
        ):
            break
    else:
        raise InputError("controls need a classifier that consumes features", "add nearest-mean")
    common: dict[str, Any] = {
        "method": arm.method,
        "config": arm.config,
        "representation": arm.representation,
    }
    return (
        ClassifierArm(name=f"{CONTROL}shuffled labels", control="shuffled labels", **common),
        ClassifierArm(
            name=f"{CONTROL}metadata only", control="metadata only", method="random-forest"
        ),
    )


def shuffle_labels(support: WindowSet, rng: np.random.Generator) -> WindowSet:
    """The support with its labels permuted among its windows."""
    return support.with_columns(label=rng.permutation(support.labels))


def permute_names(classes: tuple[str, ...], rng: np.random.Generator) -> dict[str, str]:
    """Class -> another name of the same set; the normal class, which methods know, keeps its own.

    With one fault class there is nothing to permute.
    """
    faults = [name for name in classes if name != NORMAL]
    shift = int(rng.integers(1, len(faults))) if len(faults) > 1 else 0
    renamed = dict(zip(faults, faults[shift:] + faults[:shift], strict=True))
    return {name: renamed.get(name, name) for name in classes}


def rename(windows: WindowSet, names: dict[str, str]) -> WindowSet:
    """The windows with their classes renamed."""
    labels: NDArray[np.str_] = np.array([names[str(label)] for label in windows.labels], dtype=str)
    return windows.with_columns(label=labels)
