"""Judging a store of synthetic windows by the real windows that its generator never saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.quality import QualityReport, quality_by_class
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.runner import CACHE
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import Task, load_task
from faultsyn.store import Store, WindowSpec
from faultsyn.windows import NORMAL, WindowSet

MOST_REAL = 2000
"""Real windows per class that are compared with; more add time, not insight."""


def evaluate_store(
    real: str | Path,
    synthetic: str | Path,
    *,
    task: Task | None = None,
    metrics: tuple[str, ...] | None = None,
    seed: int = 0,
    cache: str | Path = CACHE / "arrays",
) -> dict[str, QualityReport]:
    """The quality of each class of synthetic windows, beside its real-vs-real floor.

    - `real`: store of the real recordings.
    - `synthetic`: store that `synthesize` wrote, or any store of generated windows.
    - `task`: says what a real window is; what the synthetic store was made for when left out.
    - `metrics`: names of measures; all but the costly ones when None.

    The shots named in the passports are taken out of the real windows and serve as the reference
    for copies. Raises `InputError` when a store has no synthetic windows or no task is known.
    """
    made, shots_of, asked = _read_synthetic(Path(synthetic))
    chosen = task or asked
    if chosen is None:
        raise InputError(f"{synthetic}: says nothing of the task it was made for", "give a task")
    data = load_data(chosen.model_copy(update={"store": str(real)}), ArrayCache(Path(cache)))
    windows = data.windows
    is_shot = _find(windows, shots_of)
    rng = rng_for("evaluate", chosen.name, seed)
    seen = windows.take(is_shot)
    return quality_by_class(
        _thinned(windows.take(~is_shot), rng),
        made,
        seen if len(seen) else None,
        _normal(data),
        rng,
        metrics=metrics,
    )


def _read_synthetic(path: Path) -> tuple[WindowSet, set[tuple[str, int]], Task | None]:
    """Windows, `(recording, start_sample)` of every shot, and the task of a synthetic store."""
    with Store(path) as store:
        if not store.synthetic.any():
            raise InputError(
                f"{path}: holds no synthetic windows", "`faultsyn synthesize` makes some"
            )
        names = sorted(store.streams)
        if len(names) != 1:
            raise InputError(f"{path}: expected one stream of synthetic windows, got {names}")
        stream = store.streams[names[0]]
        samples = stream.n_samples // len(store)
        spec = WindowSpec(samples, stream.rate, stream.channels)
        windows = store.windows(spec, store.synthetic).read().with_columns(synthetic=True)
        passports = store.passports
        info = [json.loads(text) for text in store.history]
    shots = {
        (str(recording), int(start))
        for text in dict.fromkeys(passports.get("shots", np.zeros(0, str)).tolist())
        for recording, start in json.loads(text)
    }
    known = [entry["task"] for entry in info if "task" in entry]
    return windows, shots, load_task(known[-1]) if known else None


def _find(windows: WindowSet, shots: set[tuple[str, int]]) -> NDArray[np.bool_]:
    places: list[Any] = list(
        zip(
            windows.column("recording").tolist(),
            windows.column("start_sample").tolist(),
            strict=True,
        )
    )
    return np.array([(str(recording), int(start)) in shots for recording, start in places], bool)


def _thinned(windows: WindowSet, rng: np.random.Generator) -> WindowSet:
    keep = [
        rng.permutation(np.flatnonzero(windows.labels == label))[:MOST_REAL]
        for label in sorted(set(windows.labels.tolist()))
    ]
    return windows.take(np.sort(np.concatenate(keep)))


def _normal(data: TaskData) -> WindowSet | None:
    if data.healthy is not None:
        return data.healthy
    normal = data.windows.of(NORMAL)
    return normal if len(normal) else None
