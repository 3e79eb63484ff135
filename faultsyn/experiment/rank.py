"""Which features separate the classes of a task on groups that were held out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose import build_classifier
from faultsyn.errors import InputError
from faultsyn.evaluate.ranking import HeldOut, Ranking, TaskRanking
from faultsyn.evaluate.threshold_rules import auroc, fit_rules, rates
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import RepresentationSpec, Task
from faultsyn.experiment.views import FoldFeatures
from faultsyn.signal.meaning import meanings
from faultsyn.windows import WindowSet

_TREES = 100
_SHUFFLES = 3


def rank_features(
    task: Task,
    *,
    features: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> TaskRanking:
    """Score every feature of a task alone, and its importance to a forest, fold by fold.

    - `features`: an extraction in place of the task's own.

    All training windows of a fold are used; nothing of a held-out group reaches a rule, the forest
    or the scaling of channels. Raises `InputError` on a task whose classes change with the fold or
    that splits at random.
    """
    if task.split.scheme in ("episodes", "window"):
        raise InputError(
            f"{task.name}: a ranking needs held-out groups, not scheme '{task.split.scheme}'",
            "choose a task with leave-one-out, kfold or fixed",
        )
    spec = task.representation
    if features is not None and features != spec.features:
        spec = RepresentationSpec(features=features, channels=spec.channels)
    cache = ArrayCache(CACHE)
    data = load_data(task, cache)
    found = []
    for done, fold in enumerate(data.folds):
        if progress:
            progress(done, len(data.folds))
        source = FoldFeatures(data, fold, spec, cache)
        found.append(_held_out(data, fold, source.rows("windows", data.windows), seed))
        if done == 0:
            told = meanings(source.representation, data.windows)
    if progress:
        progress(len(data.folds), len(data.folds))
    return TaskRanking(
        task=task.name,
        level=task.split.level,
        features=spec.features,
        meanings=told,
        ranking=Ranking(data.classes, tuple(found)),
        data_hash=data.data_hash,
        seed=seed,
    )


def _held_out(data: TaskData, fold: Fold, rows: WindowSet, seed: int) -> HeldOut:
    train, test = rows.take(fold.train), rows.take(fold.test)
    shape = (len(data.classes), rows.n_samples)
    area, low, high, fitted, recall, alarms = (np.full(shape, np.nan) for _ in range(6))
    for at, label in enumerate(data.classes):
        trained, tested = train.labels == label, test.labels == label
        if not (_both(trained) and _both(tested)):
            continue
        rules = fit_rules(train.rows, trained)
        side = auroc(train.rows, trained) >= 0.5
        here = auroc(test.rows, tested)
        area[at] = np.where(side, here, 1 - here)
        low[at], high[at], fitted[at] = rules.low, rules.high, rules.accuracy
        recall[at], alarms[at] = rates(rules.says(test.rows), tested)
    importance, forest = _importance(train, test, rng_for("rank", data.task.name, fold.name, seed))
    return HeldOut(
        group=fold.name,
        rows=test.rows,
        labels=np.asarray(test.labels, str),
        auroc=area,
        low=low,
        high=high,
        fitted=fitted,
        recall=recall,
        false_alarms=alarms,
        importance=importance,
        forest=forest,
    )


def _both(positive: NDArray[np.bool_]) -> bool:
    return bool(positive.any() and not positive.all())


def _importance(
    train: WindowSet, test: WindowSet, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Drop in balanced accuracy on held-out rows when a column is shuffled, and the accuracy.

    Breiman, Machine Learning 45, 2001, section 10, on held-out groups in place of out-of-bag rows.
    Features that say the same share their importance, or hide it.
    """
    forest = build_classifier("random-forest", n_trees=_TREES, class_weight="balanced")
    forest.fit(train, rng)
    whole = _balanced(test.labels, forest.predict(test))
    drop = np.zeros(test.n_samples)
    for column in range(test.n_samples):
        for _ in range(_SHUFFLES):
            x = test.x.copy()
            x[:, 0, column] = rng.permutation(x[:, 0, column])
            drop[column] += whole - _balanced(test.labels, forest.predict(test.with_x(x)))
    return drop / _SHUFFLES, whole


def _balanced(truth: NDArray[np.str_], said: NDArray[np.str_]) -> float:
    """Mean recall of the classes that are there."""
    return float(np.mean([(said[truth == label] == label).mean() for label in np.unique(truth)]))
