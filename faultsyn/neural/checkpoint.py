"""A training run on disk: a folder that a kill at any moment leaves whole."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from faultsyn.errors import InputError

_HEAD = "checkpoint.json"
_FORMAT = 1


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: named tensors and JSON."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoint:
    """Where and how often a training run is saved.

    The folder holds `checkpoint.json` and the safetensors file that it names with its hash. A save
    writes the new tensors beside the old, then replaces the JSON in one step, then removes the
    old: whenever the process dies, the JSON names tensors that are there. No pickle.

    - `folder`: made when the first checkpoint is written.
    - `every_steps`, `every_seconds`: a save is due when either has passed since the last; None:
      that one never. The end of a run is always saved.
    - `key`: whatever else the run depends on, such as the hash of its windows; a checkpoint with
      another key is refused.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        every_steps: int | None = None,
        every_seconds: float | None = 30.0,
        key: str = "",
    ) -> None:
        self.folder = Path(folder)
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.key = key
        self._last = time.monotonic()

    def due(self, steps: int) -> bool:
        """Whether to save after `steps` steps."""
        if self.every_steps is not None and steps % self.every_steps == 0:
            return True
        waited = time.monotonic() - self._last
        return self.every_seconds is not None and waited >= self.every_seconds

    def save(self, identity: str, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Replace the checkpoint; `identity` says which run it belongs to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"draft-{os.getpid()}.safetensors"
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, fresh)
        digest = _digest(fresh)
        weights = self.folder / f"tensors-{digest[:16]}.safetensors"
        fresh.replace(weights)
        head = {
            "format": _FORMAT,
            "identity": identity,
            "key": self.key,
            "tensors": weights.name,
            "sha256": digest,
            "state": dict(state),
        }
        draft = self.folder / f"draft-{os.getpid()}.json"
        draft.write_text(json.dumps(head) + "\n")
        draft.replace(self.folder / _HEAD)
        # Only what a checkpoint writes: the folder may hold other things of its owner.
        for old in (*self.folder.glob("tensors-*.safetensors"), *self.folder.glob("draft-*")):
            if old != weights:
                old.unlink(missing_ok=True)
        self._last = time.monotonic()

    def load(self, identity: str) -> Saved | None:
        """The last checkpoint, or None when there is none.

        Raises `InputError` when it belongs to another run or was changed.
        """
        try:
            head = json.loads((self.folder / _HEAD).read_text())
        except FileNotFoundError:
            return None
        except json.JSONDecodeError as error:
            raise InputError(
                f"{self.folder / _HEAD}: not JSON ({error})", "remove the folder to start afresh"
            ) from None
        if head.get("format") != _FORMAT:
            raise InputError(
                f"{self.folder}: checkpoint format {head.get('format')}, expected {_FORMAT}",
                "remove the folder to start afresh",
            )
        if (head["identity"], head["key"]) != (identity, self.key):
            raise InputError(
                f"{self.folder}: the checkpoint of another run (settings, seed, windows or "
                "network differ)",
                "repeat the settings it was made with, or remove the folder to start afresh",
            )
        weights = self.folder / head["tensors"]
        if not weights.is_file() or _digest(weights) != head["sha256"]:
            raise InputError(
                f"{weights}: missing, or its hash differs from {_HEAD}",
                "remove the folder to start afresh",
            )
        return Saved(load_file(weights), head["state"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
