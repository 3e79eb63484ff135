"""Tables of columns: built from rows, merged, written to and read from an HDF5 group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import StoreError

Column = NDArray[Any]
Table = dict[str, Column]

_KINDS = {"U": "text", "f": "number", "i": "number", "b": "truth value"}


def from_rows(rows: Sequence[Mapping[str, Any]], what: str) -> Table:
    """Columns of the rows: text as unicode, numbers as float64 or int64, truth values as bool.

    What a row lacks is '' / NaN / False. Raises `StoreError` naming the column when rows disagree
    about its kind.

    - `what`: the table, for messages.
    """
    table: Table = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        table[name] = _column([row.get(name) for row in rows], f"{what}, column '{name}'")
    return table


def _column(values: list[Any], where: str) -> Column:
    kinds = {_kind(value) for value in values if value is not None}
    if len({_KINDS[kind] for kind in kinds}) > 1:
        found = " and ".join(sorted({_KINDS[kind] for kind in kinds}))
        raise StoreError(f"{where}: expected one kind of value, got {found}")
    if kinds == {"U"}:
        return np.array(["" if value is None else value for value in values], dtype=np.str_)
    if kinds == {"b"}:
        return np.array([bool(value) for value in values], dtype=np.bool_)
    if kinds == {"i"} and None not in values:
        return np.array(values, dtype=np.int64)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "U"
    if isinstance(value, bool | np.bool_):
        return "b"
    return "i" if isinstance(value, int | np.integer) else "f"


def merge(old: Table, n_old: int, new: Table, n_new: int, what: str) -> Table:
    """The rows of `old` followed by those of `new`; what a side lacks is filled.

    A column that is empty on one side takes the kind of the other. Raises `StoreError` naming the
    column when both sides hold values of different kinds.
    """
    merged: Table = {}
    for name in dict.fromkeys([*old, *new]):
        first, second = old.get(name), new.get(name)
        if first is not None and second is not None and _clash(first, second):
            raise StoreError(
                f"{what}, column '{name}': the store holds {_KINDS[first.dtype.kind]}, "
                f"the new rows {_KINDS[second.dtype.kind]}"
            )
        model = second if first is None or _empty(first) else first
        if model is None or (second is not None and not _empty(second) and _empty(model)):
            model = second if second is not None else first
        assert model is not None
        parts = [_fitted(first, n_old, model), _fitted(second, n_new, model)]
        merged[name] = np.concatenate(parts)
    return merged


def _clash(first: Column, second: Column) -> bool:
    differ = _KINDS[first.dtype.kind] != _KINDS[second.dtype.kind]
    return differ and not _empty(first) and not _empty(second)


def _empty(column: Column) -> bool:
    if column.dtype.kind == "U":
        return not (column != "").any()
    return bool(column.dtype.kind == "f" and np.isnan(column).all())


def _fitted(column: Column | None, n: int, model: Column) -> Column:
    if column is not None and _KINDS[column.dtype.kind] == _KINDS[model.dtype.kind]:
        return column
    fill: Any = {"U": "", "b": False}.get(model.dtype.kind, np.nan)
    return np.full(n, fill, dtype=model.dtype if model.dtype.kind in "Ub" else np.float64)


def write_table(parent: h5py.Group, name: str, table: Table) -> None:
    """Write (or rewrite) a table as a group with one dataset a column."""
    if name in parent:
        del parent[name]
    group = parent.create_group(name, track_order=True)
    for column, values in table.items():
        write_array(group, column, values)


def write_array(group: h5py.Group, name: str, values: Column) -> None:
    """Write (or rewrite) one small array with a checksum; text as fixed-length UTF-8."""
    if name in group:
        del group[name]
    if values.dtype.kind == "U":
        encoded = np.char.encode(values, "utf-8")
        values = encoded.astype(h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize)))
    whole = values.shape if values.size else None
    group.create_dataset(name, data=values, chunks=whole, fletcher32=whole is not None)


def read_table(group: h5py.Group) -> Table:
    """The columns of a table, in the order they were written."""
    return {name: read_array(group[name]) for name in group}


def read_array(dataset: h5py.Dataset) -> Column:
    """One small array; text as unicode."""
    values: Column = dataset[...]
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
