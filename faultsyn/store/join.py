"""Several stores behind one index, which opens like a store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn import __version__
from faultsyn.errors import InputError, StoreError
from faultsyn.store import schema
from faultsyn.store.heads import StreamHead
from faultsyn.store.location import Location, is_address
from faultsyn.store.reader import Store
from faultsyn.store.table import Table, join, write_array, write_table


@dataclass
class _Stream:
    """A stream over the shards so far."""

    head: StreamHead
    lengths: list[NDArray[np.int64]] = field(default_factory=list)
    rows: list[tuple[int, tuple[str, ...], Any]] = field(default_factory=list)
    chunk_rows: int = 1


def join_stores(
    stores: Sequence[Location],
    out: str | os.PathLike[str],
    *,
    flags: Mapping[str, str] | None = None,
) -> None:
    """Write the index `out` of several stores; they stay where they are and are not copied.

    The recordings keep their order, store after store. Paths at or below the index's folder are
    kept relative to it, so that the whole folder may move.

    - `flags`: what the index says of recordings, by id, beyond their column `flags`.

    Raises `InputError` without stores, and `StoreError` when an id stands twice, streams of one
    name differ in rate, type or units, columns differ in kind, or `out` is something else.
    """
    index = Path(out)
    if not stores:
        raise InputError(f"{index}: no stores to join")
    schema.require_replaceable(index, schema.SET_SCHEMA)
    table: Table = {}
    passports: Table = {}
    shards: dict[str, list[Any]] = {"path": [], "data_hash": [], "recordings": []}
    streams: dict[str, _Stream] = {}
    history: list[str] = []
    owner: dict[str, str] = {}
    for place in stores:
        with Store(place) as store:
            if store.shards is not None:
                raise StoreError(f"{place}: is a store set; join its stores instead")
            for id, source in zip(
                *(store.recordings[name].tolist() for name in ("id", "source_file")), strict=True
            ):
                if id in owner:
                    raise StoreError(
                        f"recording '{id}' is in {owner[id]} and in {place} (from {source})",
                        "give recordings ids of their own, or leave one of the stores out",
                    )
                owner[id] = f"{place} (from {source})"
            _take_streams(store, streams, len(next(iter(table.values()), ())))
            table = (
                join(table, store.recordings, f"{place}: recordings")
                if table
                else dict(store.recordings)
            )
            if store.passports:
                passports = (
                    join(passports, store.passports, f"{place}: synthetic")
                    if passports
                    else dict(store.passports)
                )
            history += store.history
            shards["path"].append(_name_of(place, index))
            shards["data_hash"].append(store.data_hash)
            shards["recordings"].append(len(store))
    if flags:
        table["flags"] = _flagged(table, flags)
    _write(index, table, passports, streams, shards, history)


def _flagged(table: Table, flags: Mapping[str, str]) -> NDArray[np.str_]:
    ids = table["id"].tolist()
    before = table["flags"].tolist() if "flags" in table else [""] * len(ids)
    pairs = ((text, flags.get(id, "")) for id, text in zip(ids, before, strict=True))
    return np.array([";".join(filter(None, pair)) for pair in pairs])


def _take_streams(store: Store, streams: dict[str, _Stream], first: int) -> None:
    for name, info in store.streams.items():
        file = store.stream_files[name]
        share = {
            "stream": name,
            "rate": info.rate,
            "dtype": file.samples.dtype,
            "channels": info.channels,
            "quantities": info.quantities,
            "units": info.units,
        }
        known = streams.get(name)
        head = StreamHead.joined(known.head if known else None, share, str(store.path))
        stream = streams.setdefault(name, _Stream(head))
        stream.head = head
        stream.rows.append((first, info.channels, file))
        stream.chunk_rows = max(stream.chunk_rows, file.samples.chunks[0])


def _write(
    index: Path,
    table: Table,
    passports: Table,
    streams: dict[str, _Stream],
    shards: dict[str, list[Any]],
    history: list[str],
) -> None:
    handle, made = tempfile.mkstemp(prefix=f".{index.name}-", dir=index.parent)
    os.close(handle)
    try:
        with h5py.File(made, "w") as file:
            file.attrs["schema"] = schema.SET_SCHEMA
            file.attrs["schema_version"] = schema.SET_VERSION
            file.attrs["faultsyn_version"] = __version__
            write_table(file, "shards", {name: np.array(v) for name, v in shards.items()})
            write_table(file, "recordings", table)
            if passports:
                write_table(file, "synthetic", passports)
            write_array(file, "history", np.array(history))
            groups = file.create_group("streams")
            for name, stream in streams.items():
                _write_stream(groups.create_group(name), stream, len(table["id"]))
        Path(made).chmod(0o644)
        Path(made).replace(index)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def _write_stream(group: h5py.Group, stream: _Stream, n: int) -> None:
    shape = (n, len(stream.head.channels))
    lengths = np.zeros(n, np.int64)
    present, checksums = np.zeros(shape, bool), np.zeros(shape, np.uint32)
    scale = np.full(n, np.nan)
    place = {channel: column for column, channel in enumerate(stream.head.channels)}
    for first, channels, file in stream.rows:
        rows = np.arange(first, first + len(file.scale))
        columns = np.array([place[channel] for channel in channels])
        lengths[rows] = file.lengths
        present[np.ix_(rows, columns)] = file.present
        checksums[np.ix_(rows, columns)] = file.checksums
        scale[rows] = file.scale
    stream.head.write(group)
    group.attrs["dtype"] = stream.head.dtype.str
    group.attrs["chunk_rows"] = stream.chunk_rows
    for name, values in (
        ("offsets", np.concatenate([[0], np.cumsum(lengths)])),
        ("present", present),
        ("scale", scale),
        ("checksums", checksums),
    ):
        write_array(group, name, values)


def _name_of(place: Location, index: Path) -> str:
    if is_address(place):
        return os.fspath(place)
    whole, folder = Path(place).resolve(), index.parent.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)
