"""The folder that a training step works in: its checkpoint, and the artefact in the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.data import TaskData
from faultsyn.experiment.split import Fold
from faultsyn.synth import Generator

CHECKPOINT = "checkpoint"
_RUN = "run.json"


@dataclass(frozen=True)
class Workplace:
    """A folder for an artefact; raises `InputError` when it holds something else.

    While a generator trains, `checkpoint/` in it holds `run.json`, what the run depends on, and
    whatever the generator keeps there. The finished artefact replaces all of it in one step.
    """

    out: Path

    def __post_init__(self) -> None:
        if not self.out.exists():
            return
        held = {path.name for path in self.out.iterdir()} if self.out.is_dir() else {""}
        if "artifact.json" not in held and held - {CHECKPOINT}:
            raise InputError(
                f"{self.out}: exists and is no artefact; it is not overwritten",
                "choose another folder for --out",
            )

    @contextmanager
    def training(
        self,
        generator: Generator,
        parts: Mapping[str, Any],
        progress: Callable[[int, int, str], None] | None,
    ) -> Iterator[None]:
        """Hand the generator its checkpoint folder and progress while the block runs.

        - `parts`: everything that the run depends on.

        Stopped, the folder stays, and the same run goes on from it; a run with other `parts` is
        refused with `InputError`. When the generator kept nothing there, it goes.
        """
        folder = self.out / CHECKPOINT
        run = folder / _RUN
        identity = config_hash(parts)
        if run.is_file() and json.loads(run.read_text())["identity"] != identity:
            raise InputError(
                f"{folder}: the checkpoint of another run (settings, seed or windows differ)",
                "repeat the settings it was made with, or remove the folder to start afresh",
            )
        folder.mkdir(parents=True, exist_ok=True)
        run.write_text(json.dumps({"identity": identity, **parts}, indent=1, default=str) + "\n")
        generator.checkpoint, generator.progress = folder, progress
        try:
            yield
        finally:
            generator.checkpoint = generator.progress = None
            if folder.is_dir() and [path.name for path in folder.iterdir()] == [_RUN]:
                shutil.rmtree(folder)
                if not any(self.out.iterdir()):
                    self.out.rmdir()


def task_parts(data: TaskData, fold: Fold | None) -> dict[str, Any]:
    """What a training run depends on of a task."""
    return {
        "task": data.task.numerics,
        "data_hash": data.data_hash,
        "fold": None if fold is None else fold.name,
    }
