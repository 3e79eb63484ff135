"""Operating states: which load and speed a recording ran at, as far as its columns say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.experiment.filters import Columns, text_of
from faultsyn.experiment.task import Task
from faultsyn.experiment.views import METADATA
from faultsyn.windows import WindowSet

MOST_VALUES = 12
"""A number with more different values is cut into four ranges of equal count."""
_MARGIN = 0.1
"""Share of the trained range by which a number may lie beside what was trained on."""
_SHOWN = 6
"""Trained values that are named."""
ALL = "all"


@dataclass(frozen=True)
class States:
    """How columns become one name of a state, e.g. "load 2, rpm 1700 to 1750".

    - `columns`: names; `values`: the values seen, as text, of those that are told apart by value;
      `edges`: four ranges of the numbers that are not; `ranges`: least and largest number seen.
    """

    columns: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, tuple[float, ...]]
    ranges: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, task: Task, windows: WindowSet) -> Self:
        """From the real ones of training windows, by the columns that a task says are metadata.

        Columns that give the label away tell no states.
        """
        given_away = {*task.label.column, "label", "severity", "start"}
        wanted = dict.fromkeys((*METADATA, *(task.metadata or ())))
        real = windows.take(~windows.synthetic)
        return cls.learn(real.table, [name for name in wanted if name not in given_away])

    @classmethod
    def learn(cls, table: Columns, wanted: Sequence[str]) -> Self:
        """From the columns of training windows that are there and say something."""
        columns: list[str] = []
        values: dict[str, tuple[str, ...]] = {}
        edges: dict[str, tuple[float, ...]] = {}
        ranges: dict[str, tuple[float, float]] = {}
        for name in wanted:
            column = np.asarray(table.get(name, np.zeros(0)))
            numeric = column.dtype.kind in "iuf"
            if numeric:
                column = column[np.isfinite(column.astype(float))]
            if len(column) == 0:
                continue
            different = np.unique(column)
            columns.append(name)
            if numeric:
                ranges[name] = (float(different[0]), float(different[-1]))
            if numeric and len(different) > MOST_VALUES:
                inner = np.quantile(column.astype(float), (0, 0.25, 0.5, 0.75, 1))
                edges[name] = tuple(float(edge) for edge in inner)
            else:
                values[name] = tuple(text_of(value) for value in different)
        return cls(tuple(columns), values, edges, ranges)

    def name(self, row: Mapping[str, Any]) -> str:
        """The state of a recording with these columns; `ALL` where one does not say."""
        parts = []
        for column in self.columns:
            value = row.get(column)
            if value is None or value == "" or value != value:
                return ALL
            if column in self.edges:
                edges = self.edges[column]
                bin_ = int(np.clip(np.searchsorted(edges, float(value), "right") - 1, 0, 3))
                parts.append(f"{column} {edges[bin_]:.6g} to {edges[bin_ + 1]:.6g}")
            else:
                parts.append(f"{column} {text_of(value)}")
        return ", ".join(parts) or ALL

    def names(self, table: Columns, n: int) -> NDArray[np.str_]:
        """The state of each of `n` windows."""
        rows = [{c: table[c][i] for c in self.columns if c in table} for i in range(n)]
        return np.array([self.name(row) for row in rows], dtype=str)

    def outside(self, row: Mapping[str, Any]) -> list[str]:
        """What of these columns is unlike anything that was trained on, in words.

        A number that was told apart by value must lie near one of them, one that was cut into
        ranges near the range of all.
        """
        found = []
        for column in self.columns:
            value = row.get(column)
            if value is None or value == "" or value != value:
                continue
            if column in self.ranges:
                if self._beside(column, float(value)):
                    found.append(f"{column} {float(value):g} ({self._trained(column)})")
            elif text_of(value) not in self.values[column]:
                found.append(f"{column} '{value}' ({self._trained(column)})")
        return found

    def never_met(self, windows: WindowSet) -> NDArray[np.bool_]:
        """Whether the state of each window was never trained on, `(n,)`."""
        names = [column for column in self.columns if column in windows.table]
        rows = [tuple(windows.table[column][i] for column in names) for i in range(len(windows))]
        new = {row: bool(self.outside(dict(zip(names, row, strict=True)))) for row in set(rows)}
        return np.array([new[row] for row in rows], bool)

    def _beside(self, column: str, value: float) -> bool:
        low, high = self.ranges[column]
        margin = _MARGIN * (high - low) + 0.01 * max(abs(low), abs(high))
        if column in self.values:
            return min(abs(value - float(known)) for known in self.values[column]) > margin
        return not low - margin <= value <= high + margin

    def _trained(self, column: str) -> str:
        if column in self.values and len(self.values[column]) <= _SHOWN:
            return f"trained on {', '.join(self.values[column])}"
        if column in self.ranges:
            low, high = self.ranges[column]
            return f"trained on {low:g} to {high:g}"
        return f"trained on {', '.join(self.values[column][:_SHOWN])} and others"

    def as_json(self) -> dict[str, Any]:
        """For an artefact."""
        return {
            "columns": list(self.columns),
            "values": {name: list(of) for name, of in self.values.items()},
            "edges": {name: list(of) for name, of in self.edges.items()},
            "ranges": {name: list(of) for name, of in self.ranges.items()},
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read back what `as_json` gave."""
        return cls(
            tuple(plain["columns"]),
            {str(k): tuple(map(str, v)) for k, v in plain["values"].items()},
            {str(k): tuple(map(float, v)) for k, v in plain["edges"].items()},
            {str(k): (float(v[0]), float(v[1])) for k, v in plain["ranges"].items()},
        )
