"""Tables of columns: built from rows, joined, written to and read from an HDF5 group.

'' and NaN mean "missing", whatever the kind of the column; a missing truth value is False.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import StoreError

Column = NDArray[Any]
Table = dict[str, Column]

TEXT, NUMBER, TRUTH = "text", "a number", "a truth value"


def kind(value: Any) -> str | None:
    """What a value is: `TEXT`, `NUMBER`, `TRUTH`, or None when it says "missing"."""
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, str):
        return TEXT
    return TRUTH if isinstance(value, bool | np.bool_) else NUMBER


def column_kind(column: Column) -> str | None:
    """What the values of a column are, or None when all are missing."""
    if column.dtype.kind == "U":
        return TEXT if (column != "").any() else None
    if column.dtype.kind == "b":
        return TRUTH
    return None if np.isnan(column).all() else NUMBER


def from_rows(rows: Sequence[Mapping[str, Any]], what: str) -> Table:
    """Columns of the rows: text as unicode, numbers as int64 or float64, truth values as bool.

    Numbers are integers when all rows hold one. Raises `StoreError` naming the column when rows
    disagree about its kind.

    - `what`: the table, for messages.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: _column([row.get(name) for row in rows], f"{what}, column '{name}'") for name in names
    }


def _column(values: list[Any], where: str) -> Column:
    kinds = {kind(value) for value in values} - {None}
    if len(kinds) > 1:
        found = " and ".join(sorted(str(k) for k in kinds))
        raise StoreError(f"{where}: expected values of one kind, got {found}")
    if kinds == {TRUTH}:
        return np.array([kind(value) is not None and bool(value) for value in values])
    if kinds == {TEXT} or (not kinds and "" in values):
        return np.array(["" if kind(value) is None else value for value in values], dtype=np.str_)
    if values and all(isinstance(value, int | np.integer) for value in values):
        return np.array(values, dtype=np.int64)
    return np.array([np.nan if kind(value) is None else value for value in values], np.float64)


def join(old: Table, new: Table, what: str) -> Table:
    """The rows of `old` followed by those of `new`; what a side lacks is missing there.

    Raises `StoreError` naming the column when both sides hold values of different kinds.
    """
    n_old, n_new = (len(next(iter(table.values()))) for table in (old, new))
    joined: Table = {}
    for name in dict.fromkeys([*old, *new]):
        first, second = old.get(name), new.get(name)
        if first is not None and second is not None and first.dtype.kind == second.dtype.kind:
            joined[name] = np.concatenate([first, second])
            continue
        values = [None] * n_old if first is None else first.tolist()
        values += [None] * n_new if second is None else second.tolist()
        joined[name] = _column(values, f"{what}, column '{name}'")
    return joined


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
