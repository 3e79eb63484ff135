"""Layout of a store on disk: names, version, chunking.

/                            attributes: schema, schema_version, faultsyn_version
/history                     one JSON text per ingest: what made the recordings
/recordings/<column>         one dataset a column, one row a recording
/streams/<name>              attributes: sample_rate [Hz], channels, quantities, units
    samples    (N, C)        float32, or int16/int32 counts (physical = count * scale)
    offsets    (R + 1,)      recording r holds samples[offsets[r]:offsets[r + 1]]
    present    (R, C)        False where a recording lacks the channel
    scale      (R,)          physical units per count; NaN for floating-point samples
    checksums  (R, C)        CRC-32 of the recording's bytes in that channel; 0 where absent
/synthetic/<column>          generated stores only: one passport row a generated recording
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

from faultsyn.errors import StoreError

SCHEMA = "faultsyn-store"
SCHEMA_VERSION = 1

CHUNK_ROWS = 16384
"""Samples in one chunk, which holds one channel."""

DEFLATE_LEVEL = 1
MIN_SAVING = 0.3
"""A stream is compressed (byte shuffle + deflate) when a trial saves at least this share."""

TEXT_COLUMNS = ("location", "asset", "machine", "session", "bearing", "start_time", "flags")
NUMBER_COLUMNS = ("severity", "load", "rpm")
KEY_COLUMNS = ("id", "label", "source_file", "source_sha256")
RESERVED_COLUMNS = frozenset({*KEY_COLUMNS, "recording", "start", "start_sample", "synthetic"})
"""Names that a recording's own conditions may not take."""


def open_store(path: str | os.PathLike[str], **options: Any) -> h5py.File:
    """Open a store for reading and check that it is one.

    Raises `StoreError` when the file is missing, no HDF5 file, no store, or of another version.
    """
    source = Path(path)
    if not source.is_file():
        raise StoreError(f"{source}: no such store", "make one with `faultsyn ingest`")
    try:
        file = h5py.File(source, "r", **options)
    except OSError as error:
        raise StoreError(f"{source}: cannot be opened as HDF5 ({error})") from None
    try:
        check_schema(file, source)
    except StoreError:
        file.close()
        raise
    return file


def check_schema(file: h5py.File, path: Path) -> None:
    """Raise `StoreError` unless `file` is a store of this schema and version."""
    name = file.attrs.get("schema")
    if name != SCHEMA:
        raise StoreError(
            f"{path}: expected an HDF5 file of schema '{SCHEMA}', got {name!r}",
            "make a store from recordings with `faultsyn ingest`",
        )
    version = file.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: expected store schema version {SCHEMA_VERSION}, got {version}",
            "ingest the recordings again with this version of faultsyn",
        )


def require_replaceable(path: Path) -> None:
    """Raise `StoreError` when something that is not a store, of any version, stands at `path`."""
    if not path.exists():
        return
    try:
        with h5py.File(path, "r") as file:
            name = file.attrs.get("schema")
    except OSError:
        name = None
    if name != SCHEMA:
        raise StoreError(
            f"{path}: exists and is not a store (or is damaged); it is not overwritten",
            "remove it first, or choose another name",
        )
