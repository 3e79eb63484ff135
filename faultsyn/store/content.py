"""One hash for what a store holds, whichever file or files hold it."""

from __future__ import annotations

import hashlib
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.store import schema
from faultsyn.store.table import read_array, read_table


def content_hash(file: h5py.File) -> str:
    """Hash of a store's tables and checksums: changes when a label, a sample or an order does."""
    digest = hashlib.sha256(f"{schema.SCHEMA} {schema.SCHEMA_VERSION}".encode())

    def absorb(name: str, values: NDArray[Any]) -> None:
        digest.update(f"\n{name} {values.dtype.kind} {values.shape} ".encode())
        digest.update("\0".join(values).encode() if values.dtype.kind == "U" else values.tobytes())

    for group in ("recordings", "synthetic"):
        for name, values in sorted(read_table(file[group]).items()) if group in file else ():
            absorb(f"{group}/{name}", values)
    for name, stream in sorted(file["streams"].items()):
        absorb(name, np.array([float(stream.attrs["sample_rate"])]))
        for texts in ("channels", "quantities", "units"):
            absorb(texts, np.array([str(text) for text in stream.attrs[texts]]))
        for key in ("offsets", "present", "scale", "checksums"):
            absorb(key, read_array(stream[key]))
    return digest.hexdigest()[:16]
