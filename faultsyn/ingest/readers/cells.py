"""From a block of bytes to numbers: vectorised cell boundaries, one C pass over the digits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.ingest.readers.layout import Layout

Positions = NDArray[np.intp]
_NEWLINE, _QUOTE, _COMMA, _POINT, _BLANK, _TAB = (ord(c) for c in '\n",. \t')
_NEVER = ord("?")  # stands for a character that no number may have


@dataclass(frozen=True)
class Block:
    """Whole lines of a text file, and where their cells are.

    - `data`: the bytes, ending with a newline.
    - `starts`, `ends`: `(rows, columns)` byte positions; `ends` is the byte after a cell.
    - `lines`: `(rows,)` line numbers in the file, counted from 0.
    - `whole`: no line was left out.
    """

    data: NDArray[np.uint8]
    starts: Positions
    ends: Positions
    lines: Positions
    whole: bool


def cut(text: bytes, layout: Layout, first_line: int, where: str) -> Block:
    """Find the cells of whole lines; blank lines and comment lines are left out.

    Raises `InputError` naming the first row with another number of cells.
    """
    data = np.frombuffer(text, np.uint8)
    newline = data == _NEWLINE
    breaks = np.flatnonzero(newline)
    line_starts = np.concatenate(([0], breaks[:-1] + 1))
    if layout.delimiter == " ":
        starts, ends = _words(data, newline)
        counts = np.diff(np.searchsorted(starts, np.concatenate(([0], breaks))))
        blank = counts == 0
    else:
        inside = None
        if b'"' in text:
            inside = np.cumsum(data == _QUOTE) % 2 == 1
        delimiter = data == ord(layout.delimiter)
        if inside is not None:
            delimiter &= ~inside
        ends = np.flatnonzero(delimiter | newline)
        starts = np.concatenate(([0], ends[:-1] + 1))
        counts = np.diff(np.searchsorted(ends, breaks, side="right"), prepend=0)
        blank = counts == 1
        if blank.any():
            blank &= _only_blanks(data, line_starts, breaks)
    comment = np.isin(
        data[np.minimum(line_starts, len(data) - 1)], [ord(c) for c in layout.comment]
    )
    keep = ~(blank | comment)
    width = len(layout.names)
    wrong = np.flatnonzero(keep & (counts != width))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{where}: row {first_line + row + 1}: expected {width} columns, got {counts[row]}"
        )
    if not keep.all():
        chosen = np.repeat(keep, counts)
        starts, ends = starts[chosen], ends[chosen]
    lines = first_line + np.flatnonzero(keep)
    return Block(data, starts.reshape(-1, width), ends.reshape(-1, width), lines, bool(keep.all()))


def _words(data: NDArray[np.uint8], newline: NDArray[np.bool_]) -> tuple[Positions, Positions]:
    word = ~(newline | (data == _BLANK) | (data == _TAB))
    edge = np.diff(word.view(np.int8), prepend=0)
    return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)


def _only_blanks(data: NDArray[np.uint8], starts: Positions, ends: Positions) -> NDArray[np.bool_]:
    black = np.concatenate(([0], np.cumsum((data != _BLANK) & (data != _TAB))))
    return np.asarray(black[starts] == black[ends])


def numbers(
    block: Block, columns: Sequence[int], layout: Layout, where: str
) -> NDArray[np.float64]:
    """The numbers of some columns, `(rows, len(columns))`; missing cells are NaN.

    Raises `InputError` naming row, column, expected and got for a cell that is no number.
    """
    shape = (len(block.lines), len(columns))
    if not len(block.lines):
        return np.empty(shape)
    order = np.argsort(columns)
    if np.any(np.diff(order) < 0):  # cells come in the order of the file
        found = numbers(block, sorted(columns), layout, where)
        return found[:, np.argsort(order)]
    data = block.data.copy()
    if layout.decimal == ",":
        data[data == _POINT] = _NEVER  # 1.234 would be a thousand or a fraction: ask, do not guess
        data[data == _COMMA] = _POINT
    elif layout.delimiter != "," or _QUOTE in data:
        data[data == _COMMA] = _NEVER
    if len(columns) == len(layout.names) and block.whole:
        data[block.ends] = _COMMA
        text = data.tobytes()
    else:
        text = _only_cells(data, block.starts[:, columns], block.ends[:, columns])
    values = _parse(text, shape[0] * shape[1])
    if values is None:
        values = _parse_carefully(text, block, columns, layout, where)
    return values.reshape(shape)


def _only_cells(data: NDArray[np.uint8], starts: Positions, ends: Positions) -> bytes:
    """The bytes of some cells, each followed by a comma."""
    data[ends] = _COMMA
    edges = np.zeros(len(data) + 1, np.int8)
    edges[starts] += 1
    edges[ends + 1] -= 1
    return data[np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_)].tobytes()


def _parse(text: bytes, n: int) -> NDArray[np.float64] | None:
    """Comma-separated numbers, or None when one of the cells is not a plain number."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(text, dtype=np.float64, sep=",")
        except (DeprecationWarning, ValueError):
            return None
    return values if len(values) == n else None


def _parse_carefully(
    text: bytes, block: Block, columns: Sequence[int], layout: Layout, where: str
) -> NDArray[np.float64]:
    missing = {cell.encode() for cell in layout.missing}
    cells = [cell.strip(b' \t"') for cell in text.split(b",")[:-1]]
    plain = [b"nan" if cell in missing else cell for cell in cells]
    values = _parse(b",".join(plain) + b",", len(plain))
    if values is not None:
        return values
    for k, cell in enumerate(plain):
        if _parse(cell + b",", 1) is None or not cell:
            row, column = divmod(k, len(columns))
            name = layout.names[columns[column]]
            got = texts(block, columns[column])[row].decode("utf-8", "replace")
            raise InputError(
                f"{where}: row {block.lines[row] + 1}, column '{name}': expected a number, "
                f"got '{got}'",
                "cells that mean 'no value' can be listed under 'text.missing'",
            )
    raise InputError(f"{where}: rows from {block.lines[0] + 1} on cannot be read as numbers")


def texts(block: Block, column: int) -> NDArray[np.bytes_]:
    """The cells of one column as they stand, `(rows,)` bytes."""
    starts, ends = block.starts[:, column], block.ends[:, column]
    lengths = ends - starts
    width = max(int(lengths.max(initial=0)), 1)
    reach = np.arange(width)
    at = np.minimum(starts[:, None] + reach, len(block.data) - 1)
    chars = np.where(reach < lengths[:, None], block.data[at], 0).astype(np.uint8)
    cells = np.ascontiguousarray(chars).view(f"S{width}").reshape(-1)
    return np.char.strip(cells, b' "\t')
