"""Label tables: text files that say more about recordings, by key or row by row."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from pathlib import Path

from faultsyn.errors import InputError
from faultsyn.ingest.readers.layout import split_line
from faultsyn.ingest.schema import Table

Row = dict[str, str]


def read_rows(path: Path, table: Table) -> dict[str, Row]:
    """The rows of a label table by key (the row number from 1 when it has no key column).

    Raises `InputError` for a ragged row, a missing key column or a key that comes twice.
    """
    lines = _lines(path, table)
    delimiter = _delimiter([line for _, line in lines], table)
    rows = [(number, split_line(line, delimiter)) for number, line in lines]
    header = table.text.header
    names: dict[str, int]
    if isinstance(table.columns, dict):
        names = {name: at - 1 for name, at in table.columns.items()}
    elif table.columns:
        names = {name: k for k, name in enumerate(table.columns)}
    else:
        header = True
        names = {name: k for k, name in enumerate(rows[0][1])}
    if header:
        rows = rows[1:]
    if table.key is not None and table.key not in names:
        raise InputError(f"{path}: no key column '{table.key}'; columns: {', '.join(names)}")
    width = len(names) if isinstance(table.columns, list) else 0
    found: dict[str, Row] = {}
    for k, (number, cells) in enumerate(rows):
        if (width and len(cells) != width) or len(cells) <= max(names.values(), default=0):
            expected = width or max(names.values()) + 1
            raise InputError(f"{path}: row {number}: expected {expected} columns, got {len(cells)}")
        row = {name: cells[at] for name, at in names.items()}
        key = row[table.key] if table.key is not None else str(k + 1)
        if key in found:
            raise InputError(f"{path}: row {number}: key '{key}' comes twice")
        found[key] = row
    if not found:
        raise InputError(f"{path}: no rows in it")
    return found


def _lines(path: Path, table: Table) -> list[tuple[int, str]]:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if number > table.text.skip and line.strip() and line[0] not in table.text.comment
    ]
    if not lines:
        raise InputError(f"{path}: no rows in it")
    return lines


def _delimiter(lines: list[str], table: Table) -> str:
    given = table.text.delimiter
    if given:
        return {"whitespace": " ", "tab": "\t"}.get(given, given)
    best, chosen = 0, " "
    for candidate in (";", "\t", ",", "|", " "):
        widths = Counter(len(split_line(line, candidate)) for line in lines[:50])
        width, count = widths.most_common(1)[0]
        if width > 1 and width * count > best:
            best, chosen = width * count, candidate
    return chosen
