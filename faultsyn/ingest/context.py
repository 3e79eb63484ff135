"""The names that a recording's templates may use, each worked out when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.card import compile_regex
from faultsyn.ingest.patterns import bare_stem, select
from faultsyn.ingest.readers import Source
from faultsyn.ingest.schema import Body, Card, FileValue, Scalar
from faultsyn.ingest.tables import Row
from faultsyn.ingest.values import NoValue, as_text, evaluate, fill, standard_type


def built_in(relative: str) -> dict[str, Scalar]:
    """Names that every file has: stem, name, path, folder."""
    path = PurePosixPath(relative)
    folder = "" if str(path.parent) == "." else str(path.parent)
    return {"stem": bare_stem(path.name), "name": path.name, "path": relative, "folder": folder}


class Context(Mapping[str, Scalar]):
    """Names of one recording: its columns, then groups and built-in names, then values in the
    file, then columns of joined tables.

    - `given`: groups and built-in names.
    - `file`: opens the recording's main file; called only when a name needs it.
    - `table`: rows of a table by its name.
    - `block`: running number of a `block_of` column, given column and text.
    """

    def __init__(
        self,
        card: Card,
        body: Body,
        given: dict[str, Scalar],
        file: Callable[[], Source],
        table: Callable[[str], dict[str, Row]],
        block: Callable[[str, str], int],
        where: str,
    ) -> None:
        self._card, self._body, self._given = card, body, given
        self._file, self._table, self._block = file, table, block
        self._where = where
        self._known: dict[str, Scalar] = {}
        self._busy: set[str] = set()

    def __getitem__(self, name: str) -> Scalar:
        if name in self._body.columns and name not in self._busy:
            return self.column(name)
        if name in self._given:
            return self._given[name]
        if name in self._body.values:
            return self._in_file(name)
        for table, key in self._body.join.items():
            row = self._table(table).get(as_text(fill(key, self)))
            if row is not None and name in row:
                return row[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({*self._body.columns, *self._given, *self._body.values})

    def __len__(self) -> int:
        return len({*self._body.columns, *self._given, *self._body.values})

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except (KeyError, NoValue):
            return False
        return True

    def column(self, name: str) -> Scalar:
        """A column's value, of the type that the column has."""
        if name not in self._known:
            where = f"{self._where}: column '{name}'"
            self._busy.add(name)
            try:
                value = evaluate(
                    self._body.columns[name],
                    self,
                    self._card.lookups,
                    where,
                    lambda text: self._block(name, text),
                )
            except NoValue as missing:
                raise InputError(
                    f"{where}: '{missing}' has no value here", "a 'default' may stand in"
                ) from None
            finally:
                self._busy.discard(name)
            self._known[name] = standard_type(name, value, where)
        return self._known[name]

    def columns(self) -> dict[str, Scalar]:
        """All columns."""
        return {name: self.column(name) for name in self._body.columns}

    def text(self, template: str, what: str) -> str:
        """A template as text; `what` names it in the error for a name without a value."""
        try:
            return as_text(fill(template, self))
        except NoValue as missing:
            raise InputError(
                f"{self._where}: {what} '{template}': '{missing}' has no value here"
            ) from None

    def _in_file(self, name: str) -> Scalar:
        value = self._body.values[name]
        source = self._file()
        where = f"{self._where}: value '{name}'"
        if value.preamble is not None:
            hit = compile_regex(value.preamble, where).search(source.preamble)
            if hit is None:
                raise KeyError(name)
            return (hit[1] if hit.re.groups else hit[0]).strip()
        known = [*source.names, *source.attributes]
        found = select(known, value.source, self._given, where)
        if not found:
            raise KeyError(name)
        if len(found) > 1:
            raise InputError(f"{where}: fits both '{found[0]}' and '{found[1]}'")
        if found[0] in source.attributes:
            return source.attributes[found[0]]
        row = self._given.get("row")
        return read_value(source, found[0], value, where, int(row) if row is not None else None)


def read_value(source: Source, name: str, value: FileValue, where: str, row: int | None) -> Scalar:
    """One value of a variable or column.

    - `row`: number of the recording in a file of rows, counted from 1.

    Raises `InputError` when `take: only` finds several.
    """
    textual = source.is_text(name)
    parts: list[np.ndarray[Any, Any]] = []
    for block in source.blocks([name], text=[name] if textual else ()):
        parts.append(block[name])
        if value.take == "first" and len(parts[0]):
            break
    cells = np.concatenate(parts)
    if not len(cells):
        raise NoValue(name)
    if value.take == "mean" and not textual:
        return float(np.nanmean(np.asarray(cells, np.float64)))
    if value.take == "only" and row is not None and len(cells) > 1:
        if row > len(cells):
            raise InputError(f"{where}: '{name}' has {len(cells)} rows, there is none for {row}")
        return _scalar(cells[row - 1])
    if value.take in ("only", "mean") and len(cells) > 1 and len(np.unique(cells)) > 1:
        raise InputError(
            f"{where}: '{name}' has {len(cells)} values, expected one",
            "say which with 'take: first', 'last' or 'mean'",
        )
    return _scalar(cells[-1] if value.take == "last" else cells[0])


def _scalar(cell: Any) -> Scalar:
    if isinstance(cell, bytes):
        return re.sub(r"\s+", " ", cell.decode("utf-8", "replace")).strip()
    if isinstance(cell, str):
        return cell.strip()
    plain = cell.item()
    assert isinstance(plain, bool | int | float)
    return plain
