"""The one array contract between rooms: windows and a small table that says what each is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

FloatArray = NDArray[np.float32]
Column = NDArray[Any]

NORMAL = "normal"
"""The label that every task gives its healthy class."""


_BLOCK = 1 << 22
"""Samples that are looked at at once."""


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Windows of one shape, and one table row for each.

    A set of feature rows is the same thing with one channel whose samples are the features
    (`rate` is then NaN), so that one contract serves methods in signal space and feature space.

    - `x`: float32 `(n_windows, n_channels, n_samples)`, physical units unless a scaler says else.
    - `table`: columns of length n_windows. `label` is always there; a store adds `recording`,
      `asset`, `session`, `location`, `severity`, `load`, `rpm`, `start` [s] and its own
      conditions; generated windows carry `synthetic` = True.
    - `rate`: samples per second [Hz].
    - `channels`: one name per channel.
    - `units`: one unit per channel, or empty.
    """

    x: FloatArray
    table: Mapping[str, Column]
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.x.ndim != 3:
            raise InputError(
                f"windows: expected an array (n_windows, n_channels, n_samples), got {self.x.shape}"
            )
        if self.x.dtype != np.float32:
            raise InputError(f"windows: expected float32 samples, got {self.x.dtype}")
        if len(self.channels) != self.x.shape[1]:
            raise InputError(
                f"windows: {self.x.shape[1]} channels in the array, names for {len(self.channels)}"
            )
        if self.units and len(self.units) != len(self.channels):
            raise InputError(f"windows: {len(self.channels)} channels, {len(self.units)} units")
        if "label" not in self.table:
            raise InputError("windows: the table has no column 'label'")
        for name, column in self.table.items():
            if len(column) != len(self.x):
                raise InputError(
                    f"windows: column '{name}' has {len(column)} rows for {len(self.x)} windows"
                )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def labels(self) -> Column:
        """Class of each window, `(n_windows,)` strings."""
        return self.table["label"]

    @property
    def n_samples(self) -> int:
        """Samples of one window."""
        return int(self.x.shape[2])

    @property
    def synthetic(self) -> NDArray[np.bool_]:
        """True where a window was generated, `(n_windows,)`."""
        flag = self.table.get("synthetic")
        return np.zeros(len(self), bool) if flag is None else np.asarray(flag, bool)

    def column(self, name: str) -> Column:
        """One column of the table.

        Raises `InputError` naming the columns that exist if `name` is not one of them.
        """
        try:
            return self.table[name]
        except KeyError:
            known = ", ".join(sorted(self.table))
            raise InputError(f"windows have no column '{name}'; they have {known}") from None

    def take(self, index: NDArray[Any] | slice | list[int]) -> WindowSet:
        """The windows at `index` (integers, booleans or a slice), with their table rows."""
        if isinstance(index, list):
            index = np.asarray(index, dtype=np.intp)
        table = {name: column[index] for name, column in self.table.items()}
        return replace(self, x=self.x[index], table=table)

    def of(self, label: str) -> WindowSet:
        """The windows of one class."""
        return self.take(self.labels == label)

    def with_x(
        self, x: FloatArray, *, rate: float | None = None, channels: tuple[str, ...] | None = None
    ) -> WindowSet:
        """The same table with other samples; `channels` is needed when their number changes."""
        names = self.channels if channels is None else channels
        return replace(
            self,
            x=x,
            rate=self.rate if rate is None else rate,
            channels=names,
            units=self.units if channels is None else (),
        )

    def with_columns(self, **columns: Column | str | float | bool) -> WindowSet:
        """The same windows with columns added or replaced; a scalar fills its column."""
        table = dict(self.table)
        for name, value in columns.items():
            table[name] = np.full(len(self), value) if np.ndim(value) == 0 else np.asarray(value)
        return replace(self, table=table)

    def as_features(self, rows: NDArray[Any]) -> WindowSet:
        """Feature rows `(n_windows, n_features)` of these windows, under the same contract."""
        x = np.ascontiguousarray(rows, dtype=np.float32)[:, None, :]
        return self.with_x(x, rate=float("nan"), channels=("features",))

    @property
    def rows(self) -> FloatArray:
        """The samples flattened to `(n_windows, n_channels * n_samples)`."""
        return self.x.reshape(len(self), self.x.shape[1] * self.x.shape[2])

    def require_finite(self, what: str) -> None:
        """Raise `InputError` naming the first channel that holds NaN or infinity."""
        for part in stretches(self.x):
            finite = np.isfinite(self.x[part]).all(axis=2)
            if not finite.all():
                window, channel = np.argwhere(~finite)[0]
                where = f"window {part.start + window}, channel '{self.channels[channel]}'"
                raise InputError(
                    f"{what}: {where}: NaN or infinity",
                    "repair or exclude the recording; `faultsyn inspect` shows where",
                )

    def require_like(
        self, what: str, shape: tuple[int, int], channels: tuple[str, ...], rate: float
    ) -> None:
        """Raise `InputError` unless the windows have this shape, these channels and this rate.

        - `shape`: channels and samples of one window; `rate`: [Hz], NaN: feature rows.
        """
        got = (self.x.shape[1], self.x.shape[2])
        same_rate = self.rate == rate or (np.isnan(self.rate) and np.isnan(rate))
        if got != shape or self.channels != channels or not same_rate:
            raise InputError(
                f"{what}: expected {shape[0]} channels x {shape[1]} samples at {rate} Hz "
                f"({', '.join(channels)}), got {got[0]} x {got[1]} at {self.rate} Hz "
                f"({', '.join(self.channels)})"
            )


def stretches(x: NDArray[Any]) -> Iterator[slice]:
    """Slices of `x` `(n, ...)`, in order, of a few million samples each.

    For work on windows in blocks: they may be a memory map that is larger than memory.
    """
    step = max(1, _BLOCK // max(1, x[:1].size))
    for first in range(0, len(x), step):
        yield slice(first, min(first + step, len(x)))


def concat(sets: Iterable[WindowSet]) -> WindowSet:
    """Sets of equal channels, rate and length as one; columns that a set lacks are filled.

    Text columns are filled with '', numbers with NaN, truth values with False. Raises `InputError`
    when shapes, channels or rates differ or no set is given.
    """
    parts = list(sets)
    if not parts:
        raise InputError("concat: no windows given")
    first = parts[0]
    for part in parts[1:]:
        part.require_like(
            "concat", (len(first.channels), first.n_samples), first.channels, first.rate
        )
    names = dict.fromkeys(name for part in parts for name in part.table)
    table = {}
    for name in names:
        model = next(part.table[name] for part in parts if name in part.table)
        fill: Any = {"b": False, "U": "", "S": "", "O": ""}.get(model.dtype.kind, np.nan)
        table[name] = np.concatenate(
            [part.table.get(name, np.full(len(part), fill)) for part in parts]
        )
    return replace(first, x=np.concatenate([part.x for part in parts]), table=table)


def pack(windows: WindowSet, prefix: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Split a set into numeric arrays (for safetensors) and JSON, to be put back by `unpack`."""
    arrays: dict[str, NDArray[Any]] = {f"{prefix}.x": windows.x}
    text: dict[str, list[str]] = {}
    for name, column in windows.table.items():
        if column.dtype.kind in "US" or column.dtype.kind == "O":
            text[name] = [str(value) for value in column]
        else:
            arrays[f"{prefix}.table.{name}"] = np.ascontiguousarray(column)
    info = {
        "rate": None if np.isnan(windows.rate) else windows.rate,
        "channels": list(windows.channels),
        "units": list(windows.units),
        "text": text,
    }
    return arrays, info


def unpack(arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any], prefix: str) -> WindowSet:
    """Rebuild what `pack` took apart."""
    lead = f"{prefix}.table."
    table: dict[str, Column] = {
        name.removeprefix(lead): value for name, value in arrays.items() if name.startswith(lead)
    }
    table.update({name: np.asarray(values, dtype=str) for name, values in info["text"].items()})
    rate = float("nan") if info["rate"] is None else float(info["rate"])
    return WindowSet(
        np.asarray(arrays[f"{prefix}.x"], np.float32),
        table,
        rate,
        tuple(info["channels"]),
        tuple(info["units"]),
    )
