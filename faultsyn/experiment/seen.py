"""What a trained artefact has seen, and the refusal to test on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError, LeakError
from faultsyn.experiment.filters import Columns, column_of, keys, texts
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import Split
from faultsyn.windows import WindowSet

ALWAYS = ("asset", "session")
"""Columns that are kept of every recording, beside those that the task groups by."""


@dataclass(frozen=True)
class Seen:
    """Recordings that an artefact was trained on.

    - `recordings`: their ids.
    - `columns`: for each grouping column, the value of each of them, as text.
    """

    recordings: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, windows: WindowSet, split: Split) -> Self:
        """What windows come from, with the columns by which `split` groups."""
        recordings, first = np.unique(windows.column("recording").astype(str), return_index=True)
        wanted = dict.fromkeys((*ALWAYS, *split.groups))
        columns = {
            name: tuple(texts(np.asarray(windows.table[name])[first]).tolist())
            for name in wanted
            if name in windows.table
        }
        return cls(tuple(recordings.tolist()), columns)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read back what `as_json` gave."""
        columns = {name: tuple(values) for name, values in plain["columns"].items()}
        return cls(tuple(plain["recordings"]), columns)

    def as_json(self) -> dict[str, Any]:
        """For an artefact."""
        columns = {name: list(values) for name, values in self.columns.items()}
        return {"recordings": list(self.recordings), "columns": columns}

    def groups(self, names: Sequence[str], table: Columns, what: str) -> set[str]:
        """The groups that these recordings belong to, as `faultsyn.experiment.filters.keys` says.

        From the artefact where it kept the columns; of recordings that `table` holds, from there.
        """
        found = set()
        if self.recordings and all(name in self.columns for name in names):
            found |= {"/".join(row) for row in zip(*(self.columns[n] for n in names), strict=True)}
        mine = np.isin(texts(column_of(table, "recording", what)), self.recordings)
        return found | set(keys(table, tuple(names), what)[mine].tolist())


def refuse_seen(
    seen: Mapping[str, Seen], fold: Fold, table: Columns, split: Split, artifact: str, what: str
) -> None:
    """Raise `LeakError` when a fold tests on a recording or group that an artefact has seen.

    - `seen`: by step ("pretrain", "adapt", "meta-train"), what it was trained on.
    - `table`: of the task's windows; `what`: the task.
    """
    recordings = texts(column_of(table, "recording", what))[fold.test]
    tested = keys(table, split.groups, what)[fold.test] if split.groups else recordings[:0]
    for step, mine in seen.items():
        kinds: list[tuple[str, NDArray[np.str_], set[str]]] = [
            ("recording", recordings, set(mine.recordings))
        ]
        if split.groups:
            name = " x ".join(split.groups)
            kinds.append((name, tested, mine.groups(split.groups, table, what)))
        for name, mine_tested, known in kinds:
            shared = sorted(known & set(mine_tested.tolist()))
            if shared:
                raise LeakError(
                    f"{artifact} has seen {name} '{shared[0]}' in {_STEPS[step]}, and {what}, fold "
                    f"'{fold.name}', tests on it ({len(shared)} such)",
                    "pretrain with --fold, or on recordings that are not tested on",
                )


_STEPS = {"pretrain": "pretraining", "adapt": "adaptation", "meta-train": "meta-training"}


def seen_by(provenance: Mapping[str, Any], artifact: str) -> dict[str, Seen]:
    """What the steps in an artefact's provenance have seen.

    Raises `InputError` when it does not say: nobody could tell whether it leaks.
    """
    if not provenance:
        raise InputError(
            f"{artifact}: does not say what it was trained on",
            "make it with `faultsyn pretrain`",
        )
    return {step: Seen.from_json(told["seen"]) for step, told in provenance.items()}
