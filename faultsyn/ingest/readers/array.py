"""NumPy files: .npy (one array, named `data`) and .npz (named arrays); never pickled objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import Array, MemorySource, columns_of


def open_array(path: Path, transpose: bool) -> MemorySource:
    """Read a NumPy file; the entries of an array's last axis appear as `name.1`, `name.2`, ...

    A .npy file is mapped, not loaded. Raises `InputError` when the file is damaged or holds
    Python objects.
    """
    found: dict[str, Array] = {}
    try:
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                for name in archive.files:
                    found.update(_entries(archive[name], name, transpose))
        else:
            found.update(_entries(np.load(path, mmap_mode="r"), "data", transpose))
    except Exception as error:  # numpy parses headers as Python: the tokenizer's errors, too
        reason = str(error).split("\n")[0] or type(error).__name__
        raise InputError(f"{path}: not a readable NumPy file ({reason})") from None
    if not found:
        raise InputError(f"{path}: holds no arrays")
    return MemorySource(path, found)


def _entries(array: Array, name: str, transpose: bool) -> dict[str, Array]:
    if array.dtype.names:
        return {f"{name}.{field}": array[field] for field in array.dtype.names}
    return columns_of(array, name, transpose)
