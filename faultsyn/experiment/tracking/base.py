"""What a tracker is told of a study, whoever shows it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

METRICS = ("balanced_accuracy", "macro_f1", "macro_auroc", "ece", "false_alarm_rate")

Row = Mapping[str, Any]


class Tracker(Protocol):
    """Takes what a study is, its rows as they are finished, and its files."""

    def describe(self, texts: Mapping[str, str]) -> None:
        """Log what the study is: texts by the names of their files."""
        ...

    def add(self, rows: Iterable[Row]) -> None:
        """Log finished rows; those without scores are left out."""
        ...

    def keep(self, paths: Iterable[Path]) -> None:
        """Log files and folders of the results; those that are not there are left out."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class Point(NamedTuple):
    """The scores of a row, and where they belong.

    - `generator`, `classifier`: whose run it is; `setting`: which curve of it.
    - `step`: how many rows of this run and setting were finished before.
    - `scores`: finite values by metric.
    """

    generator: str
    classifier: str
    setting: str
    step: int
    scores: dict[str, float]

    @property
    def run(self) -> str:
        """Name of the run."""
        return f"{self.generator} + {self.classifier}"


class Points:
    """Numbers the rows of each run and setting in order of completion.

    - `known`: rows that were logged before, so that a resumed study goes on where it ended.
    """

    def __init__(self, known: Iterable[Row] = ()) -> None:
        self._seen: Counter[tuple[str, str, str]] = Counter()
        for _ in self.of(known):
            pass

    def of(self, rows: Iterable[Row]) -> Iterator[Point]:
        """The points of rows that have scores."""
        for row in rows:
            if row["status"] != "ok":
                continue
            setting = f"{row['task']} K={row['k']} {row['split']}"
            place = (str(row["generator"]), str(row["classifier"]), setting)
            scores = {
                name: float(value)
                for name in METRICS
                if (value := row.get(name)) is not None and math.isfinite(value)
            }
            yield Point(*place, self._seen[place], scores)
            self._seen[place] += 1
