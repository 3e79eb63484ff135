"""Arrays computed once and shared by all processes: one `.npy` with a `.json` beside it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import config_hash

CACHE = Path("runs/cache")
"""Where runs share arrays and pretrained generators; may be deleted."""

NUMERICS = 1
"""Version of everything that is computed between a store and a result row.

Raise it by hand with every change of code that can change a number, so that neither cached arrays
nor finished rows of the old code are taken for new ones."""


def key_of(parts: Mapping[str, Any]) -> str:
    """Hash of `parts` and of the version of the numerics."""
    return config_hash({**parts, "numerics": NUMERICS})


class ArrayCache:
    """Float arrays under a folder, by what they were computed from; memory-mapped when read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(
        self, kind: str, parts: Mapping[str, Any], make: Callable[[], NDArray[Any]]
    ) -> NDArray[np.float32]:
        """The array of `parts`, made and stored by `make` if it is not there yet.

        - `kind`: folder it goes to ("windows", "features").
        - `parts`: everything that can change it, as JSON can say it.

        Two processes that make the same array at once both write it; the last one stays, and
        neither ever reads a half.
        """
        path = self.folder / kind / f"{key_of(parts)}.npy"
        if not path.is_file():
            array = np.ascontiguousarray(make(), np.float32)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({**parts, "numerics": NUMERICS}, indent=1, default=str)
            _replace(path.with_suffix(".json"), text.encode())
            _replace(path, array)
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _replace(path: Path, content: bytes | NDArray[Any]) -> None:
    handle, made = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                np.save(file, content, allow_pickle=False)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
