"""Finding out how a text file is laid out: delimiter, decimal mark, header, units, first row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from faultsyn.errors import InputError
from faultsyn.ingest.schema import Text

_CANDIDATES = (";", "\t", ",", "|", " ")
_TAIL = 30


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
    tail = [line for _, line in usable[-_TAIL:]]
    delimiter, decimal = _separators(tail, options)
    rows = [(i, split_line(line, delimiter)) for i, line in usable]
    body = rows[-_TAIL:]
    width = Counter(len(cells) for _, cells in body).most_common(1)[0][0]
    numeric = _numeric_columns([c for _, c in body if len(c) == width], decimal, options)
    if not numeric:
        raise InputError(
            f"{where}: no column of numbers found (delimiter {delimiter!r}, decimal '{decimal}')",
            "say how the file is laid out under 'text' in the card",
        )
    start = _first_row(rows, width, numeric, decimal, options, where)
    heads = [cells for _, cells in rows[:start]]
    if options.header is False:
        heads = []
    names, units = _headings(heads, width, options)
    if not names and options.header is not False:
        names = _commented_header(lines[: rows[start][0]], width, delimiter, options)
    if options.columns:
        if len(options.columns) != width:
            raise InputError(
                f"{where}: 'columns' names {len(options.columns)} columns, the file has {width}"
            )
        names = tuple(options.columns)
    first = rows[start][0]
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
    best: tuple[float, float] = (-1.0, -1.0)
    chosen = (given or " ", options.decimal or ".")
    for delimiter in candidates:
        for decimal in (options.decimal,) if options.decimal else (".", ","):
            if decimal == delimiter:
                continue
            rows = [split_line(line, delimiter) for line in tail]
            width = Counter(len(row) for row in rows).most_common(1)[0][0]
            if width < 2 and not given and delimiter != " ":
                continue
            steady = [row for row in rows if len(row) == width]
            cells = [cell for row in steady for cell in row]
            count = sum(is_number(cell, decimal) for cell in cells)
            score = (count / len(rows), count / max(len(cells), 1))
            if score > best:
                best, chosen = score, (delimiter, decimal)
    return chosen


def _numeric_columns(body: Sequence[list[str]], decimal: str, options: Text) -> frozenset[int]:
    """Columns in which at least half of the cells that are not missing are numbers."""
    columns = []
    for k, cells in enumerate(zip(*body, strict=True)):
        filled = [cell for cell in cells if cell not in options.missing]
        hits = sum(is_number(cell, decimal) for cell in filled)
        if 2 * hits >= max(len(filled), 1) or not filled:
            columns.append(k)
    return frozenset(columns)


def _first_row(
    rows: Sequence[tuple[int, list[str]]],
    width: int,
    numeric: frozenset[int],
    decimal: str,
    options: Text,
    where: str,
) -> int:
    """Position in `rows` of the first data row."""
    if options.header or options.units:
        wide = [k for k, (_, cells) in enumerate(rows) if len(cells) == width]
        n_heads = int(options.header is not False) + int(bool(options.units))
        if len(wide) <= n_heads:
            raise InputError(f"{where}: no rows below the header")
        return wide[n_heads]
    for k, (i, cells) in enumerate(rows):
        numbers = [is_number(cell, decimal) for cell in cells]
        if len(cells) == width:
            fits = [numbers[c] or cells[c] in options.missing for c in numeric]
            if all(fits) and any(numbers):
                return k
        elif len(cells) > 1 and all(numbers):
            raise InputError(
                f"{where}: row {i + 1}: expected {width} columns, got {len(cells)}",
                "lines that are no data can be left out with 'skip'",
            )
    raise InputError(f"{where}: no row of numbers found")


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
