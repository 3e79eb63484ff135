"""A generator's first two steps on a task: pretrain on healthy windows, adapt to K shots.

The steps leave an artefact each (`pretrain_generator`, `adapt_generator`) or are done in memory
(`pretrained`, `adapted`); it is the same code, and equal arguments give equal windows either way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.artifact import read_head
from faultsyn.errors import InputError
from faultsyn.experiment.artifacts import Workplace, task_parts
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import TaskData, load_data, mapped
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.seen import Seen
from faultsyn.experiment.shots import draw_normals, draw_support
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import Task
from faultsyn.synth import Generator, build_generator, load_generator
from faultsyn.windows import NORMAL, WindowSet

ARRAYS = CACHE / "arrays"

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and how it goes."""


@dataclass(frozen=True)
class Place:
    """Where a generator is trained.

    - `data`: the task's windows; `cache`: where arrays made from them are kept.
    - `fold`: the fold whose training side alone is seen; None: all windows.
    - `seed`: decides which normals and shots are drawn, and every random number.
    """

    data: TaskData
    cache: ArrayCache
    fold: Fold | None
    seed: int

    @classmethod
    def of(cls, task: Task, fold: str | int | None, seed: int, cache: str | Path) -> Place:
        """Read a task's windows; raises `InputError` on an unknown fold."""
        arrays = ArrayCache(Path(cache))
        data = load_data(task, arrays)
        return cls(data, arrays, None if fold is None else fold_named(data, fold), seed)

    @property
    def side(self) -> Fold:
        """The fold, or all windows as a training side."""
        if self.fold is not None:
            return self.fold
        everything = np.arange(len(self.data.windows))
        return Fold("all windows", everything, everything[:0])

    def normals(self) -> WindowSet:
        """Healthy windows to pretrain on, mapped from disk; at most as many as the task allows."""
        data, task = self.data, self.data.task
        if data.healthy is not None:
            return data.healthy
        drawn = draw_normals(data.windows.labels, self.side, self.seed, task.normals, task.name)
        return mapped(data.windows, drawn, self.cache, data.keys["windows"])

    def shots(self, k: int, labels: Sequence[str]) -> WindowSet:
        """K shots of each of these classes, class by class."""
        data, task = self.data, self.data.task
        support = draw_support(
            data.windows.table, data.windows.labels, data.classes, self.side, task.shots, k,
            self.seed, task.normals, task.name,
        )  # fmt: skip
        shots = data.windows.take(support.shots)
        return shots.take(np.isin(shots.labels, labels))


def fold_named(data: TaskData, fold: str | int) -> Fold:
    """A fold by its number, counted from 1, or its name."""
    names = [known.name for known in data.folds]
    text = str(fold)
    if text.isdigit() and 1 <= int(text) <= len(names):
        return data.folds[int(text) - 1]
    if text in names:
        return data.folds[names.index(text)]
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names[:8], 1))
    raise InputError(f"{data.task.name}: no fold '{fold}'; there are {len(names)}: {listed}")


def fault_classes(data: TaskData, labels: Sequence[str]) -> tuple[str, ...]:
    """The fault classes among `labels` (all without), in the task's order."""
    faults = tuple(label for label in data.classes if label != NORMAL)
    unknown = sorted(set(labels) - set(faults))
    if unknown:
        raise InputError(
            f"{data.task.name}: no fault class {', '.join(unknown)}; there are {', '.join(faults)}"
        )
    return tuple(label for label in faults if label in labels or not labels)


def signal_generator(preset: str | Path) -> Generator:
    """An untrained generator of a preset; raises `InputError` when it makes feature rows."""
    chosen = load_preset(preset, "generator")
    built = build_generator(chosen.method, **chosen.config)
    if built.space != "signal":
        raise InputError(
            f"generator '{preset}' makes feature rows, a store holds signals",
            "choose a preset that works on signals (`space: signal`)",
        )
    return built


def pretrained(generator: Generator, place: Place, normals: WindowSet) -> Generator:
    """Pretrain in memory, and note what was seen."""
    data, started = place.data, time.perf_counter()
    generator.pretrain(normals, rng_for("pretrain", data.task.name, place.seed))
    told = _told(place, normals, time.perf_counter() - started)
    generator.provenance_ = {**generator.provenance_, "pretrain": told}
    return generator


def adapted(
    generator: Generator, place: Place, k: int, labels: Sequence[str]
) -> tuple[Generator, WindowSet]:
    """Adapt in memory to K shots of each class, and note what was seen; also the shots."""
    if k < 1:
        raise InputError(f"adapt: expected k of at least 1, got k = {k}")
    data, started = place.data, time.perf_counter()
    wanted = fault_classes(data, labels)
    shots = place.shots(k, wanted)
    generator.adapt(shots, rng_for("adapt", data.task.name, place.seed))
    told = {
        **_told(place, shots, time.perf_counter() - started),
        "k": k,
        "labels": list(wanted),
        "shots": {label: places(shots.of(label)) for label in wanted},
        "posed": data.task.model_dump(mode="json"),
    }
    generator.provenance_ = {**generator.provenance_, "adapt": told}
    return generator, shots


def places(windows: WindowSet) -> list[list[Any]]:
    """`[recording, start, end]` of each window, times in seconds."""
    columns = [windows.column(name).tolist() for name in ("recording", "start", "end")]
    return [list(place) for place in zip(*columns, strict=True)]


def pretrain_generator(
    task: Task,
    preset: str | Path,
    out: str | Path,
    *,
    fold: str | int | None = None,
    seed: int = 0,
    cache: str | Path = ARRAYS,
    progress: Progress | None = None,
) -> Generator:
    """Pretrain a preset on a task's healthy windows and save it to the folder `out`.

    - `fold`: number (from 1) or name of the fold whose training side alone is seen. Without, all
      healthy windows are, and no study can test on their groups.
    - `progress`: called by generators that train.

    The windows are mapped from disk: memory is bounded by what the generator itself keeps. A
    generator that trains leaves a checkpoint in `out` when it is stopped, and goes on from it when
    called with the same arguments.

    Raises `InputError` on a task without healthy windows, an unknown preset or fold, an `out` that
    holds something else, or the checkpoint of another run.
    """
    built = signal_generator(preset)
    workplace = Workplace(Path(out))
    place = Place.of(task, fold, seed, cache)
    normals = place.normals()
    if len(normals) == 0:
        raise InputError(f"{task.name}: no healthy windows to pretrain on", "name them in the task")
    parts = {"step": "pretrain", "config": built.config(), **task_parts(place.data, place.fold)}
    with workplace.training(built, {**parts, "seed": seed}, progress):
        pretrained(built, place, normals)
        preset_amount = load_preset(preset, "generator").n_synthetic
        told = {**built.provenance_["pretrain"], "n_synthetic": preset_amount}
        built.provenance_ = {"pretrain": told}
        built.save(workplace.out)
    return built


def adapt_generator(
    artifact: str | Path,
    task: Task,
    out: str | Path,
    *,
    k: int = 5,
    labels: Sequence[str] = (),
    fold: str | int | None = None,
    seed: int = 0,
    cache: str | Path = ARRAYS,
    progress: Progress | None = None,
) -> Generator:
    """Adapt a pretrained artefact to K shots of each fault class and save it to the folder `out`.

    - `fold`: as of `pretrain_generator`; without, the fold that the artefact was pretrained on,
      if it was on this task.

    Raises `InputError` when there is no such artefact, it does not fit the task's windows, a class
    has too few windows for K shots, or `out` holds something else.
    """
    generator = load_generator(artifact)
    workplace = Workplace(Path(out))
    if fold is None:
        fold = _fold_of(generator.provenance_, task)
    place = Place.of(task, fold, seed, cache)
    digest = read_head(artifact, "generator")["weights_sha256"]
    parts = {"step": "adapt", "config": generator.config(), "of": digest, "k": k}
    parts |= {"labels": list(labels), "seed": seed, **task_parts(place.data, place.fold)}
    with workplace.training(generator, parts, progress):
        adapted(generator, place, k, labels)
        generator.save(workplace.out)
    return generator


def _fold_of(provenance: Mapping[str, Any], task: Task) -> str | None:
    told = provenance.get("pretrain", {})
    return told.get("fold") if told.get("task") == task.name else None


def _told(place: Place, windows: WindowSet, seconds: float) -> dict[str, Any]:
    data = place.data
    return {
        "task": data.task.name,
        "store": data.task.store,
        "data_hash": data.data_hash,
        "fold": None if place.fold is None else place.fold.name,
        "seed": place.seed,
        "windows": len(windows),
        "seconds": round(seconds, 3),
        "code": code_version(),
        "seen": Seen.of(windows, data.task.split).as_json(),
    }
