"""A task's windows: read from the store once, kept as memory-mapped arrays with their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.cache import ArrayCache, key_of
from faultsyn.experiment.episodes import episodes_of
from faultsyn.experiment.filters import Columns, column_of, keys, matches_any, texts
from faultsyn.experiment.geometry import data_hash_of
from faultsyn.experiment.split import Fold, folds_of
from faultsyn.experiment.task import Cap, Healthy, Label, Select, Task
from faultsyn.store import Store, WindowSpec
from faultsyn.store.windows import WindowIndex
from faultsyn.windows import NORMAL, WindowSet

_STORE_MEMORY = 256 << 20
"""Bytes of a store's channels that are kept in memory while windows are cut."""
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
    with Store(_store_path(task), memory_budget=_STORE_MEMORY) as store:
        reader = _Reader(task, store, cache)
        windows = reader.classes()
        overlapping = None if task.window.normal_stride is None else reader.overlapping()
        healthy = None if task.healthy is None else reader.healthy(task.healthy)
        data_hash = reader.data_hash
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
    )


def mapped(windows: WindowSet, index: NDArray[np.intp], cache: ArrayCache, key: str) -> WindowSet:
    """The windows at `index` (ascending) without bringing them all to memory.

    A stretch is a view of the memory map; scattered windows are copied to one of their own.

    - `key`: hash of what `windows` holds.
    """
    if len(index) == 0 or len(index) == index[-1] - index[0] + 1:
        return windows.take(slice(index[0], index[-1] + 1) if len(index) else slice(0))
    step = max(1, _BLOCK // windows.x[:1].nbytes)
    table = {name: column[index] for name, column in windows.table.items()}
    x = cache.stream(
        "chosen",
        {"windows": key, "rows": config_hash({"rows": index.tolist()})},
        (len(index), *windows.x.shape[1:]),
        lambda: (windows.x[index[i : i + step]] for i in range(0, len(index), step)),
    )
    return WindowSet(x, table, windows.rate, windows.channels, windows.units)


def class_of(table: Columns, label: Label, what: str) -> NDArray[np.str_]:
    """The class of each row, `NORMAL` for the healthy one, '' for rows of no class."""
    parts = [texts(column_of(table, name, what)) for name in label.column]
    joined = parts[0]
    for part in parts[1:]:
        joined = np.char.add(np.char.add(joined, "-"), part)
    mapped = np.array([label.map.get(str(value), str(value)) for value in joined], dtype=object)
    mapped[~np.isin(mapped.astype(str), label.classes)] = ""
    if label.normal is not None:
        mapped[mapped == label.normal] = NORMAL
    return mapped.astype(str)


def _store_path(task: Task) -> Path:
    path = Path(task.store)
    if not path.is_file():
        raise InputError(
            f"{task.name}: no store {path}",
            f"make it with `faultsyn ingest CARD --raw DIR --out {path}`",
        )
    return path


def window_spec(task: Task, stride: int | None, select: Select | None = None) -> WindowSpec:
    """How a task's windows are cut; `select` in place of its own."""
    window = task.window
    chosen = select or window.select
    return WindowSpec(
        samples=window.length,
        rate=window.rate,
        channels=(window.select.name,) if window.select else window.channels,
        stride=stride,
        select=None if chosen is None else (chosen.column, chosen.channels),
    )


class _Reader:
    """Reads the sets of windows that a task names, through the cache."""

    def __init__(self, task: Task, store: Store, cache: ArrayCache) -> None:
        self._task, self._store, self._cache = task, store, cache
        self._recordings = {
            **store.recordings,
            "recording": store.recordings["id"],
            "synthetic": store.synthetic,
        }
        self.data_hash = data_hash_of(store)
        self.keys: dict[str, str] = {}

    def classes(self) -> WindowSet:
        """The disjoint windows of the task's classes, capped."""
        spec = window_spec(self._task, self._task.window.stride)
        return self._labelled(self._read("windows", spec, self._rows(), self._task.cap))

    def overlapping(self) -> WindowSet:
        """Overlapping windows of the normal recordings."""
        rows = self._rows()
        label = class_of(self._recordings, self._task.label, self._task.name)
        spec = window_spec(self._task, self._task.window.normal_stride)
        return self._labelled(self._read("overlapping", spec, rows[label[rows] == NORMAL]))

    def healthy(self, healthy: Healthy) -> WindowSet:
        """Normal windows of other recordings."""
        chosen = matches_any(self._recordings, healthy.where, f"{self._task.name}, healthy")
        spec = window_spec(self._task, self._task.window.stride, healthy.select)
        return self._read("healthy", spec, np.flatnonzero(chosen)).with_columns(label=NORMAL)

    def _rows(self) -> NDArray[np.intp]:
        label = class_of(self._recordings, self._task.label, self._task.name)
        chosen = matches_any(self._recordings, self._task.where, self._task.name)
        return np.flatnonzero(chosen & (label != ""))

    def _read(
        self, name: str, spec: WindowSpec, rows: NDArray[np.intp], cap: Cap | None = None
    ) -> WindowSet:
        task, store = self._task, self._store
        if len(rows) == 0:
            raise InputError(f"{task.name}: no recording in {task.store} meets the filters")
        index = store.windows(spec, rows)
        table = dict(index.table)
        keep = np.arange(len(index)) if cap is None else capped(table, cap, task.name)
        if len(keep) == 0:
            raise InputError(
                f"{task.name}: no window of {spec.samples} samples at {spec.rate:g} Hz fits into "
                f"the recordings of {task.store}"
            )
        table = {column: values[keep] for column, values in table.items()}
        table["end"] = table["start"] + spec.samples / spec.rate
        where = zip(table["recording"].tolist(), table["start_sample"].tolist(), strict=True)
        parts = {
            "data_hash": self.data_hash,
            "window": _spec_parts(spec),
            "rows": config_hash({"rows": list(where)}),
        }
        self.keys[name] = key_of(parts)
        chosen = index.take(keep)
        shape = (len(chosen), len(spec.channels), spec.samples)
        x = self._cache.stream("windows", parts, shape, lambda: _blocks(chosen))
        return WindowSet(x, table, spec.rate, spec.channels, index.plan.units)

    def _labelled(self, windows: WindowSet) -> WindowSet:
        """The task's classes as labels and, where they are ordered, the severity."""
        label = self._task.label
        labels = class_of(windows.table, label, self._task.name)
        windows = windows.with_columns(label=labels)
        if not label.ordered:
            return windows
        names = np.where(labels == NORMAL, label.normal or "", labels)
        return windows.with_columns(severity=names.astype(float))


def _blocks(index: WindowIndex) -> Iterator[NDArray[np.float32]]:
    """The windows' samples, in order, a bounded number at a time."""
    size = len(index.spec.channels) * index.spec.samples * np.dtype(np.float32).itemsize
    step = max(1, _BLOCK // size)
    for first in range(0, len(index), step):
        yield index.take(slice(first, first + step)).read().x


def _spec_parts(spec: WindowSpec) -> dict[str, Any]:
    select = None if spec.select is None else [spec.select[0], dict(spec.select[1])]
    return {
        "samples": spec.samples,
        "rate": spec.rate,
        "channels": list(spec.channels),
        "stride": spec.stride,
        "select": select,
    }


def capped(table: Columns, cap: Cap, what: str) -> NDArray[np.intp]:
    """At most `cap.n` rows, evenly spread in order, of each combination of the cap's columns."""
    of = keys(table, cap.columns, what)
    kept = []
    for value in sorted(set(of)):
        rows = np.flatnonzero(of == value)
        if len(rows) > cap.n:
            rows = rows[np.linspace(0, len(rows) - 1, cap.n).round().astype(int)]
        kept.append(rows)
    return np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.intp)
