"""Universal files (.uff, .unv): the time responses of dataset 58, ASCII and binary, streamed.

Layout: Universal File Format, dataset 58 "Function at Nodal DOF" (Structural Dynamics Research
Corporation; University of Cincinnati, SDRL).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import BLOCK_ROWS, Array, Source, lockstep, reading

_BLOCK = BLOCK_ROWS // 12 * 12  # whole lines, which hold 4 or 6 values
_MARK = b"    -1"
_HEADER_LINES = 11
_MOST_LINE = 1 << 12
_TIME_RESPONSE = (0, 1)
_TIME = 17
_DIRECTIONS = {1: "+X", -1: "-X", 2: "+Y", -2: "-Y", 3: "+Z", -3: "-Z"}


@dataclass(frozen=True)
class _Function:
    """One dataset 58 of real values at equal steps of time.

    - `at`: first byte of its values; `end`: the byte after the last (binary only).
    - `dtype`: of binary values; None for text.
    - `width`: characters of one value in text.
    """

    title: str
    place: str
    n: int
    step: float
    unit: str
    at: int
    end: int
    dtype: str | None
    width: int


class UniversalSource(Source):
    """Time responses, named by their first ID line, else by node and direction, else counted.

    Other datasets and functions (spectra, frequency responses, geometry) are left out.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with reading(path, "universal"), path.open("rb") as file:
            functions = list(_functions(file, path))
        if not functions:
            raise InputError(f"{path}: holds no time response (dataset 58, function type 1)")
        titles = [f.title for f in functions]
        places = [f.place for f in functions]
        for labels in (titles, places, [str(k + 1) for k in range(len(functions))]):
            if all(labels) and len(set(labels)) == len(labels):
                break
        self._functions = dict(zip(labels, functions, strict=True))
        self.names = tuple(labels)
        self.units = {name: f.unit for name, f in self._functions.items() if f.unit}
        self.rates = {name: _rate(f.step) for name, f in self._functions.items() if f.step > 0}
        for name, f in self._functions.items():
            self.attributes |= {f"{name}@title": f.title, f"{name}@node": f.place}

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named functions in blocks of equal length."""
        parts = {name: self._pieces(self._functions[name]) for name in names}
        yield from lockstep(parts, str(self.path))

    def _pieces(self, function: _Function) -> Iterator[Array]:
        with reading(self.path, "universal"), self.path.open("rb") as file:
            file.seek(function.at)
            done = 0
            while done < function.n:
                n = min(_BLOCK, function.n - done)
                values = _binary(file, function, n) if function.dtype else _text(file, function, n)
                if len(values) < n:
                    raise InputError(
                        f"{self.path}: truncated: expected {function.n} values of "
                        f"'{function.title or function.place}', got {done + len(values)}"
                    )
                done += n
                yield values

    def matrix(self, name: str) -> Array:
        """Functions are vectors, so there are no rows."""
        raise InputError(f"{self.path}: a universal file has no rows to make recordings of")

    def is_text(self, name: str) -> bool:
        """Never."""
        return False


def _functions(file: BinaryIO, path: Path) -> Iterator[_Function]:
    while line := file.readline(_MOST_LINE):
        if line.rstrip() != _MARK:
            continue
        head = file.readline(_MOST_LINE)
        while head.rstrip() == _MARK:  # one mark ends a dataset, the next begins another
            head = file.readline(_MOST_LINE)
        kind = head[:6].strip()
        if kind == b"58":
            function = _function(file, head, path)
            if function is not None:
                yield function
        elif kind:
            _skip(file, path)


def _function(file: BinaryIO, head: bytes, path: Path) -> _Function | None:
    raw = [file.readline(_MOST_LINE) for _ in range(_HEADER_LINES)]
    lines = [line.decode("latin-1").rstrip("\r\n") for line in raw]
    if not raw[-1]:
        raise InputError(f"{path}: truncated in the header of a dataset 58")
    binary = head[6:7].lower() == b"b"
    at = file.tell()
    kind, n = int(lines[6][:10]), int(lines[6][10:20])
    spacing, step = int(lines[6][20:30]), float(lines[6][43:56])
    double = kind in (4, 6)
    end = at
    if binary:
        order, size = int(head[7:13]), int(head[31:43])
        end = at + size
        file.seek(end)
    else:
        _skip(file, path)
    dof = lines[5]
    axis = int(lines[7][:10] or 0)
    if int(dof[:5]) not in _TIME_RESPONSE or kind not in (2, 4) or spacing != 1:
        return None
    if axis not in (0, _TIME) or n < 1:
        return None
    place = f"{int(dof[41:51])}{_DIRECTIONS.get(int(dof[51:55]), '')}"
    unit = lines[8][47:67].strip() if len(lines[8]) > 47 else ""
    dtype = None
    if binary:
        width = 8 if double else 4
        if width * n != size:
            raise InputError(f"{path}: expected {n} values in a dataset 58, it holds {size} bytes")
        dtype = f"{'<' if order == 1 else '>'}f{width}"
    title = lines[0].strip()
    unit = "" if unit.upper() == "NONE" else unit
    title = "" if title.upper() == "NONE" else title
    return _Function(title, place, n, step, unit, at, end, dtype, 20 if double else 13)


def _skip(file: BinaryIO, path: Path) -> None:
    """Go behind the mark that ends a dataset of text."""
    while line := file.readline(_MOST_LINE):
        if line.rstrip() == _MARK:
            return
    raise InputError(f"{path}: truncated: a dataset has no end", "copy it again from its source")


def _binary(file: BinaryIO, function: _Function, n: int) -> Array:
    assert function.dtype is not None
    size = np.dtype(function.dtype).itemsize
    content = file.read(n * size)
    return np.frombuffer(content[: len(content) // size * size], function.dtype)


def _text(file: BinaryIO, function: _Function, n: int) -> Array:
    """The next lines of fixed-width values; blocks are whole lines but for the last."""
    per_line = 80 // function.width
    values: list[bytes] = []
    while len(values) < n:
        line = file.readline(_MOST_LINE).rstrip(b"\r\n")
        if not line or line.rstrip() == _MARK:
            break
        cells = [line[k : k + function.width] for k in range(0, len(line), function.width)]
        values.extend(cell for cell in cells[:per_line] if cell.strip())
    return np.array(values[:n], dtype=f"S{function.width}").astype(np.float64)


def _rate(step: float) -> float:
    """The roundest rate whose step is the stated one, which has six digits in the file."""
    for digits in range(1, 10):
        rate = float(f"{1 / step:.{digits}g}")
        if f"{1 / rate:.5e}" == f"{step:.5e}":
            return rate
    return 1 / step
