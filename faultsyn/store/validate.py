"""Checking a store: everything that can be found wrong without its sources."""

from __future__ import annotations

import os
import re
import zlib
from collections import Counter

import numpy as np

from faultsyn.errors import FaultsynError
from faultsyn.store.reader import Store
from faultsyn.store.schema import KEY_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS

MAX_NAN_SHARE = 0.05
"""A recording's channel may lack this share of its samples before it counts as a problem."""


def validate(path: str | os.PathLike[str]) -> list[str]:
    """Problems of a store, one line each; empty when it is sound.

    Reads every sample: schema, columns, ids, offsets, checksums, share of NaN, hashes, passports.
    """
    try:
        store = Store(path, memory_budget=0)
    except FaultsynError as error:
        return [str(error)]
    with store:
        return _tables(store) or [p for name in store.streams for p in _stream(store, name)]


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
    if file.offsets[0] != 0 or (file.lengths < 0).any() or file.offsets[-1] != info.n_samples:
        return [f"stream '{name}': offsets do not lead from 0 to {info.n_samples} samples"]
    problems = []
    for row, channel in np.argwhere(file.present):
        where = f"recording '{store.recordings['id'][row]}', {name}/{info.channels[channel]}"
        try:
            samples = file.samples[file.offsets[row] : file.offsets[row + 1], channel]
        except OSError as error:
            problems.append(f"{where}: cannot be read ({error})")
            continue
        if zlib.crc32(samples.data) != file.checksums[row, channel]:
            problems.append(f"{where}: samples differ from their checksum")
        share = float(np.isnan(samples).mean()) if len(samples) else 0.0
        if share > MAX_NAN_SHARE:
            problems.append(f"{where}: {share:.1%} of the samples are NaN")
    return problems
