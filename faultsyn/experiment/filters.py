"""Choosing rows by the values of their columns, as task files write it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from faultsyn.errors import InputError
from faultsyn.experiment.config import Strict
from faultsyn.registry import nearest

Scalar = bool | int | float | str
Columns = Mapping[str, NDArray[Any]]


class Predicate(Strict):
    """One condition on a column, written as a mapping.

    - `min`, `max`: bounds, both included.
    - `is_not`: a value or values that are refused.
    - `like`, `not_like`: text patterns with `*` and `?`.
    """

    min: float | None = None
    max: float | None = None
    is_not: Scalar | tuple[Scalar, ...] | None = None
    like: str | None = None
    not_like: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Predicate:
        if not self.model_fields_set:
            raise ValueError("an empty condition; give min, max, is_not, like or not_like")
        return self


Condition = Scalar | tuple[Scalar, ...] | Predicate
Filter = dict[str, Condition]
"""Column -> value, list of values, or `Predicate`; a row must meet every one."""


def text_of(value: Any) -> str:
    """A column's value as text: whole numbers without a decimal point."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def texts(column: NDArray[Any]) -> NDArray[np.str_]:
    """`text_of` of every row."""
    values, inverse = np.unique(column, return_inverse=True)
    return np.array([text_of(value) for value in values], dtype=str)[inverse]


def column_of(table: Columns, name: str, what: str) -> NDArray[Any]:
    """A column; raises `InputError` naming the nearest one when it is not there."""
    if name not in table:
        raise InputError(f"{what}: the store has no column '{name}'", nearest(name, table))
    return table[name]


def keys(table: Columns, names: tuple[str, ...], what: str) -> NDArray[np.str_]:
    """The values of several columns joined by '/', one text a row."""
    parts = [texts(column_of(table, name, what)) for name in names]
    joined = parts[0]
    for part in parts[1:]:
        joined = np.char.add(np.char.add(joined, "/"), part)
    return joined


def matches(table: Columns, where: Filter, what: str) -> NDArray[np.bool_]:
    """True where a row meets every condition of one filter."""
    n = len(next(iter(table.values())))
    keep = np.ones(n, bool)
    for name, condition in where.items():
        keep &= _meets(column_of(table, name, what), condition)
    return keep


def matches_any(table: Columns, wheres: tuple[Filter, ...], what: str) -> NDArray[np.bool_]:
    """True where a row meets one of the filters; no filter at all is met by every row."""
    if not wheres:
        return np.ones(len(next(iter(table.values()))), bool)
    met: NDArray[np.bool_] = np.any([matches(table, where, what) for where in wheres], axis=0)
    return met


def _meets(column: NDArray[Any], condition: Condition) -> NDArray[np.bool_]:
    if not isinstance(condition, Predicate):
        return _one_of(column, condition)
    keep = np.ones(len(column), bool)
    if condition.min is not None:
        keep &= column.astype(float) >= condition.min
    if condition.max is not None:
        keep &= column.astype(float) <= condition.max
    if condition.is_not is not None:
        keep &= ~_one_of(column, condition.is_not)
    for pattern, wanted in ((condition.like, True), (condition.not_like, False)):
        if pattern is not None:
            hit = [fnmatch.fnmatchcase(text, pattern) for text in texts(column)]
            keep &= np.array(hit, bool) == wanted
    return keep


def _one_of(column: NDArray[Any], values: Scalar | tuple[Scalar, ...]) -> NDArray[np.bool_]:
    wanted = values if isinstance(values, tuple) else (values,)
    hit: NDArray[np.bool_] = np.isin(texts(column), [text_of(value) for value in wanted])
    return hit
