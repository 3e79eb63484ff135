"""A label table beside the files: a text file in which one column names the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faultsyn.errors import InputError
from faultsyn.ingest.guess import words
from faultsyn.ingest.patterns import bare_stem
from faultsyn.ingest.readers import SUFFIXES, suffix_of
from faultsyn.ingest.schema import Table
from faultsyn.ingest.tables import Row, read_rows

_MOST_BYTES = 1 << 22
_SHARE = 0.6


@dataclass(frozen=True)
class LabelTable:
    """A table that says more about recordings.

    - `file`: relative path; `key`: its column that names files, `by`: how (a template).
    - `columns`: column of the store -> column of the table.
    """

    name: str
    file: str
    key: str
    by: str
    rows: dict[str, Row]
    columns: dict[str, str]

    def lines(self) -> list[str]:
        """The card's `tables`."""
        file = json.dumps("/" + self.file, ensure_ascii=False)
        key = json.dumps(self.key, ensure_ascii=False)
        return ["tables:", f"  {self.name}: {{file: {file}, key: {key}}}"]

    def values(self, column: str) -> list[str]:
        """The different cells of a column."""
        return list(dict.fromkeys(row[column] for row in self.rows.values()))


def find_label_table(raw: Path, data: Sequence[str]) -> LabelTable | None:
    """The text file whose cells name most of the other files, if there is one."""
    for file in data:
        path = raw / file
        if SUFFIXES[suffix_of(file)] != "text" or path.stat().st_size > _MOST_BYTES:
            continue
        others = [f for f in data if f != file]
        found = _keyed(path, file, others)
        if found is not None:
            return found
    return None


def _keyed(path: Path, file: str, others: Sequence[str]) -> LabelTable | None:
    try:
        rows = list(read_rows(path, Table(file=[file])).values())
    except InputError:
        return None
    spelt = {
        "{name}": {PurePosixPath(f).name for f in others},
        "{stem}": {bare_stem(PurePosixPath(f).name) for f in others},
        "{path}": set(others),
        "{folder}": {str(PurePosixPath(f).parent) for f in others} - {"."},
    }
    for column in rows[0]:
        cells = {row[column] for row in rows}
        for template, names in spelt.items():
            if names and len(names & cells) >= _SHARE * len(names) and len(cells) == len(rows):
                headings = {words.heading(c): c for c in reversed(list(rows[0])) if c != column}
                columns = {name: c for name, c in headings.items() if name is not None}
                by_key = {row[column]: row for row in rows}
                return LabelTable("labels", file, column, template, by_key, columns)
    return None
