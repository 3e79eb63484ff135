"""What cells share, made once and kept: windows, feature rows, trained generators and learners."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from faultsyn.diagnose import build_classifier
from faultsyn.errors import FaultsynError
from faultsyn.experiment.arms import BaseSpec, ClassifierArm, GeneratorArm
from faultsyn.experiment.base_sets import base_set
from faultsyn.experiment.base_views import base_view
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.cells import Workspace
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.meta_training import meta_trained
from faultsyn.experiment.synthesis import pretrain_shared
from faultsyn.experiment.task import RepresentationSpec, Task
from faultsyn.experiment.views import BaseView, FoldFeatures

log = logging.getLogger(__name__)

META_TRAINED = "meta-trained"
"""Folder of the cache for learners that were meta-trained."""


def prepare(task: Task, representation: dict[str, Any], fold: int, workspace: Workspace) -> None:
    """Compute a task's cached feature rows for one representation and fold."""
    spec = RepresentationSpec(**representation)
    features = fold_features(
        task.model_dump_json(), str(workspace.cache), fold, spec.model_dump_json()
    )
    data = features.data
    features.rows("windows", data.windows)
    if data.overlapping is not None:
        features.rows("overlapping", data.overlapping)


def prepare_generator(task: Task, arm: GeneratorArm, fold: int, workspace: Workspace) -> None:
    """Pretrain a costly generator on a fold's normals, once for all its cells."""
    data = task_data(task.model_dump_json(), str(workspace.cache))
    pretrain_shared(arm, data, data.folds[fold], workspace.cache)


def prepare_learner(
    task: Task, arm: ClassifierArm, fold: int, draw: int, workspace: Workspace
) -> None:
    """Meta-train a learner on a fold's base set, once for all its cells.

    What cannot be trained is left to the cells, whose rows then say why.
    """
    classifier = build_classifier(arm.method, **arm.config)
    sees = ""
    if classifier.consumes == "features":
        sees = arm.representation_of(task).model_dump_json()
    spec = "" if arm.base is None else arm.base.model_dump_json()
    try:
        base = shared_base(task.model_dump_json(), str(workspace.cache), fold, sees, spec)
        if base is not None:
            meta_trained(arm, base, draw, workspace.cache / META_TRAINED)
    except FaultsynError as error:
        log.warning("%s, %s: %s", task.name, arm.name, error)


def like_fold(data: TaskData, fold: int) -> int:
    """The first fold with the base set of this one; episodes of the same novel classes share it."""
    base = data.folds[fold].base
    if base is None:
        return fold
    return next(i for i, other in enumerate(data.folds) if other.base is base)


@lru_cache(maxsize=8)
def shared_base(task: str, cache: str, fold: int, sees: str, spec: str) -> BaseView | None:
    """The base set of a fold as a learner sees it; None when it is empty.

    - `sees`: representation as JSON, "" for windows; `spec`: `BaseSpec` as JSON, "" for the task's
      own base set.
    """
    data = task_data(task, cache)
    wanted = BaseSpec.model_validate_json(spec) if spec else None
    base = base_set(data, data.folds[fold], wanted, ArrayCache(Path(cache)))
    if len(base) == 0:
        return None
    return base_view(base, fold_features(task, cache, fold, sees) if sees else None)


@lru_cache(maxsize=4)
def task_data(task: str, cache: str) -> TaskData:
    """The data of a task (as JSON), kept while a worker stays with it."""
    return load_data(Task.model_validate_json(task), ArrayCache(Path(cache)))


@lru_cache(maxsize=32)
def fold_features(task: str, cache: str, fold: int, spec: str) -> FoldFeatures:
    """Feature rows of a fold under one representation (as JSON)."""
    data = task_data(task, cache)
    made = RepresentationSpec.model_validate_json(spec)
    return FoldFeatures(data, data.folds[fold], made, ArrayCache(Path(cache)))
