"""Verdicts as a table for a spreadsheet: one row a recording."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from faultsyn.plant.verdict import Verdict

COLUMNS = (
    "recording",
    "file",
    "asset",
    "start_time",
    "status",
    "reason",
    "verdict",
    "label",
    "probability",
    "runner_up",
    "runner_up_probability",
    "prediction_set",
    "coverage",
    "alarm",
    "unknown_score",
    "unknown_limit",
    "windows",
    "said",
    "sha256",
    "warnings",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(path: str | Path, verdicts: Iterable[Verdict], after: Path | None = None) -> Path:
    """Write one row a recording, in one step; lists are joined by "; ".

    - `after`: a table of the same columns whose rows come first.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if after is None:
                writer.writerow(COLUMNS)
            else:
                with after.open(newline="", encoding="utf-8") as before:
                    shutil.copyfileobj(before, file)
            writer.writerows(_row(verdict) for verdict in verdicts)
        Path(made).chmod(0o644)
        Path(made).replace(target)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
    return target


def _row(verdict: Verdict) -> list[object]:
    known = {"asset": verdict.columns.get("asset"), "start_time": verdict.columns.get("start_time")}
    return [_cell(known[name] if name in known else getattr(verdict, name)) for name in COLUMNS]


def _cell(value: object) -> object:
    """A value as a cell; text that a spreadsheet would take for a formula gets a quote."""
    if isinstance(value, list):
        value = "; ".join(str(item) for item in value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
