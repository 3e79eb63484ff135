"""MATLAB files: up to version 7.2 (MAT level 5) in memory, compressed or not; 7.3 by slices."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import Array, MemorySource, Source, columns_of
from faultsyn.ingest.readers.guarded import GuardedSource


def is_mat73(path: Path) -> bool:
    """True for a MATLAB 7.3 file, which is HDF5 and is not read into memory."""
    with path.open("rb") as file:
        head = file.read(516)
    return head[:10] == b"MATLAB 7.3" or b"\x89HDF" in (head[:4], head[512:516])


def open_mat(path: Path, transpose: bool, content: bytes | None = None) -> Source:
    """Read a .mat file; structs appear as dotted names.

    `bearing.gs` is field `gs` of struct `bearing`. The elements of a struct array or cell array
    are named by their own field `Name` where that tells them apart, else counted from 1:
    `run.Y.vibration_1.Data`, `run.Y.2.Data`.

    - `transpose`: swap the last two axes of every variable.
    - `content`: the file's bytes, where they have been read already.

    Raises `InputError` when the file is damaged or truncated.
    """
    if is_mat73(path):
        return GuardedSource(path, "mat73", transpose)
    content = path.read_bytes() if content is None else content
    try:
        loaded = scipy.io.loadmat(BytesIO(content))
    except Exception as error:  # whatever scipy meets at the place of the damage
        reason = str(error).split("\n")[0] or type(error).__name__
        raise InputError(
            f"{path}: damaged, truncated or not a MATLAB file ({len(content)} bytes; {reason})",
            "copy it again from its source",
        ) from None
    found: dict[str, Array] = {}
    for name, value in loaded.items():
        if not name.startswith("__"):
            _flatten(name, value, transpose, found)
    if not found:
        raise InputError(f"{path}: holds no variables")
    return MemorySource(path, found)


def _flatten(name: str, value: Any, transpose: bool, found: dict[str, Array]) -> None:
    if not isinstance(value, np.ndarray):
        return
    if value.dtype.names:
        labels = _element_names(value)
        for label, element in zip(labels, value.reshape(-1), strict=True):
            head = f"{name}.{label}" if label else name
            for field in value.dtype.names:
                _flatten(f"{head}.{field}", element[field], transpose, found)
    elif value.dtype == object:
        for k, element in enumerate(value.reshape(-1)):
            head = f"{name}.{k + 1}" if value.size > 1 else name
            _flatten(head, element, transpose, found)
    elif value.dtype.kind in "iufb":
        found.update(columns_of(value, name, transpose))
    elif value.dtype.kind in "US":
        found[name] = value


def _element_names(value: Array) -> list[str]:
    """How the elements of a struct array are told apart; one element needs no name."""
    if value.size <= 1:
        return [""] * int(value.size)
    for field in value.dtype.names or ():
        if field.lower() == "name":
            texts = ["".join(np.ravel(e[field]).astype(str)) for e in value.reshape(-1)]
            if all(texts) and len(set(texts)) == len(texts):
                return texts
    return [str(k + 1) for k in range(value.size)]
