"""From the journal (and the old store, when appending) to one HDF5 file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn import __version__
from faultsyn.store import schema
from faultsyn.store.content import content_hash
from faultsyn.store.heads import StreamHead
from faultsyn.store.journal import Entry, Journal
from faultsyn.store.table import (
    Table,
    from_rows,
    join,
    read_array,
    read_table,
    write_array,
    write_table,
)

Share = dict[str, Any]

_BUFFER_CHUNKS = 64
_TRIAL_CHUNKS = 4


def assemble(
    target: Path, journal: Journal, heads: Mapping[str, StreamHead], info: Mapping[str, Any]
) -> None:
    """Add the journal's recordings to the HDF5 file at `target` (made when missing).

    - `heads`: of all streams, those of the recordings that `target` holds included.
    - `info`: what makes the recordings, for the history.
    """
    with h5py.File(target, "a", rdcc_nbytes=0) as file:
        n_old = len(file["recordings/id"]) if "recordings" in file else 0
        file.attrs["schema"] = schema.SCHEMA
        file.attrs["schema_version"] = schema.SCHEMA_VERSION
        file.attrs["faultsyn_version"] = __version__
        _write_tables(file, journal.entries, n_old)
        streams = file.require_group("streams")
        for name, head in heads.items():
            shares = [_share(entry, name) for entry in journal.entries]
            _write_stream(streams.require_group(name), head, journal, shares, n_old)
        history = list(read_array(file["history"])) if "history" in file else []
        history.append(json.dumps(dict(info), default=str))
        write_array(file, "history", np.array(history))
        file.attrs["data_hash"] = content_hash(file)


def _write_tables(file: h5py.File, entries: Sequence[Entry], n_old: int) -> None:
    rows = [{key: e[key] for key in schema.KEY_COLUMNS} | e["columns"] for e in entries]
    new = _with_standard_columns(from_rows(rows, "recordings"), len(rows))
    if n_old:
        new = join(read_table(file["recordings"]), new, "recordings")
    write_table(file, "recordings", new)
    passports = [
        {"recording": e["id"]} | e["passport"] for e in entries if e["passport"] is not None
    ]
    if passports:
        table = from_rows(passports, "synthetic")
        if "synthetic" in file:
            table = join(read_table(file["synthetic"]), table, "synthetic")
        write_table(file, "synthetic", table)


def _with_standard_columns(table: Table, n: int) -> Table:
    text = {name: np.full(n, "") for name in schema.TEXT_COLUMNS}
    numbers = {name: np.full(n, np.nan) for name in schema.NUMBER_COLUMNS}
    keys = {name: table[name] for name in schema.KEY_COLUMNS}
    return keys | text | numbers | table


def _write_stream(
    group: h5py.Group,
    head: StreamHead,
    journal: Journal,
    shares: Sequence[Share | None],
    n_old: int,
) -> None:
    lengths = [0 if share is None else sum(share["blocks"]) for share in shares]
    old = read_array(group["offsets"]) if "offsets" in group else np.zeros(n_old + 1, np.int64)
    offsets = np.concatenate([old, old[-1] + np.cumsum(lengths, dtype=np.int64)])
    samples = _dataset(group, head, int(offsets[-1]), journal, shares)
    for column, channel in enumerate(head.channels):
        _write_column(samples, column, _pieces(journal, shares, channel, offsets[n_old:]))
    _write_rows(group, head, shares, offsets, n_old)
    head.write(group)


def _share(entry: Entry, stream: str) -> Share | None:
    return next((s for s in entry["streams"] if s["stream"] == stream), None)


def _pieces(
    journal: Journal,
    shares: Sequence[Share | None],
    channel: str,
    starts: NDArray[np.int64],
) -> Iterator[tuple[int, NDArray[Any]]]:
    """`(first sample, samples)` of one channel, in the order of the stream."""
    for share, start in zip(shares, starts[:-1], strict=True):
        if share is None or channel not in share["channels"]:
            continue
        at = int(start)
        for block in journal.column(share, share["channels"].index(channel)):
            yield at, block
            at += len(block)


def _dataset(
    group: h5py.Group,
    head: StreamHead,
    n: int,
    journal: Journal,
    shares: Sequence[Share | None],
) -> h5py.Dataset:
    shape = (n, len(head.channels))
    if "samples" in group:
        group["samples"].resize(shape)
        return group["samples"]
    pays = compression_pays(_trial(journal, shares, head.dtype))
    return group.create_dataset(
        "samples",
        shape,
        head.dtype,
        chunks=(chunk_rows(n), 1),
        maxshape=(None, None),
        fletcher32=True,
        shuffle=pays,
        compression="gzip" if pays else None,
        compression_opts=schema.DEFLATE_LEVEL if pays else None,
        fillvalue=np.nan if head.dtype.kind == "f" else 0,
    )


def _trial(
    journal: Journal, shares: Sequence[Share | None], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """A few chunks from recordings and channels all over the new part of a stream."""
    present = [share for share in shares if share is not None]
    picks = present[:: max(1, len(present) // _TRIAL_CHUNKS)][:_TRIAL_CHUNKS]
    for number, share in enumerate(picks):
        channel = number * len(share["channels"]) // len(picks)
        first = next(journal.column(share, channel), np.empty(0, dtype))
        yield first[: schema.CHUNK_ROWS]


def chunk_rows(n: int) -> int:
    """Samples in a chunk of a stream that begins with `n`: short streams waste no disk."""
    return min(schema.CHUNK_ROWS, max(schema.MIN_CHUNK_ROWS, 1 << max(0, n - 1).bit_length()))


def compression_pays(pieces: Iterable[NDArray[Any]]) -> bool:
    """True when byte shuffle + deflate saves at least `schema.MIN_SAVING` of the pieces."""
    raw = packed = 0
    for piece in pieces:
        planes = piece.view(np.uint8).reshape(-1, piece.dtype.itemsize).T
        raw += piece.nbytes
        packed += len(zlib.compress(np.ascontiguousarray(planes).data, schema.DEFLATE_LEVEL))
    return packed <= (1 - schema.MIN_SAVING) * raw


def _write_column(
    samples: h5py.Dataset, channel: int, pieces: Iterable[tuple[int, NDArray[Any]]]
) -> None:
    """Write pieces in ascending order, gathered so that each chunk is written once."""
    rows = samples.chunks[0] * _BUFFER_CHUNKS
    buffer = np.empty(rows, samples.dtype)
    start = end = 0  # the buffer holds samples start..end
    for at, piece in pieces:
        if at != end:
            samples[start:end, channel] = buffer[: end - start]
            start = end = at
        while len(piece):
            room = rows - start % rows - (end - start)
            part, piece = piece[:room], piece[room:]
            buffer[end - start : end - start + len(part)] = part
            end += len(part)
            if end % rows == 0:
                samples[start:end, channel] = buffer[: end - start]
                start = end
    samples[start:end, channel] = buffer[: end - start]


def _write_rows(
    group: h5py.Group,
    head: StreamHead,
    shares: Sequence[Share | None],
    offsets: NDArray[np.int64],
    n_old: int,
) -> None:
    shape = (len(offsets) - 1, len(head.channels))
    present, checksums = np.zeros(shape, bool), np.zeros(shape, np.uint32)
    scale = np.full(shape[0], np.nan)
    if "present" in group:
        old = read_array(group["present"])
        present[: len(old), : old.shape[1]] = old
        checksums[: len(old), : old.shape[1]] = read_array(group["checksums"])
        scale[: len(old)] = read_array(group["scale"])
    place = {channel: column for column, channel in enumerate(head.channels)}
    for row, share in enumerate(shares, start=n_old):
        if share is None:
            continue
        columns = [place[channel] for channel in share["channels"]]
        present[row, columns] = True
        checksums[row, columns] = share["crc"]
        scale[row] = np.nan if share["scale"] is None else share["scale"]
    for name, values in (
        ("offsets", offsets),
        ("present", present),
        ("scale", scale),
        ("checksums", checksums),
    ):
        write_array(group, name, values)
