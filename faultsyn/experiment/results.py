"""The results of a study on disk: one CSV row for each work unit and classifier."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

SCHEMA: dict[str, type] = {
    "task": str,
    "split": str,
    "budget": str,
    "k": str,
    "seed": int,
    "group": str,
    "generator": str,
    "n_synthetic": int,
    "classifier": str,
    "macro_f1": float,
    "balanced_accuracy": float,
    "macro_auroc": float,
    "ece": float,
    "false_alarm_rate": float,
    "false_alarm_at_95": float,
    "fit_seconds": float,
    "predict_seconds": float,
    "generator_fit_seconds": float,
    "generator_sample_seconds": float,
    "generator_memory_mb": float,
    "n_train_windows": int,
    "n_train_recordings": int,
    "n_train_assets": int,
    "n_shot_recordings": int,
    "n_shot_assets": int,
    "n_test_windows": int,
    "confusion": str,
    "classes": str,
    "commit": str,
    "config_hash": str,
    "data_hash": str,
    "status": str,
    "key": str,
}
"""Columns of `results.csv` and their types; an empty number is NaN (float) or 0 (int).

- `task`: name of the task; `split`: grouping level of the split ("asset", ..., "window").
- `budget`: what an arm may see besides its shots.
- `k`: shots per class, a number or "all"; `seed`; `group`: the held-out fold.
- `generator`, `n_synthetic`: the arm and the windows it made in this row, all classes together.
- `macro_f1` ... `false_alarm_at_95`: fractions 0..1.
- `fit_seconds`: generator and classifier together; `predict_seconds`: all test windows.
- `generator_fit_seconds`: pretraining, even if cells share it, and adaptation;
  `generator_sample_seconds`: all windows that it made; `generator_memory_mb`: highest resident
  memory during adaptation and sampling, above that before. Empty without a generator, and in rows
  of earlier versions.
- `n_train_*`: real support windows (normals and shots) and what they come from;
  `n_shot_*`: what the shots alone come from.
- `confusion`: counts "r0c0 r0c1;r1c0 r1c1", rows true; `classes`: "a|b|c", normal class first.
- `status`: "ok", or the reason why the row has no scores.
- `key`: hash of everything that can change the row.
"""

CONTROL = "control: "
"""Classifiers whose name starts like this are negative controls, not methods to compare."""

TIMINGS = (
    "fit_seconds",
    "predict_seconds",
    "generator_fit_seconds",
    "generator_sample_seconds",
    "generator_memory_mb",
)
"""What it cost; the only columns in which a row differs from the same one made again."""
TRANSIENT = ("worker died", "failed: ")
"""Statuses that start like this are tried again by the next run; all others are results."""

Row = dict[str, Any]


def as_text(row: Mapping[str, Any]) -> list[str]:
    """A row as CSV fields in the order of `SCHEMA`; None and NaN become empty fields."""
    fields = []
    for name in SCHEMA:
        value = row.get(name)
        missing = value is None or (isinstance(value, float) and np.isnan(value))
        fields.append("" if missing else " ".join(str(value).split()))
    return fields


def _typed(fields: Mapping[str, str]) -> Row:
    row: Row = {}
    for name, kind in SCHEMA.items():
        text = fields.get(name) or ""
        if kind is float:
            row[name] = float(text) if text else float("nan")
        elif kind is int:
            row[name] = int(text) if text else 0
        else:
            row[name] = text
    return row


def read_rows(path: Path) -> list[Row]:
    """Rows of a results file; a last line without its line end (a killed run) is left out.

    Raises `InputError` when the header is not one of a results file, or a field is not of its
    column's type.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode() if _packed(path) else path.read_text()
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({why})") from None
    whole = text[: text.rfind("\n") + 1]
    lines = csv.reader(io.StringIO(whole))
    header = next(lines, None)
    if header is None:
        return []
    missing = [name for name in ("task", "generator", "classifier", "key") if name not in header]
    if missing:
        raise InputError(f"{path}: not a results file: no column {missing}")
    rows = []
    for number, fields in enumerate(lines, 2):
        if len(fields) != len(header):
            raise InputError(
                f"{path}, line {number}: expected {len(header)} fields, got {len(fields)}"
            )
        try:
            rows.append(_typed(dict(zip(header, fields, strict=True))))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    return rows


def _packed(path: Path) -> bool:
    return path.suffix == ".gz"


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a results file in one step."""
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SCHEMA)
        writer.writerows(as_text(row) for row in rows)
    Path(made).chmod(0o644)
    Path(made).replace(path)


class Appender:
    """The one writer of a running study: every batch of rows is on disk before it returns."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        self._writer.writerows(as_text(row) for row in rows)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, eq=False)
class Results:
    """The columns of a results file, all of one length, typed as `SCHEMA` says.

    - `columns`: column name -> array.
    - `folder`: where the results file lies, or None for rows made in memory.
    """

    columns: dict[str, NDArray[Any]]
    folder: Path | None = None

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], folder: Path | None = None) -> Results:
        """Results from rows."""
        listed = list(rows)
        kinds: dict[type, type] = {str: np.str_, int: np.int64, float: np.float64}
        columns: dict[str, NDArray[Any]] = {
            name: np.array([row[name] for row in listed], dtype=kinds[kind])
            for name, kind in SCHEMA.items()
        }
        return cls(columns, folder)

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read a results folder, or its `results.csv` (published results are `results.csv.gz`).

        Raises `InputError` when there is none or it is not a results file.
        """
        file = Path(path)
        if file.is_dir():
            plain, packed = file / "results.csv", file / "results.csv.gz"
            file = packed if packed.is_file() and not plain.is_file() else plain
        if not file.is_file():
            raise InputError(f"{file}: no results here", "run a study first: `faultsyn run STUDY`")
        return cls.of(read_rows(file), file.parent)

    def __len__(self) -> int:
        return len(self.columns["key"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.columns:
            raise InputError(f"results have no column '{name}'; they have {list(self.columns)}")
        return self.columns[name]

    def where(self, **values: Any) -> Results:
        """Rows in which every named column equals its value, or is one of a list of values."""
        keep = np.ones(len(self), bool)
        for name, value in values.items():
            wanted = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
            keep &= np.isin(self[name], list(wanted))
        return self.take(keep)

    def take(self, index: NDArray[Any]) -> Results:
        """The rows at `index`."""
        return Results({n: c[index] for n, c in self.columns.items()}, self.folder)

    def ok(self) -> Results:
        """Rows that have scores."""
        return self.where(status="ok")

    def values(self, name: str) -> list[Any]:
        """Distinct values of a column, in order of appearance."""
        return list(dict.fromkeys(self[name].tolist()))

    def rows(self) -> Iterator[Row]:
        """Row by row, as dictionaries."""
        for i in range(len(self)):
            yield {name: column[i].item() for name, column in self.columns.items()}


def confusion_text(counts: NDArray[np.int64]) -> str:
    """Counts as "r0c0 r0c1;r1c0 r1c1"."""
    return ";".join(" ".join(str(int(value)) for value in line) for line in counts)


def confusion_matrix(text: str) -> NDArray[np.int64]:
    """Counts back from their text, `(C, C)`."""
    lines = [[int(value) for value in line.split()] for line in text.split(";")]
    return np.array(lines, np.int64)
