"""Finding out how a text file is laid out: delimiter, decimal mark, header, units, first row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from faultsyn.errors import InputError
from faultsyn.ingest.schema import Text

_CANDIDATES = (";", "\t", ",", "|", " ")
_TAIL_LINES = 30
_TAIL_CHARACTERS = 1 << 14


@dataclass(frozen=True)
class Layout:
    """How to read the rows of a text file.

    - `delimiter`: one character; " " stands for any run of blanks and tabs.
    - `decimal`: "." or ",".
    - `names`, `units`: of the columns; names are "1", "2", ... without a header.
    - `first`: number of the first data line, counted from 0.
    - `comment`: characters that start a comment line; `missing`: cells that mean "no value".
    - `preamble`: the lines before the data.
    - `textual`: positions (from 0) of the columns that do not hold numbers.
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    first: int
    comment: str
    missing: frozenset[str]
    preamble: str
    textual: frozenset[int]


def split_line(line: str, delimiter: str) -> list[str]:
    """The cells of one line, stripped of blanks and quotes."""
    if delimiter == " ":
        return [cell.strip('"') for cell in line.split()]
    rows = list(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    return [cell.strip() for cell in rows[0]] if rows else []


def is_number(cell: str, decimal: str) -> bool:
    """True when the cell spells a number with that decimal mark."""
    if decimal == ",":
        if "." in cell:
            return False
        cell = cell.replace(",", ".")
    if "_" in cell:
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def find_layout(lines: Sequence[str], options: Text, where: str) -> Layout:
    """Work out the layout of a file from its first lines.

    - `lines`: the first lines, without line ends.
    - `options`: what the card already says.
    - `where`: the file, for errors.

    Raises `InputError` when there is no table in it or the first rows contradict each other.
    """
    usable = [
        (i, line)
        for i, line in enumerate(lines)
        if i >= options.skip and line.strip() and line.lstrip()[0] not in options.comment
    ]
    if not usable:
        raise InputError(f"{where}: no rows in it")
    tail = _tail([line for _, line in usable])
    delimiter, decimal = _separators(tail, options)
    body = [split_line(line, delimiter) for line in tail]
    width = _width(body, decimal)
    below = body[len(body) // 2 :]  # a short file's last lines are data, its first may not be
    steady = [c for c in below if len(c) == width] or [c for c in body if len(c) == width]
    numeric = _numeric_columns(steady, decimal, options)
    if not numeric:
        raise InputError(
            f"{where}: no column of numbers found (delimiter {delimiter!r}, decimal '{decimal}')",
            "say how the file is laid out under 'text' in the card",
        )
    heads, first = _above(usable, delimiter, width, numeric, decimal, options, where)
    if options.header is False:
        heads = []
    names, units = _headings(heads, width, options)
    if not names and options.header is not False:
        names = _commented_header(lines[:first], width, delimiter, options)
    if options.columns:
        if len(options.columns) != width:
            raise InputError(
                f"{where}: 'columns' names {len(options.columns)} columns, the file has {width}"
            )
        names = tuple(options.columns)
    return Layout(
        delimiter,
        decimal,
        names or tuple(str(k + 1) for k in range(width)),
        units,
        first,
        options.comment,
        frozenset(options.missing),
        "\n".join(lines[:first]),
        frozenset(range(width)) - numeric,
    )


def _separators(tail: Sequence[str], options: Text) -> tuple[str, str]:
    """Delimiter and decimal mark under which most cells of the last lines are numbers."""
    given = {"whitespace": " ", "tab": "\t", "\\t": "\t"}.get(
        options.delimiter or "", options.delimiter
    )
    candidates = (given,) if given else _CANDIDATES
    quoted = any('"' in line for line in tail)
    best: tuple[float, float] = (-1.0, -1.0)
    chosen = (given or " ", options.decimal or ".")
    for delimiter in candidates:
        for decimal in (options.decimal,) if options.decimal else (".", ","):
            if decimal == delimiter and not quoted:
                continue
            rows = [split_line(line, delimiter) for line in tail]
            width = _width(rows, decimal)
            if width < 2 and not given and delimiter != " ":
                continue
            steady = [row for row in rows if len(row) == width]
            cells = [cell for row in steady for cell in row]
            count = sum(is_number(cell, decimal) for cell in cells)
            score = (count / len(rows), count / max(len(cells), 1))
            if score > best:
                best, chosen = score, (delimiter, decimal)
    return chosen


def _width(rows: Sequence[list[str]], decimal: str) -> int:
    """The number of cells that the rows of numbers have."""
    mass: Counter[int] = Counter()
    for cells in rows:
        mass[len(cells)] += sum(is_number(cell, decimal) for cell in cells)
    return mass.most_common(1)[0][0]


def _numeric_columns(body: Sequence[list[str]], decimal: str, options: Text) -> frozenset[int]:
    """Columns in which at least half of the cells that are not missing are numbers."""
    columns = []
    for k, cells in enumerate(zip(*body, strict=True)):
        filled = [cell for cell in cells if cell not in options.missing]
        hits = sum(is_number(cell, decimal) for cell in filled)
        if 2 * hits >= max(len(filled), 1) or not filled:
            columns.append(k)
    return frozenset(columns)


def _tail(lines: Sequence[str]) -> list[str]:
    """The last lines: `_TAIL_LINES`, fewer when they are long, three at least."""
    chosen: list[str] = []
    for line in reversed(lines[-_TAIL_LINES:]):
        if len(chosen) >= 3 and sum(map(len, chosen)) > _TAIL_CHARACTERS:
            break
        chosen.insert(0, line)
    return chosen


def _above(
    usable: Sequence[tuple[int, str]],
    delimiter: str,
    width: int,
    numeric: frozenset[int],
    decimal: str,
    options: Text,
    where: str,
) -> tuple[list[list[str]], int]:
    """The rows above the data, and the line number of the first data row."""
    n_heads = int(bool(options.header)) + int(bool(options.units))
    heads: list[list[str]] = []
    for i, line in usable:
        cells = split_line(line, delimiter)
        numbers = [is_number(cell, decimal) for cell in cells]
        if len(cells) == width:
            fits = all(numbers[c] or cells[c] in options.missing for c in numeric)
            enough = sum(len(head) == width for head in heads) >= n_heads
            if enough and fits and any(numbers):
                return heads, i
        elif len(cells) > 1 and all(numbers):
            raise InputError(
                f"{where}: row {i + 1}: expected {width} columns, got {len(cells)}",
                "lines that are no data can be left out with 'skip'",
            )
        heads.append(cells)
    raise InputError(f"{where}: no row of numbers below the header")


def _headings(
    heads: Sequence[list[str]], width: int, options: Text
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Column names and units from the lines just above the data."""
    trimmed = [c[:-1] if len(c) == width + 1 and not c[-1] else c for c in heads]
    wide: list[list[str]] = []
    for cells in reversed(trimmed):
        if len(cells) != width:
            break
        wide.insert(0, cells)
    if not wide:
        return (), ()
    has_units = options.units if options.units is not None else len(wide) > 1
    if not has_units:
        return tuple(wide[-1]), ()
    units = tuple(cell.strip("[]()") for cell in wide[-1])
    return (tuple(wide[-2]) if len(wide) > 1 else ()), units


def _commented_header(
    before: Sequence[str], width: int, delimiter: str, options: Text
) -> tuple[str, ...]:
    """Names from a comment line right above the data, as numpy.savetxt writes them."""
    for line in reversed(before):
        text = line.strip()
        if text and text[0] in options.comment:
            cells = split_line(text.lstrip(options.comment).strip(), delimiter)
            return tuple(cells) if len(cells) == width else ()
    return ()
