"""The one contract of all file readers: named variables, read in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

Array = NDArray[Any]


class Source(ABC):
    """An open data file.

    - `path`: the file, named in every error.
    - `names`: its variables or columns, in file order.
    - `units`: unit by name, where the file states one.
    - `preamble`: a text file's lines before the data.
    - `tabular`: the file is one table of numbers, so that all of it can be one matrix.
    """

    tabular = False
    path: Path
    names: Sequence[str]
    units: dict[str, str]
    preamble: str

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = ()
        self.units = {}
        self.preamble = ""

    @abstractmethod
    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named variables as one-dimensional arrays of equal length, piece after piece.

        - `text`: names that are to come as text (`S` or `U` arrays) instead of numbers.

        Raises `InputError` naming file, place, expected and got.
        """

    @abstractmethod
    def matrix(self, name: str) -> Array:
        """A variable as a whole, `(rows, samples)`: one recording a row.

        For a tabular file `name` is a range of columns counted from 1: "2..61", "1..".
        """

    @abstractmethod
    def is_text(self, name: str) -> bool:
        """True when the variable holds text, not numbers."""


def columns_of(array: Array, name: str, transpose: bool) -> dict[str, Array]:
    """A variable, and `name.1`, `name.2`, ... for the entries of its last axis.

    A vector of any orientation is one-dimensional; `transpose` swaps the last two axes first.
    """
    if array.ndim >= 2 and max(array.shape) == array.size:
        return {name: array.reshape(-1)}
    if array.ndim < 2:
        return {name: array}
    if transpose:
        array = np.swapaxes(array, -1, -2)
    found = {name: array}
    found.update({f"{name}.{k + 1}": array[..., k] for k in range(array.shape[-1])})
    return found


def vector(array: Array, where: str) -> Array:
    """A variable that must be one-dimensional numbers.

    Raises `InputError` when it is not, naming what would be.
    """
    if array.ndim == 0:
        array = array.reshape(1)
    if array.ndim != 1:
        shape = " x ".join(str(n) for n in array.shape)
        name = where.rsplit("'", 2)[-2] if "'" in where else "name"
        raise InputError(
            f"{where}: expected one column, got {shape}",
            f"name a column: '{name}.1' .. '{name}.{array.shape[-1]}', or set 'transpose'",
        )
    if array.dtype.kind not in "iufb":
        raise InputError(f"{where}: expected numbers, got {array.dtype}")
    return array


def equal_lengths(found: dict[str, Array], path: Path) -> None:
    """Raise `InputError` naming two variables of one stream that differ in length."""
    first = next(iter(found), None)
    for name, array in found.items():
        if first is not None and len(array) != len(found[first]):
            raise InputError(
                f"{path}: '{first}' has {len(found[first])} samples, '{name}' has {len(array)}"
            )


class MemorySource(Source):
    """A file whose variables are all in memory.

    - `variables`: name -> array; numbers of any shape, or text.
    """

    def __init__(self, path: Path, variables: dict[str, Array]) -> None:
        super().__init__(path)
        self._variables = variables
        self.names = tuple(variables)

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """All of the named variables in one block."""
        found = {}
        for name in names:
            array = self._variables[name]
            where = f"{self.path}: variable '{name}'"
            if name in text:
                found[name] = np.atleast_1d(array).astype(str).reshape(-1)
            else:
                found[name] = vector(array, where)
        equal_lengths(found, self.path)
        yield found

    def matrix(self, name: str) -> Array:
        """The variable as it is; a vector is one row."""
        array = self._variables[name]
        if array.ndim == 1:
            array = array[None, :]
        if array.ndim != 2 or array.dtype.kind not in "iufb":
            raise InputError(
                f"{self.path}: variable '{name}': expected numbers (rows, samples), "
                f"got {array.dtype} {array.shape}"
            )
        return array

    def is_text(self, name: str) -> bool:
        """True for character arrays."""
        return self._variables[name].dtype.kind in "US"
