"""What classifiers see: feature rows, windows or metadata, fitted on the training side only."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData
from faultsyn.experiment.filters import texts
from faultsyn.experiment.shots import Support
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import RepresentationSpec
from faultsyn.signal.representation import Representation
from faultsyn.windows import NORMAL, WindowSet, concat

METADATA = ("load", "rpm", "start")
"""Columns of the metadata-only control, where they exist and do not give the label away."""


_MOST_SAMPLES = 1 << 23
"""Samples of all channels that channel scaling is fitted on."""


class View(Protocol):
    """One way of seeing the windows of a fold, scaled by its support.

    - `support`: normals and shots; `base`: normals for `meta_fit`, overlapping ones included;
      `test`: all test windows of the fold.
    """

    support: WindowSet
    base: WindowSet
    test: WindowSet

    def see(self, windows: WindowSet) -> WindowSet:
        """Other windows, in physical units, seen the same way."""
        ...


class FoldFeatures:
    """Feature rows of a task's windows under one representation, cached.

    Channel scaling (z-score, whitening) is fitted on the training normals of the fold, evenly
    thinned where they are more than memory should hold; without it the rows are the same in every
    fold and are computed once.
    """

    def __init__(
        self, data: TaskData, fold: Fold, spec: RepresentationSpec, cache: ArrayCache
    ) -> None:
        self.data, self.fold, self._cache = data, fold, cache
        self.representation = Representation(**spec.model_dump())
        self._parts = spec.model_dump(mode="json", exclude={"rows", "drop"})
        if spec.channels != "none":
            normals = _thinned(fold.train[data.windows.labels[fold.train] == NORMAL], data.windows)
            self.representation.fit_channels(data.windows.take(normals))
            self._parts["fitted_on"] = [data.keys["windows"], config_hash({"i": normals.tolist()})]

    def rows(self, name: str, windows: WindowSet) -> WindowSet:
        """Feature rows of one of the task's sets ("windows", "overlapping", "healthy")."""
        return self.rows_of(self.data.keys[name], windows)

    def rows_of(self, key: str, windows: WindowSet) -> WindowSet:
        """Feature rows of windows; `key`: hash of what they hold."""
        parts = {**self._parts, "of": key}
        rows = self._cache.get("features", parts, lambda: self.compute(windows).rows)
        return windows.as_features(rows)

    @property
    def parts(self) -> dict[str, Any]:
        """What decides how rows are made and scaled."""
        return {**self._parts, "rows": self.representation.rows, "drop": self.representation.drop}

    def compute(self, windows: WindowSet) -> WindowSet:
        """Feature rows of any windows in physical units."""
        return self.representation.extract(windows)


def _thinned(index: NDArray[np.intp], windows: WindowSet) -> NDArray[np.intp]:
    most = max(1, _MOST_SAMPLES // windows.x[:1].size)
    return index[:: max(1, -(-len(index) // most))]


@dataclass(frozen=True, eq=False)
class BaseView:
    """A base set as learners see it, scaled by itself alone, so that all cells see it alike.

    - `windows`: feature rows or windows; made-up ones are marked.
    - `key`: hash of what decides them.
    - `representation`: what scales rows, fitted before anything was made up; None for windows.
    """

    windows: WindowSet
    key: str
    representation: Representation | None


class FeatureView:
    """Feature rows; what scales them is fitted on the support or, where given, the base set.

    - `representation`: fitted so; from windows in physical units to these rows.
    """

    def __init__(
        self, features: FoldFeatures, support: Support, base: BaseView | None = None
    ) -> None:
        data, fold = features.data, features.fold
        self._features = features
        rows = features.rows("windows", data.windows)
        if base is not None and base.representation is not None:
            self.representation = base.representation
            self.base = base.windows
            self.support = self.representation.row_transform(rows.take(support.all))
            self.test = self.representation.row_transform(rows.take(fold.test))
            return
        real, normals = rows.take(support.all), rows.take(support.normals)
        own = normals if fold.base is None else rows.take(fold.base)
        seen = real if fold.base is None else concat([own, real])
        self.representation = copy(features.representation)  # shared by cells, refitted in each
        self.representation.fit_rows(own.of(NORMAL), seen)
        self.support = self.representation.row_transform(real)
        self.test = self.representation.row_transform(rows.take(fold.test))
        self.base = self.representation.row_transform(own)
        more = data.base_of(fold)
        if data.overlapping is not None and len(more):
            overlapping = features.rows("overlapping", data.overlapping).take(more)
            self.base = self.representation.row_transform(overlapping)

    def see(self, windows: WindowSet) -> WindowSet:
        """Feature rows of windows in physical units."""
        return self.representation.row_transform(self._features.compute(windows))

    def healthy(self) -> WindowSet:
        """Rows of the task's healthy set."""
        data = self._features.data
        assert data.healthy is not None
        return self.representation.row_transform(self._features.rows("healthy", data.healthy))


class WindowView:
    """Windows in physical units; classifiers that take them scale channels on what they learn."""

    def __init__(
        self, data: TaskData, fold: Fold, support: Support, base: BaseView | None = None
    ) -> None:
        self.support = data.windows.take(support.all)
        self.test = data.windows.take(fold.test)
        if base is not None:
            self.base = base.windows
            return
        self.base = data.windows.take(support.normals if fold.base is None else fold.base)
        more = data.base_of(fold)
        if data.overlapping is not None and len(more):
            self.base = data.overlapping.take(more)

    def see(self, windows: WindowSet) -> WindowSet:
        """The windows as they are."""
        return windows


class MetadataView:
    """Only what the table says of a window, nothing of its samples."""

    def __init__(self, data: TaskData, fold: Fold, support: Support) -> None:
        rows = data.windows.as_features(metadata_rows(data))
        self.support = rows.take(support.all)
        self.base = rows.take(support.normals)
        self.test = rows.take(fold.test)

    def see(self, windows: WindowSet) -> WindowSet:
        """Synthetic windows have no metadata of their own."""
        raise InputError("the metadata-only control takes no synthetic windows")


def metadata_rows(data: TaskData) -> NDArray[np.float32]:
    """Metadata as numbers, `(n, n_columns + 1)`; the last is the window's index in its recording.

    Text becomes the rank of its value. Raises `InputError` when a column gives the label away.
    """
    task, table = data.task, data.windows.table
    given_away = {*task.label.column, "label", "severity"}
    if task.metadata is None:
        names = [name for name in METADATA if name in table and name not in given_away]
    else:
        names = list(task.metadata)
        wrong = sorted(given_away & set(names))
        if wrong:
            raise InputError(f"{task.name}: metadata {wrong} are the label itself")
    columns = []
    for name in names:
        column = data.windows.column(name)
        if column.dtype.kind not in "biuf":
            column = np.unique(texts(column), return_inverse=True)[1]
        columns.append(np.nan_to_num(column.astype(np.float32)))
    order = np.lexsort((table["start"], table["recording"]))
    recording = table["recording"][order]
    first = np.concatenate([[True], recording[1:] != recording[:-1]])
    since = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    index = np.empty(len(order), np.float32)
    index[order] = since
    return np.stack([*columns, index], axis=1).astype(np.float32)
