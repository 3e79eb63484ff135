"""The question that a diagnoser answers: which windows, of which channels, which classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from faultsyn.errors import InputError
from faultsyn.experiment.reading import window_spec
from faultsyn.experiment.task import Task, load_task
from faultsyn.store import Store, WindowSpec
from faultsyn.windows import WindowSet


@dataclass(frozen=True)
class Posed:
    """What a recording must be to be diagnosed, and what can be said of it.

    - `task`: as it was posed in training.
    - `units`: of each channel of a window, '' where the recordings do not say.
    - `rates`: rates [Hz] at which each channel was recorded in training.
    - `severities`: severities of the training recordings of each class.
    """

    task: Task
    units: tuple[str, ...]
    rates: tuple[tuple[float, ...], ...]
    severities: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, task: Task, windows: WindowSet) -> Self:
        """The question of a task on its store; `windows` are those that were trained on."""
        return cls(task, windows.units, _rates(task, windows), _severities(windows))

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read back what `as_json` gave."""
        task = load_task(plain["task"])
        made = cls(
            task,
            tuple(str(unit) for unit in plain["units"]),
            tuple(tuple(float(rate) for rate in rates) for rates in plain["rates"]),
            {str(name): tuple(map(float, of)) for name, of in plain["severities"].items()},
        )
        if not len(made.spec.channels) == len(made.units) == len(made.rates):
            raise InputError(
                f"diagnoser: {len(made.spec.channels)} channels, {len(made.units)} units, rates of "
                f"{len(made.rates)}"
            )
        return made

    def as_json(self) -> dict[str, Any]:
        """For an artefact."""
        return {
            "task": self.task.model_dump(mode="json"),
            "units": list(self.units),
            "rates": [list(rates) for rates in self.rates],
            "severities": {name: list(found) for name, found in self.severities.items()},
        }

    @property
    def spec(self) -> WindowSpec:
        """How recordings are cut into windows."""
        return window_spec(self.task, self.task.window.stride)

    def source_channels(self, columns: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the recording's channels that are read, in the order of the window's.

        Raises `InputError` when the column that chooses among them has no known value.
        """
        window = self.task.window
        if window.select is None:
            return window.channels
        chosen = window.select
        known = dict(chosen.channels)
        if self.task.healthy is not None and self.task.healthy.select is not None:
            known = {**self.task.healthy.select.channels, **known}
        value = str(columns.get(chosen.column, ""))
        if value not in known:
            raise InputError(
                f"'{chosen.column}' is '{value}', which does not say the channel",
                f"expected one of {', '.join(known)}",
            )
        return (known[value],)


def _rates(task: Task, windows: WindowSet) -> tuple[tuple[float, ...], ...]:
    with Store(task.store) as store:
        rows = np.flatnonzero(np.isin(store.recordings["id"], windows.column("recording")))
        index = store.windows(window_spec(task, task.window.stride), rows)
        found = []
        for channel in range(len(windows.channels)):
            used = np.unique(index.plan.choice[rows, channel])
            streams = [index.plan.sources[number].stream for number in used if number >= 0]
            found.append(tuple(sorted({store.streams[name].rate for name in streams})))
    return tuple(found)


def _severities(windows: WindowSet) -> dict[str, tuple[float, ...]]:
    column = windows.table.get("severity")
    if column is None or column.dtype.kind not in "iuf":
        return {}
    found = {}
    for label in sorted(set(windows.labels.tolist())):
        values = column[windows.labels == label].astype(float)
        found[label] = tuple(sorted(set(values[np.isfinite(values)].tolist())))
    return found
