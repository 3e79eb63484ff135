"""Results of a running study as TensorBoard event files, for those who watch studies there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError

METRICS = ("balanced_accuracy", "macro_f1", "macro_auroc", "ece", "false_alarm_rate")


class Tracker:
    """Writes rows to `folder`: a run for each generator and classifier, a curve for each setting.

    A point is a cell, numbered in order of completion within its run and setting. Rows of an
    earlier part of the study count, so that a resumed study goes on where its curves ended.

    - `known`: rows that were logged before.

    Raises `InputError` when TensorBoard is not installed.
    """

    def __init__(self, folder: Path, known: Iterable[Mapping[str, Any]] = ()) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "tracking needs the package 'tensorboard', which is not installed",
                "pip install 'faultsyn[scale]'",
            ) from None
        self._folder = folder
        self._writer = SummaryWriter
        self._runs: dict[str, Any] = {}
        self._points = Counter(_place(row) for row in known if row["status"] == "ok")

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Log finished rows; those without scores are left out."""
        for row in rows:
            if row["status"] != "ok":
                continue
            place = _place(row)
            run, setting = place
            for name in METRICS:
                value = row.get(name)
                if value is not None and math.isfinite(value):
                    self._run(run).add_scalar(
                        f"{name}/{setting}", float(value), self._points[place]
                    )
            self._points[place] += 1

    def describe(self, texts: Mapping[str, str]) -> None:
        """Log what the study is: texts by their name."""
        for name, text in texts.items():
            indented = "".join(f"    {line}\n" for line in text.splitlines())  # as it is
            self._run("study").add_text(name, indented)

    def close(self) -> None:
        """Write what is left."""
        while self._runs:
            self._runs.popitem()[1].close()

    def _run(self, name: str) -> Any:
        if name not in self._runs:
            self._runs[name] = self._writer(str(self._folder / name.replace("/", "-")))
        return self._runs[name]


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{row['generator']} + {row['classifier']}", f"{row['task']} K={row['k']} {row['split']}"
