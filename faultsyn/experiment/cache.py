"""Arrays computed once and shared by all processes: one `.npy` with a `.json` beside it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

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

        def write(file: BinaryIO) -> None:
            np.save(file, np.ascontiguousarray(make(), np.float32), allow_pickle=False)

        return self._mapped(kind, parts, write)

    def stream(
        self,
        kind: str,
        parts: Mapping[str, Any],
        shape: tuple[int, ...],
        blocks: Callable[[], Iterable[NDArray[Any]]],
    ) -> NDArray[np.float32]:
        """As `get`, of an array that never is in memory as a whole.

        - `shape`: of the array; `blocks`: yields it in pieces along its first axis.

        Raises `ValueError` when the blocks do not fill the shape.
        """

        def write(file: BinaryIO) -> None:
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)  # type: ignore[no-untyped-call]  # numpy ships it without types
            rows = 0
            for block in blocks():
                file.write(np.ascontiguousarray(block, "<f4").data)
                rows += len(block)
            if rows != shape[0]:
                raise ValueError(f"blocks of {rows} rows for an array of {shape}")

        return self._mapped(kind, parts, write)

    def _mapped(
        self, kind: str, parts: Mapping[str, Any], write: Callable[[BinaryIO], None]
    ) -> NDArray[np.float32]:
        path = self.folder / kind / f"{key_of(parts)}.npy"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({**parts, "numerics": NUMERICS}, indent=1, default=str)
            _replace(path.with_suffix(".json"), lambda file: file.write(text.encode()))
            _replace(path, write)
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _replace(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    handle, made = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
