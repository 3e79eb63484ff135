"""What the benchmarks of the plant's diagnosers share: sides of tasks, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.artifact import config_hash
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.split import Fold
from faultsyn.experiment.study import classifier_arm, generator_arm
from faultsyn.experiment.task import load_task
from faultsyn.plant.crossfit import scores_of
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.fitting import Recipe
from faultsyn.plant.folds import Level
from faultsyn.plant.training import trained
from faultsyn.plant.unknown import combined
from faultsyn.windows import WindowSet

CACHE = Path("runs/cache")
HEADS = {
    "tep": "lda",
    "cwru-load": "nearest-mean",
    "cwru-loads": "nearest-mean",
    "cwru-bearing": "nearest-mean",
    "cwru-bearing-4096": "nearest-mean",
    "zema-valve": "lda",
    "zema-pump": "lda",
    "zema-accumulator": "ordinal-ridge",
    "zema-shift-valve": "lda",
    "zema-shift-pump": "lda",
}

_FAULTY = {"location": "drive_end", "severity": [7, 14, 21]}
_LOADS = [0, 1, 2, 3]
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "cwru-loads": (
        "cwru-load",
        {
            "where": [
                {**_FAULTY, "label": ["inner", "ball"], "load": _LOADS},
                {**_FAULTY, "label": "outer", "position": 6, "load": _LOADS},
            ],
            "split": {"train": {"load": [1, 2, 3]}, "test": {"load": 0}},
        },
    ),
}
"""Tasks that are another one with changes: cwru-load with three loads to learn from."""


def data_of(name: str, **over: Any) -> TaskData:
    """A task's windows."""
    base, changes = VARIANTS.get(name, (name, {}))
    return load_data(load_task(base, **{**changes, **over}), ArrayCache(CACHE / "arrays"))


def without(data: TaskData, labels: tuple[str, ...], fold: Fold) -> tuple[TaskData, Fold]:
    """The task as if these classes did not exist, and its training side."""
    keep = ~np.isin(data.windows.labels, labels)
    place = np.cumsum(keep) - 1
    kept = Fold(fold.name, place[fold.train[keep[fold.train]]], place[fold.test[keep[fold.test]]])
    key = config_hash({"of": data.keys["windows"], "without": list(labels)})
    smaller = replace(
        data,
        windows=data.windows.take(np.flatnonzero(keep)),
        classes=tuple(name for name in data.classes if name not in labels),
        keys={**data.keys, "windows": key},
    )
    return smaller, kept


def fitted(data: TaskData, side: Fold, head: str, level: Level | None = None) -> Diagnoser:
    """A diagnoser trained on one side of a fold, without synthetic windows."""
    none, arm = generator_arm("none"), classifier_arm(head)
    return trained(Recipe(data, none, arm, "all", 0, CACHE), side, recall=0.95, hold_out=level)


@dataclass
class Judged:
    """Held-out recordings: window probabilities, true class, unknown scores by kind."""

    units: list[np.ndarray]
    truth: np.ndarray
    strange: dict[str, np.ndarray]


def judge(diagnoser: Diagnoser, windows: WindowSet) -> Judged:
    """What a diagnoser says of windows, recording by recording."""
    rows = diagnoser.fitted.rows(windows)
    proba = diagnoser.proba(windows, rows)
    strange = scores_of(diagnoser.fitted, windows, rows)
    strange["combined"] = combined(strange, diagnoser.confidence.scales)
    of = windows.column("recording")
    members = [np.flatnonzero(of == name) for name in dict.fromkeys(of.tolist())]
    labels = windows.labels[[unit[0] for unit in members]]
    known = list(diagnoser.classes)
    truth = np.array([known.index(name) if name in known else -1 for name in labels.tolist()])
    means = {k: np.array([s[unit].mean() for unit in members]) for k, s in strange.items()}
    return Judged([proba[unit] for unit in members], truth, means)
