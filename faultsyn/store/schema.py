"""Layout of a store on disk: names, version, chunking.

/                            attributes: schema, schema_version, faultsyn_version; data_hash when
                             it was written (a store set knows its shards by it)
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

from pathlib import Path
from typing import Any

import h5py

from faultsyn.errors import StoreError
from faultsyn.store.location import Location, is_there, open_hdf5

SCHEMA = "faultsyn-store"
SCHEMA_VERSION = 1
SET_SCHEMA = "faultsyn-store-set"
SET_VERSION = 1
"""Of an index of several stores: see `faultsyn.store.shards`."""

# Chosen with benchmarks/store_chunks.py (one core, processor time; deflate with byte shuffle):
#
#   signal                    rows   codec      size   write      read       one random window
#   vibration CWRU, float32   4096   none       100 %  515 MB/s   797 MB/s   0.05 ms
#   vibration CWRU, float32   16384  none       100 %  696 MB/s   858 MB/s   0.09 ms
#   vibration CWRU, float32   65536  none       102 %  880 MB/s  1274 MB/s   0.14 ms
#   vibration CWRU, float32   16384  lzf         92 %   63 MB/s   268 MB/s   0.25 ms
#   vibration CWRU, float32   16384  deflate 1   83 %   40 MB/s   160 MB/s   0.43 ms
#   vibration CWRU, float32   16384  deflate 4   82 %   35 MB/s   175 MB/s   0.40 ms
#   vibration CWRU, int16     16384  deflate 1   67 %   65 MB/s   276 MB/s   0.13 ms
#   process TEP, float32      4096   deflate 1   59 %   60 MB/s   166 MB/s   0.12 ms
#   process TEP, float32      16384  deflate 1   58 %   58 MB/s   197 MB/s   0.34 ms
#   process TEP, float32      65536  deflate 1   58 %   52 MB/s   200 MB/s   1.20 ms
#
# Measured vibration is mostly noise: a sixth less disk costs ten times the writing and five times
# the reading, so it is stored plain. Slow process values shrink to little more than half.
CHUNK_ROWS = 16384
"""Samples of one channel in one chunk of a long stream."""
MIN_CHUNK_ROWS = 1024
"""Chunks of a stream that begins shorter than `CHUNK_ROWS` have a power of two from here on."""
DEFLATE_LEVEL = 1
MIN_SAVING = 0.35
"""A stream is compressed when byte shuffle + deflate save at least this share in a trial."""

TEXT_COLUMNS = ("location", "asset", "machine", "session", "bearing", "start_time", "flags")
NUMBER_COLUMNS = ("severity", "load", "rpm")
KEY_COLUMNS = ("id", "label", "source_file", "source_sha256")
RESERVED_COLUMNS = frozenset({*KEY_COLUMNS, "recording", "start", "start_sample", "synthetic"})
"""Names that a recording's own conditions may not take."""


def open_store(path: Location, *, sets: bool = False, **options: Any) -> h5py.File:
    """Open a store for reading and check that it is one.

    - `sets`: the index of a store set will do too.

    Raises `StoreError` when the file is missing, no HDF5 file, no store, or of another version.
    """
    if not is_there(path):
        raise StoreError(f"{path}: no such store", "make one with `faultsyn ingest`")
    try:
        file = open_hdf5(path, **options)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened as HDF5 ({error})") from None
    try:
        check_schema(file, path, sets)
    except StoreError:
        file.close()
        raise
    return file


def is_set(file: h5py.File) -> bool:
    """True for the index of a store set."""
    return bool(file.attrs.get("schema") == SET_SCHEMA)


def check_schema(file: h5py.File, path: Location, sets: bool = False) -> None:
    """Raise `StoreError` unless `file` is a store (or a set, where these count) of this version."""
    name = file.attrs.get("schema")
    if name != SCHEMA and not (sets and name == SET_SCHEMA):
        if name == SET_SCHEMA:
            raise StoreError(
                f"{path}: is a store set, expected a single store",
                "add to one of its stores, then index them again with `faultsyn join`",
            )
        raise StoreError(
            f"{path}: expected an HDF5 file of schema '{SCHEMA}', got {name!r}",
            "make a store from recordings with `faultsyn ingest`",
        )
    version = file.attrs.get("schema_version")
    wanted = SCHEMA_VERSION if name == SCHEMA else SET_VERSION
    if version != wanted:
        raise StoreError(
            f"{path}: expected store schema version {wanted}, got {version}",
            "ingest the recordings again with this version of faultsyn",
        )


def require_replaceable(path: Path, name: str = SCHEMA) -> None:
    """Raise `StoreError` when something of another schema than `name` stands at `path`."""
    if not path.exists():
        return
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("schema")
    except OSError:
        found = None
    if found != name:
        what = "store" if name == SCHEMA else "store set"
        raise StoreError(
            f"{path}: exists and is not a {what} (or is damaged); it is not overwritten",
            "remove it first, or choose another name",
        )
