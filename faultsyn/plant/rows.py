"""Verdicts as a table for a spreadsheet: one row a recording."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from faultsyn.plant.verdict import Verdict

COLUMNS = (
    "recording",
    "file",
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


def write_csv(path: str | Path, verdicts: Iterable[Verdict]) -> Path:
    """Write one row a recording, in one step; lists are joined by "; "."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    with os.fdopen(handle, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for verdict in verdicts:
            writer.writerow([_cell(getattr(verdict, name)) for name in COLUMNS])
    Path(made).chmod(0o644)
    Path(made).replace(target)
    return target


def _cell(value: object) -> object:
    """A value as a cell; text that a spreadsheet would take for a formula gets a quote."""
    if isinstance(value, list):
        value = "; ".join(str(item) for item in value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
