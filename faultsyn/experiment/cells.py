"""The unit of work: one (task, fold, k, seed, generator) with all its classifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from faultsyn.artifact import config_hash
from faultsyn.experiment.arms import ClassifierArm, GeneratorArm
from faultsyn.experiment.cache import key_of
from faultsyn.experiment.needs import Needs
from faultsyn.experiment.results import Row
from faultsyn.experiment.task import Task


@dataclass(frozen=True)
class Cell:
    """What one worker does at a time.

    - `task`: with its split (the leak gap's is a task of scheme "window").
    - `fold`: index into the task's folds; `group`: its name.
    - `keys`: key of each classifier's row; those done already are left out of both.
    - `data_hash`: of the store when the study was planned.
    - `examples`: windows per class to keep for figures, 0 for none.
    - `measures`: whether to measure the signals that were made.
    - `needs`: what it needs on a cluster.
    """

    task: Task
    fold: int
    group: str
    k: int | str
    seed: int
    generator: GeneratorArm
    classifiers: tuple[ClassifierArm, ...]
    keys: tuple[str, ...]
    data_hash: str
    examples: int = 0
    measures: bool = False
    needs: Needs | None = None

    def without(self, done: set[str]) -> Cell | None:
        """The cell with only the classifiers that are not done, or None."""
        left = [i for i, key in enumerate(self.keys) if key not in done]
        if not left:
            return None
        return replace(
            self,
            classifiers=tuple(self.classifiers[i] for i in left),
            keys=tuple(self.keys[i] for i in left),
        )


@dataclass(frozen=True)
class Workspace:
    """Where cells find and leave things.

    - `cache`: folder of cached arrays and pretrained generators.
    - `out`: the results folder.
    - `commit`: version of the code, for the rows.
    """

    cache: Path
    out: Path
    commit: str


@dataclass(frozen=True)
class Keys:
    """Row keys of one task: hashes of everything that can change a row.

    - `task`, `data_hash`: hash of the task's settings, of its store.
    """

    task: str
    data_hash: str

    @classmethod
    def of(cls, task: Task, data_hash: str) -> Keys:
        """The keys of a task on a store."""
        return cls(config_hash(task.numerics), data_hash)

    def row(self, group: str, k: int | str, seed: int, generator: str, classifier: str) -> str:
        """Key of one row; `generator` and `classifier` are hashes of their settings."""
        return key_of(
            {
                "task": self.task,
                "data_hash": self.data_hash,
                "group": group,
                "k": k,
                "seed": seed,
                "generator": generator,
                "classifier": classifier,
            }
        )


def blank_rows(cell: Cell, workspace: Workspace, status: str) -> list[Row]:
    """A row for each classifier of a cell that could not run, with the reason."""
    rows = []
    for arm, key in zip(cell.classifiers, cell.keys, strict=True):
        config = {
            "task": cell.task.numerics,
            "generator": cell.generator.numerics,
            "classifier": arm.numerics,
        }
        rows.append(
            {
                "task": cell.task.name,
                "split": cell.task.split.level,
                "budget": arm.budget_of(cell.task),
                "k": cell.k,
                "seed": cell.seed,
                "group": cell.group,
                "generator": cell.generator.name,
                "classifier": arm.name,
                "commit": workspace.commit,
                "config_hash": config_hash(config),
                "data_hash": cell.data_hash,
                "status": status,
                "key": key,
            }
        )
    return rows
