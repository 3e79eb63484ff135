"""`train`: a task's windows to a diagnoser."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.seen import Seen
from faultsyn.experiment.shots import Support, draw_support
from faultsyn.experiment.split import Fold
from faultsyn.experiment.study import classifier_arm, generator_arm
from faultsyn.experiment.task import Task
from faultsyn.experiment.training import ARRAYS, Place, places
from faultsyn.plant.baseline import Baseline
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.crossfit import cross_fit
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.fitting import Recipe
from faultsyn.plant.folds import Level
from faultsyn.plant.posed import Posed
from faultsyn.plant.states import States
from faultsyn.windows import WindowSet

_MOST_HEALTHY = 2000
Progress = Callable[[int, int, str], None]


def train_diagnoser(
    task: Task,
    generator: str | Path,
    classifier: str | Path,
    *,
    k: int | str = "all",
    n_synthetic: int | None = None,
    fold: str | int | None = None,
    coverage: float = 0.9,
    recall: float | None = None,
    hold_out: Level | None = None,
    seed: int = 0,
    cache: str | Path = ARRAYS,
    progress: Progress | None = None,
) -> Diagnoser:
    """Train a preset of a classifier, with or without synthetic windows, on a task's windows.

    - `generator`, `classifier`: presets; "none" makes no windows.
    - `k`: windows of each fault class that are learnt from, or "all".
    - `n_synthetic`: synthetic windows of each fault class; the preset's amount when None.
    - `fold`: number (from 1) or name of the fold whose training side alone is seen; all windows
      without.
    - `coverage`: stated coverage of the prediction sets.
    - `recall`: share of faults that the alarm threshold shall recall; see `Confidence.fit`.
    - `hold_out`: what confidence is learnt from; see `faultsyn.plant.folds.inner_folds`.

    Confidence is learnt from parts of the support that are held out in turn; then everything is
    fitted once more on all of it. Raises `InputError` on an unknown preset or fold, a class with
    too few windows, or a pair of generator and classifier that does not fit.
    """
    started = time.perf_counter()
    place = Place.of(task, fold, seed, cache)
    if task.split.scheme == "episodes":
        raise InputError(
            f"{task.name}: draws its classes anew in every episode",
            "train on a task with fixed classes",
        )
    amount = {} if n_synthetic is None else {"n_synthetic": n_synthetic}
    recipe = Recipe(
        place.data,
        generator_arm({"preset": str(generator), **amount}),
        classifier_arm(str(classifier)),
        k,
        seed,
        Path(cache).parent,
    )
    made = trained(
        recipe, place.side, coverage=coverage, recall=recall, hold_out=hold_out, progress=progress
    )
    told = made.provenance["train"]
    told["fold"] = None if place.fold is None else place.fold.name
    told["seconds"] = round(time.perf_counter() - started, 3)
    return made


def trained(
    recipe: Recipe,
    side: Fold,
    *,
    coverage: float = 0.9,
    recall: float | None = None,
    hold_out: Level | None = None,
    progress: Progress | None = None,
) -> Diagnoser:
    """Train on the training side of a fold; `train_diagnoser` says what the arguments are."""
    data, task = recipe.data, recipe.data.task
    support = draw_support(
        data.windows.table, data.windows.labels, data.classes, side, task.shots, recipe.k,
        recipe.seed, task.normals, task.name,
    )  # fmt: skip
    held = cross_fit(recipe, support, hold_out, progress)
    met = None
    if held is not None and held.at_new_states:
        met = cross_fit(recipe, support, None, progress, with_groups=False)
    known = np.sort(support.all)
    if progress is not None:
        progress(5, 6, "final fit")
    fitted = recipe.fit(Fold(side.name, known, known[:0]), support)
    classes = tuple(sorted(data.classes))
    confidence = Confidence.none(classes)
    if held is not None:
        confidence = Confidence.fit(held, met, coverage, recall=recall)
    seen = data.windows.take(known)
    baseline = _baseline(recipe, support, seen)
    posed = Posed.of(task, seen)
    return Diagnoser(posed, fitted, confidence, {"train": _told(recipe, seen)}, baseline)


def _baseline(recipe: Recipe, support: Support, seen: WindowSet) -> Baseline | None:
    """Of the support's normals, else of the task's healthy recordings."""
    data = recipe.data
    healthy = data.windows.take(np.sort(support.normals))
    if len(healthy) == 0 and data.healthy is not None:
        healthy = data.healthy.take(slice(0, _MOST_HEALTHY))
    if len(healthy) == 0:
        return None
    return Baseline.learn(healthy, States.of(data.task, seen))


def _told(recipe: Recipe, windows: WindowSet) -> dict[str, Any]:
    data = recipe.data
    labels, counts = np.unique(windows.labels, return_counts=True)
    return {
        "task": data.task.name,
        "store": data.task.store,
        "data_hash": data.data_hash,
        "k": recipe.k,
        "seed": recipe.seed,
        "windows": dict(zip(labels.tolist(), counts.tolist(), strict=True)),
        "generator": recipe.generator.numerics,
        "classifier": recipe.classifier.numerics,
        "code": code_version(),
        "seen": Seen.of(windows, data.task.split).as_json(),
        "support": places(windows),
    }
