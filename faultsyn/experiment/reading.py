"""Reading the windows that a task names from its store, through the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.cache import ArrayCache, key_of
from faultsyn.experiment.filters import Columns, column_of, keys, matches_any, texts
from faultsyn.experiment.geometry import data_hash_of
from faultsyn.experiment.task import Cap, Healthy, Label, Select, Task
from faultsyn.store import Store, WindowSpec
from faultsyn.store.location import is_there, place_of
from faultsyn.store.windows import WindowIndex
from faultsyn.windows import NORMAL, WindowSet

_STORE_MEMORY = 256 << 20
"""Bytes of a store's channels that are kept in memory while windows are cut."""
_BLOCK = 32 << 20
"""Bytes of windows that are in memory at once."""


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


def open_store(task: Task) -> Store:
    """A task's store, opened; raises `InputError` saying how to make it when it is not there."""
    path = place_of(task.store)
    if not is_there(path):
        raise InputError(
            f"{task.name}: no store {path}",
            f"make it with `faultsyn ingest CARD --raw DIR --out {path}`",
        )
    return Store(path, memory_budget=_STORE_MEMORY)


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


class Reader:
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

    def sources(self, windows: WindowSet) -> frozenset[str]:
        """Hashes of the files that windows come from."""
        ours = np.isin(self._recordings["recording"], np.unique(windows.column("recording")))
        return frozenset(self._recordings["source_sha256"][ours].astype(str).tolist())

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
