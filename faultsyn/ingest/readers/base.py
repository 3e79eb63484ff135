"""The one contract of all file readers: named variables, read in blocks."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

Array = NDArray[Any]
Attribute = bool | int | float | str

BLOCK_ROWS = 1 << 18
"""Samples of a channel that a reader of binary files hands out at once."""
MOST_COLUMNS = 1 << 12
"""A variable with more entries on its last axis is a matrix only, not named columns too."""


class Source(ABC):
    """An open data file.

    - `path`: the file, named in every error.
    - `names`: its variables or columns, in file order.
    - `units`: unit by name, where the file states one.
    - `preamble`: a text file's lines before the data.
    - `attributes`: what the file says of itself besides samples: `@name` of the file, else
      `variable@name`.
    - `rates`: sample rate [Hz] by name, where the file's header states one.
    - `counts`: by name, what one count stands for; such variables come as int16 or int32 counts.
    - `tabular`: the file is one table of numbers, so that all of it can be one matrix.
    """

    tabular = False
    path: Path
    names: Sequence[str]
    units: dict[str, str]
    preamble: str
    attributes: dict[str, Attribute]
    rates: dict[str, float]
    counts: dict[str, float]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = ()
        self.units = {}
        self.preamble = ""
        self.attributes = {}
        self.rates = {}
        self.counts = {}

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
    if array.shape[-1] <= MOST_COLUMNS:
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


def pieces(found: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """Arrays of equal length, `BLOCK_ROWS` at a time; one empty piece of empty arrays."""
    n = len(next(iter(found.values()), ()))
    for start in range(0, max(n, 1), BLOCK_ROWS):
        yield {name: array[start : start + BLOCK_ROWS] for name, array in found.items()}


def lockstep(parts: dict[str, Iterator[Array]], where: str) -> Iterator[dict[str, Array]]:
    """Several channels that come in pieces of different lengths, as blocks of equal length.

    Raises `InputError` naming two channels that differ in length.
    """
    rest: dict[str, Array] = {}
    counts = dict.fromkeys(parts, 0)
    while True:
        ended = []
        for name, stream in parts.items():
            while not len(rest.get(name, ())):
                piece = next(stream, None)
                if piece is None:
                    ended.append(name)
                    break
                rest[name] = piece
                counts[name] += len(piece)
        if ended:
            break
        n = min(len(piece) for piece in rest.values())
        yield {name: piece[:n] for name, piece in rest.items()}
        rest = {name: piece[n:] for name, piece in rest.items()}
    for name, stream in parts.items():
        counts[name] += sum(len(piece) for piece in stream)
    first = next(iter(parts))
    for name, count in counts.items():
        if count != counts[first]:
            raise InputError(
                f"{where}: '{first}' has {counts[first]} samples, '{name}' has {count}"
            )
    if not counts[first]:
        yield {name: np.empty(0) for name in parts}


def library(module: str, path: Path) -> Any:
    """A library that only some file formats need, imported when such a file is met.

    Raises `InputError` saying how to install it when it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"{path}: reading this format needs the package '{module}', which is not installed",
            "pip install 'faultsyn[formats]'",
        ) from None


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Whatever a file library raises on a damaged file becomes one line that names the file.

    Each library has errors of its own for every place at which a file can be damaged, so any
    exception counts here.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0][:200]
        raise InputError(
            f"{path}: damaged, truncated or not a {kind} file ({reason})",
            "copy it again from its source",
        ) from None


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
        """The named variables, `BLOCK_ROWS` samples at a time."""
        found: dict[str, Array] = {}
        for name in names:
            array = self._variables[name]
            where = f"{self.path}: variable '{name}'"
            if name in text:
                found[name] = np.atleast_1d(array).astype(str).reshape(-1)
            else:
                found[name] = vector(array, where)
        equal_lengths(found, self.path)
        yield from pieces(found)

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
