"""A task's windows: read from the store once, kept as memory-mapped arrays with their table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError, LeakError
from faultsyn.experiment.arms import OtherMachines
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.episodes import episodes_of
from faultsyn.experiment.reading import Reader, open_store
from faultsyn.experiment.split import Fold, folds_of
from faultsyn.experiment.task import Task
from faultsyn.windows import NORMAL, WindowSet

_TOUCHING = 1e-9
"""Seconds by which windows that only touch may seem to overlap."""
_BLOCK = 32 << 20
"""Bytes of windows that are in memory at once."""


@dataclass(frozen=True, eq=False)
class TaskData:
    """The windows of a task.

    - `windows`: disjoint windows of its classes; the healthy class is `NORMAL`.
    - `overlapping`: more normal windows of the same recordings, for `meta_fit`; may be None.
    - `healthy`: normal windows outside the classes, for pretraining; may be None.
    - `classes`: class names, the order of every confusion matrix; `normal`: NORMAL or None.
    - `folds`: its split, checked for leaks.
    - `data_hash`: of the store and its bearings' geometry; `keys`: hash of what each of the three
      sets holds, by its name.
    - `sources`: hashes of the files that `windows` come from.
    """

    task: Task
    windows: WindowSet
    overlapping: WindowSet | None
    healthy: WindowSet | None
    classes: tuple[str, ...]
    normal: str | None
    folds: tuple[Fold, ...]
    data_hash: str
    keys: Mapping[str, str]
    sources: frozenset[str]

    def base_of(self, fold: Fold) -> NDArray[np.intp]:
        """Overlapping normal windows of recordings that the fold trains on.

        Of a recording that it also tests on, only those that overlap no tested window.
        """
        if self.overlapping is None or self.task.split.level == "window":
            return np.zeros(0, np.intp)
        of, mine = self.windows.column("recording"), self.overlapping.column("recording")
        trained = set(of[fold.train].tolist())
        keep = np.isin(mine, sorted(trained))
        for shared in sorted(trained & set(of[fold.test].tolist())):
            here = np.flatnonzero(mine == shared)
            tested = fold.test[of[fold.test] == shared]
            start, end = (self.overlapping.table[name][here, None] for name in ("start", "end"))
            low, high = (self.windows.table[name][tested] for name in ("start", "end"))
            keep[here] &= ~((start < high - _TOUCHING) & (end > low + _TOUCHING)).any(axis=1)
        return np.flatnonzero(keep)


def load_data(task: Task, cache: ArrayCache) -> TaskData:
    """Read a task's windows, cap them, and split them.

    Raises `StoreError` or `InputError` naming the store, column, class or channel at fault, and
    `LeakError` when the split would leak.
    """
    with open_store(task) as store:
        reader = Reader(task, store, cache)
        windows = reader.classes()
        overlapping = None if task.window.normal_stride is None else reader.overlapping()
        healthy = None if task.healthy is None else reader.healthy(task.healthy)
        data_hash, sources = reader.data_hash, reader.sources(windows)
    classes = tuple(NORMAL if name == task.label.normal else name for name in task.label.classes)
    missing = [name for name in classes if name not in set(windows.labels.tolist())]
    if missing:
        raise InputError(
            f"{task.name}: {task.store} has no windows of class {missing}",
            "check label.classes, `where` and the window's length",
        )
    cut = episodes_of if task.split.scheme == "episodes" else folds_of
    return TaskData(
        task=task,
        windows=windows,
        overlapping=overlapping,
        healthy=healthy,
        classes=classes,
        normal=None if task.label.normal is None else NORMAL,
        folds=tuple(cut(windows.table, windows.labels, task.split, task.name)),
        data_hash=data_hash,
        keys=reader.keys,
        sources=sources,
    )


@dataclass(frozen=True, eq=False)
class OtherWindows:
    """Labelled windows of another store, as the task's channels.

    - `windows`; `key`: hash of what they hold; `sources`: hashes of the files they come from.
    """

    windows: WindowSet
    key: str
    sources: frozenset[str]


def load_other(task: Task, other: OtherMachines, cache: ArrayCache) -> OtherWindows:
    """Read windows of other machines, of the length and rate of the task's.

    Raises `StoreError` or `InputError` naming the store, column, class or channel at fault,
    `LeakError` on generated windows.
    """
    window = task.window.model_copy(
        update={
            "channels": other.channels,
            "select": other.select,
            "stride": None,
            "normal_stride": None,
        }
    )
    there = task.model_copy(
        update={
            "name": f"{task.name}, base",
            "store": other.store,
            "where": other.where,
            "window": window,
            "label": other.label,
            "cap": other.cap,
            "healthy": None,
        }
    )
    with open_store(there) as store:
        reader = Reader(there, store, cache)
        windows = reader.classes()
    own = (task.window.select.name,) if task.window.select else task.window.channels
    if len(own) != len(windows.channels):
        raise InputError(
            f"{there.name}: expected {len(own)} channels ({', '.join(own)}), got "
            f"{len(windows.channels)} of {other.store} ({', '.join(windows.channels)})"
        )
    if windows.synthetic.any():
        raise LeakError(
            f"{there.name}: {other.store} holds generated windows, of shots that may be tested on",
            "let the study make them: `base: {made: ...}`",
        )
    renamed = windows.with_x(windows.x, channels=own)
    return OtherWindows(renamed, reader.keys["windows"], reader.sources(windows))


def mapped(windows: WindowSet, index: NDArray[np.intp], cache: ArrayCache, key: str) -> WindowSet:
    """The windows at `index` (ascending) without bringing them all to memory.

    A stretch is a view of the memory map; scattered windows are copied, many of them to a map of
    their own.

    - `key`: hash of what `windows` holds.
    """
    if len(index) == 0 or len(index) == index[-1] - index[0] + 1:
        return windows.take(slice(index[0], index[-1] + 1) if len(index) else slice(0))
    if len(index) * windows.x[:1].nbytes <= _BLOCK:
        return windows.take(index)
    step = max(1, _BLOCK // windows.x[:1].nbytes)
    table = {name: column[index] for name, column in windows.table.items()}
    x = cache.stream(
        "chosen",
        {"windows": key, "rows": config_hash({"rows": index.tolist()})},
        (len(index), *windows.x.shape[1:]),
        lambda: (windows.x[index[i : i + step]] for i in range(0, len(index), step)),
    )
    return WindowSet(x, table, windows.rate, windows.channels, windows.units)
