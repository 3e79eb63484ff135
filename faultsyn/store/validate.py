"""Checking a store: everything that can be found wrong without its sources."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator

import numpy as np

from faultsyn.errors import FaultsynError
from faultsyn.store.location import Location
from faultsyn.store.reader import Store
from faultsyn.store.samples import IntArray, StreamFile
from faultsyn.store.schema import KEY_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS

MAX_NAN_SHARE = 0.05
"""A recording's channel may lack this share of its samples before it counts as a problem."""


def validate(path: Location) -> list[str]:
    """Problems of a store, one line each; empty when it is sound.

    Reads every sample: schema, columns, ids, offsets, checksums, share of NaN, hashes, passports.
    """
    try:
        store = Store(path, memory_budget=0)
    except FaultsynError as error:
        return [str(error)]
    with store:
        missing = [] if store.shards is None else list(store.shards.faults())
        problems = missing or _tables(store)
        return problems or [p for name in store.streams for p in _stream(store, name)]


def _tables(store: Store) -> list[str]:
    columns = store.recordings
    needed = (*KEY_COLUMNS, *TEXT_COLUMNS, *NUMBER_COLUMNS)
    missing = [name for name in needed if name not in columns]
    if missing:
        return [f"recordings: no column {', '.join(missing)}"]
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        return [f"recordings: columns of different lengths: {lengths}"]
    problems = [
        f"recordings: id '{id}' stands {count} times"
        for id, count in Counter(columns["id"].tolist()).items()
        if count > 1
    ]
    files: dict[str, str] = {}
    for id, file, digest in zip(
        columns["id"], columns["source_file"], columns["source_sha256"], strict=True
    ):
        if not re.fullmatch("[0-9a-f]{64}", digest):
            problems.append(f"recording '{id}': source_sha256 is no SHA-256: '{digest}'")
        elif files.setdefault(digest, file) != file:
            problems.append(f"recording '{id}': {file} has the same content as {files[digest]}")
    unknown = set(store.passports.get("recording", [])) - set(columns["id"].tolist())
    problems += [f"synthetic: a passport for '{id}', which is no recording" for id in unknown]
    return problems


def _stream(store: Store, name: str) -> list[str]:
    info, file = store.streams[name], store.stream_files[name]
    n, shape = len(store), (len(store), len(info.channels))
    if len(file.offsets) != n + 1 or file.present.shape != shape:
        return [f"stream '{name}': offsets or presence do not fit {n} recordings"]
    held = len(file.samples)  # `info.n_samples` is what the offsets say
    if file.offsets[0] != 0 or (file.lengths < 0).any() or file.offsets[-1] != held:
        return [f"stream '{name}': offsets do not lead from 0 to {held} samples"]
    return [p for channel in range(shape[1]) for p in _channel(store, name, channel)]


def _channel(store: Store, stream: str, channel: int) -> list[str]:
    file = store.stream_files[stream]
    name = f"{stream}/{store.streams[stream].channels[channel]}"
    rows = np.flatnonzero(file.present[:, channel])
    try:
        found = list(_faults(file, channel, rows))
    except OSError:  # a damaged chunk: one by one, to name the recordings that it holds
        found = [fault for row in rows for fault in _faults_alone(file, channel, row)]
    return [f"recording '{store.recordings['id'][row]}', {name}: {what}" for row, what in found]


def _faults_alone(file: StreamFile, channel: int, row: int) -> list[tuple[int, str]]:
    try:
        return list(_faults(file, channel, np.array([row])))
    except OSError as error:
        return [(row, f"cannot be read ({error})")]


def _faults(file: StreamFile, channel: int, rows: IntArray) -> Iterator[tuple[int, str]]:
    for row, samples in file.stored(channel, rows):
        if zlib.crc32(np.ascontiguousarray(samples).data) != file.checksums[row, channel]:
            yield row, "samples differ from their checksum"
        share = float(np.isnan(samples).mean()) if len(samples) else 0.0
        if share > MAX_NAN_SHARE:
            yield row, f"{share:.1%} of the samples are NaN"
