"""Variables inside an HDF5 file, read slice by slice: what .h5 and .mat 7.3 have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import (
    BLOCK_ROWS,
    MOST_COLUMNS,
    Array,
    Source,
    reading,
    vector,
)

_BLOCK_VALUES = 1 << 21
_MOST_PACKED = 1000
"""No compression makes samples smaller than by this factor."""
_UNITS = ("unit", "units", "Unit", "Units", "unit_string")


@dataclass(frozen=True)
class Slab:
    """One variable: a dataset, one of its columns, or one of its fields.

    - `address`: of the dataset in the file.
    - `shape`: as the user sees it; `turned`: it is stored with its axes reversed.
    - `column`: entry of the last axis; `field`: of a compound type.
    - `text`: how text is stored: "" for numbers, "string", or "utf-16" codes (MATLAB).
    """

    address: str
    shape: tuple[int, ...]
    turned: bool
    column: int | None = None
    field: str | None = None
    text: str = ""

    @property
    def is_vector(self) -> bool:
        """One-dimensional, whichever way it lies."""
        if self.column is not None:
            return len(self.shape) == 2
        return max(self.shape, default=1) == int(np.prod(self.shape))

    def __len__(self) -> int:
        if self.column is not None and len(self.shape) == 2:
            return self.shape[0]
        return int(np.prod(self.shape, dtype=np.int64))

    def read(self, file: h5py.File, start: int, stop: int) -> Array:
        """Samples of a vector."""
        dataset = file[self.address]
        data: Array
        if self.column is not None and len(self.shape) == 2:
            rows, k = slice(start, stop), self.column
            data = dataset[k, rows] if self.turned else dataset[rows, k]
        elif dataset.ndim == 0:
            data = np.atleast_1d(dataset[()])
        else:
            long = int(np.argmax(dataset.shape))
            at = tuple(slice(start, stop) if a == long else 0 for a in range(dataset.ndim))
            data = dataset[at]
        return data if self.field is None else data[self.field]

    def whole(self, file: h5py.File) -> Array:
        """All of it, as the user sees it."""
        dataset = file[self.address]
        if self.field is not None:
            data = dataset[self.field]
        elif self.column is not None:
            data = dataset[self.column] if self.turned else dataset[..., self.column]
        else:
            data = dataset[()]
        return np.transpose(data) if self.turned else np.asarray(data)


class SlabSource(Source):
    """Named variables of an HDF5 file; the subclass finds them in `_find`.

    - `transpose`: swap the last two axes of what is read (of matrices with two axes).
    """

    kind = "HDF5"

    def __init__(self, path: Path, transpose: bool) -> None:
        super().__init__(path)
        self._slabs: dict[str, Slab] = {}
        self._transpose = transpose
        with reading(path, self.kind), h5py.File(path, "r") as file:
            self._find(file)
        if not self._slabs:
            raise InputError(f"{path}: holds no variables")
        self.names = tuple(self._slabs)

    def _find(self, file: h5py.File) -> None:
        raise NotImplementedError

    def _enter(self, name: str, dataset: h5py.Dataset, reversed_axes: bool) -> None:
        """Take in a dataset of numbers, and its columns."""
        self._check_size(name, dataset)
        shape = tuple(reversed(dataset.shape)) if reversed_axes else tuple(dataset.shape)
        turned = reversed_axes
        if self._transpose and len(shape) == 2:
            shape, turned = (shape[1], shape[0]), not turned
        slab = Slab(dataset.name, shape, turned)
        self._slabs[name] = slab
        if not slab.is_vector and shape[-1] <= MOST_COLUMNS:
            for k in range(shape[-1]):
                self._slabs[f"{name}.{k + 1}"] = Slab(dataset.name, shape, turned, k)

    def _check_size(self, name: str, dataset: h5py.Dataset) -> None:
        """A damaged header may promise more samples than years would read."""
        promised = dataset.size * dataset.dtype.itemsize
        if promised > _MOST_PACKED * max(self.path.stat().st_size, 1 << 20):
            raise InputError(
                f"{self._where(name)}: promises {promised} bytes, the file has "
                f"{self.path.stat().st_size}",
                "copy it again from its source",
            )

    def _describe(self, name: str, thing: Any) -> None:
        """Attributes of a group or dataset; its unit."""
        for key, value in thing.attrs.items():
            if key.startswith(("MATLAB", "H5PATH", "CLASS", "DIMENSION", "REFERENCE")):
                continue
            plain = _plain(value)
            if plain is not None:
                self.attributes[f"{name}@{key}"] = plain
                if key in _UNITS and isinstance(plain, str) and name in self._slabs:
                    own = [n for n in self._slabs if n == name or n.startswith(f"{name}.")]
                    self.units |= dict.fromkeys(own, plain)

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named variables, slice by slice."""
        slabs = {name: self._slabs[name] for name in names}
        for name, slab in slabs.items():
            if not slab.is_vector:
                self._refuse_matrix(name, slab.shape)
        lengths = {name: len(slab) for name, slab in slabs.items()}
        first = next(iter(lengths))
        for name, n in lengths.items():
            if n != lengths[first]:
                raise InputError(
                    f"{self.path}: '{first}' has {lengths[first]} samples, '{name}' has {n}"
                )
        rows = max(1, min(BLOCK_ROWS, _BLOCK_VALUES // len(names)))
        with reading(self.path, self.kind), h5py.File(self.path, "r", rdcc_nbytes=1 << 25) as file:
            for start in range(0, max(lengths[first], 1), rows):
                stop = min(start + rows, lengths[first])
                yield {
                    name: self._cells(file, name, slab, start, stop) for name, slab in slabs.items()
                }

    def _cells(self, file: h5py.File, name: str, slab: Slab, start: int, stop: int) -> Array:
        if slab.text == "utf-16":
            codes = np.ravel(file[slab.address][()])
            return np.array(["".join(map(chr, codes.tolist()))])
        cells = slab.read(file, start, stop)
        if slab.text:
            plain = [
                c.decode("utf-8", "replace") if isinstance(c, bytes) else str(c) for c in cells
            ]
            return np.array(plain, dtype=str)
        return vector(cells, self._where(name))

    def _refuse_matrix(self, name: str, shape: tuple[int, ...]) -> None:
        text = " x ".join(str(n) for n in shape)
        raise InputError(
            f"{self._where(name)}: expected one column, got {text}",
            f"name a column: '{name}.1' .. '{name}.{shape[-1]}', or set 'transpose'",
        )

    def _where(self, name: str) -> str:
        return f"{self.path}: variable '{name}'"

    def matrix(self, name: str) -> Array:
        """A variable as `(rows, samples)`; a vector is one row."""
        slab = self._slabs[name]
        with reading(self.path, self.kind), h5py.File(self.path, "r") as file:
            array = slab.whole(file)
        if slab.is_vector:
            array = array.reshape(1, -1)
        if array.ndim != 2 or array.dtype.kind not in "iufb":
            raise InputError(
                f"{self._where(name)}: expected numbers (rows, samples), "
                f"got {array.dtype} {array.shape}"
            )
        return array

    def is_text(self, name: str) -> bool:
        """True for strings."""
        return bool(self._slabs[name].text)


def _text(cell: Any) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


def _plain(value: Any) -> bool | int | float | str | None:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biufSUO":
        return None
    plain = array.reshape(-1)[0]
    plain = plain.item() if isinstance(plain, np.generic) else plain
    if isinstance(plain, bytes):
        return plain.decode("utf-8", "replace")
    return plain if isinstance(plain, bool | int | float | str) else None
