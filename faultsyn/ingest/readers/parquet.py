"""Parquet tables, read by row groups and only in the columns that are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import (
    BLOCK_ROWS,
    MOST_COLUMNS,
    Array,
    Source,
    library,
    reading,
    vector,
)


class ParquetSource(Source):
    """Columns by name; times come as dates, missing values as NaN.

    A field's metadata `unit` is its unit, the file's own metadata are attributes `@key`. A column
    of lists is a matrix, one row a recording.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._pq = library("pyarrow.parquet", path)
        self._types: Any = library("pyarrow", path).types
        with reading(path, "Parquet"), self._open() as file:
            schema = file.schema_arrow
            if len(schema) > MOST_COLUMNS:
                raise InputError(f"{path}: {len(schema)} columns, expected {MOST_COLUMNS} at most")
            self._kinds = {field.name: field.type for field in schema}
            self.names = tuple(self._kinds)
            self._rows = int(file.metadata.num_rows)
            for field in schema:
                unit = (field.metadata or {}).get(b"unit")
                if unit is not None:
                    self.units[field.name] = unit.decode("utf-8", "replace")
            for key, value in (schema.metadata or {}).items():
                if key not in (b"ARROW:schema", b"pandas"):
                    name = key.decode("utf-8", "replace")
                    self.attributes[f"@{name}"] = value.decode("utf-8", "replace")

    def _open(self) -> Any:
        return self._pq.ParquetFile(self.path)

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named columns, at most `BLOCK_ROWS` rows at a time."""
        done = 0
        with reading(self.path, "Parquet"), self._open() as file:
            columns = list(dict.fromkeys(names))
            for batch in file.iter_batches(BLOCK_ROWS, columns=columns, use_threads=False):
                done += batch.num_rows
                yield {name: self._column(batch.column(name), name, name in text) for name in names}
        if done != self._rows or not done:
            raise InputError(f"{self.path}: expected {self._rows} rows, got {done}")

    def _column(self, column: Any, name: str, text: bool) -> Array:
        where = f"{self.path}: variable '{name}'"
        if self._types.is_timestamp(column.type) or self._types.is_date(column.type):
            return np.asarray(column.to_numpy(zero_copy_only=False), "datetime64[us]")
        if text:
            return np.array([str(cell) for cell in column.to_pylist()], dtype=str)
        if self._types.is_decimal(column.type):
            column = column.cast("float64")
        return vector(np.asarray(column.to_numpy(zero_copy_only=False)), where)

    def matrix(self, name: str) -> Array:
        """A column of lists of equal length, `(rows, samples)`."""
        parts = []
        with reading(self.path, "Parquet"), self._open() as file:
            for batch in file.iter_batches(1 << 10, columns=[name], use_threads=False):
                column = batch.column(name)
                if not self._lists(column.type):
                    raise InputError(
                        f"{self.path}: column '{name}': expected lists, got {column.type}"
                    )
                flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
                if not len(column) or len(flat) % len(column):
                    raise InputError(f"{self.path}: column '{name}': its lists differ in length")
                parts.append(flat.reshape(len(column), -1))
        if len({part.shape[1] for part in parts}) != 1:
            raise InputError(f"{self.path}: column '{name}': its lists differ in length")
        return np.concatenate(parts)

    def _lists(self, kind: Any) -> bool:
        types = self._types
        return bool(
            types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        )

    def is_text(self, name: str) -> bool:
        """True for text, and for dates and times."""
        kind = self._kinds[name]
        types = self._types
        return not (
            types.is_integer(kind)
            or types.is_floating(kind)
            or types.is_boolean(kind)
            or types.is_decimal(kind)
            or self._lists(kind)
        )
