from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from faultsyn.errors import StoreError
from faultsyn.store.table import Table, from_rows, join, read_table, write_table

_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6)
_VALUES = st.one_of(
    st.lists(_TEXT),
    st.lists(st.floats()),
    st.lists(st.integers(-(2**53), 2**53)),
    st.lists(st.booleans()),
)


def _same(found: Table, expected: Table) -> None:
    assert list(found) == list(expected)
    for name, column in expected.items():
        assert found[name].dtype.kind == column.dtype.kind
        assert_array_equal(found[name], column)


@settings(max_examples=40, deadline=None)
@given(_VALUES.filter(bool))
def test_table_round_trip(values: list[object]) -> None:
    table = from_rows([{"x": value, "y": "é"} for value in values], "test")
    assert_array_equal(table["x"], np.array(values))
    with h5py.File("unused", "w", driver="core", backing_store=False) as file:
        write_table(file, "t", {"x": np.zeros(1)})
        write_table(file, "t", table)
        _same(read_table(file["t"]), table)


@settings(max_examples=40, deadline=None)
@given(_VALUES.filter(bool), st.data())
def test_join_equals_one_table(values: list[object], data: st.DataObject) -> None:
    rows = [{"x": value} if data.draw(st.booleans()) else {"y": 1} for value in values]
    rows = [*rows, {"x": values[0], "y": 2}]
    cut = data.draw(st.integers(1, len(rows) - 1)) if len(rows) > 1 else 0
    if not cut:
        return
    whole = from_rows(rows, "test")
    joined = join(from_rows(rows[:cut], "test"), from_rows(rows[cut:], "test"), "test")
    assert joined.keys() == whole.keys()
    for name, column in whole.items():
        assert_array_equal(joined[name], column)


def test_missing_is_of_any_kind() -> None:
    table = from_rows([{"a": "", "b": np.nan}, {"a": 2, "b": "x"}, {}], "test")
    assert_array_equal(table["a"], [np.nan, 2.0, np.nan])
    assert table["b"].tolist() == ["", "x", ""]
    empty = {"a": np.array(["", ""])}
    assert_array_equal(join(empty, {"a": np.array([1, 2])}, "t")["a"], [np.nan, np.nan, 1, 2])


def test_kinds_do_not_mix() -> None:
    with pytest.raises(StoreError, match="t, column 'a': expected values of one kind, got a numb"):
        from_rows([{"a": 1}, {"a": "one"}], "t")
    with pytest.raises(StoreError, match="column 'a'"):
        join({"a": np.array(["x"])}, {"a": np.array([1.0])}, "t")
