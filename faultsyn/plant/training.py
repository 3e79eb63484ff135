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
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.crossfit import cross_fit
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.fitting import Recipe
from faultsyn.plant.posed import Posed

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

    Confidence is learnt from parts of the support that are held out in turn; then everything is
    fitted once more on all of it. Raises `InputError` on an unknown preset or fold, a class with
    too few windows, or a pair of generator and classifier that does not fit.
    """
    started = time.perf_counter()
    place = Place.of(task, fold, seed, cache)
    data = place.data
    if task.split.scheme == "episodes":
        raise InputError(
            f"{task.name}: draws its classes anew in every episode",
            "train on a task with fixed classes",
        )
    amount = {} if n_synthetic is None else {"n_synthetic": n_synthetic}
    recipe = Recipe(
        data,
        generator_arm({"preset": str(generator), **amount}),
        classifier_arm(str(classifier)),
        k,
        seed,
        Path(cache).parent,
    )
    support = draw_support(
        data.windows.table, data.windows.labels, data.classes, place.side, task.shots, k, seed,
        task.normals, task.name,
    )  # fmt: skip
    held = cross_fit(recipe, support, progress)
    known = np.sort(support.all)
    final = Fold(place.side.name, known, known[:0])
    if progress is not None:
        progress(5, 6, "final fit")
    fitted = recipe.fit(final, support)
    classes = tuple(sorted(data.classes))
    confidence = Confidence.none(classes) if held is None else Confidence.fit(held, coverage)
    told = _told(recipe, support, place, time.perf_counter() - started)
    seen = data.windows.take(known)
    return Diagnoser(Posed.of(task, seen), fitted, confidence, {"train": told})


def _told(recipe: Recipe, support: Support, place: Place, seconds: float) -> dict[str, Any]:
    data = place.data
    windows = data.windows.take(np.sort(support.all))
    labels, counts = np.unique(windows.labels, return_counts=True)
    return {
        "task": data.task.name,
        "store": data.task.store,
        "data_hash": data.data_hash,
        "fold": None if place.fold is None else place.fold.name,
        "k": recipe.k,
        "seed": recipe.seed,
        "windows": dict(zip(labels.tolist(), counts.tolist(), strict=True)),
        "generator": recipe.generator.numerics,
        "classifier": recipe.classifier.numerics,
        "seconds": round(seconds, 3),
        "code": code_version(),
        "seen": Seen.of(windows, data.task.split).as_json(),
        "support": places(windows),
    }
