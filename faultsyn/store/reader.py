"""Reading a store: tables at once, samples when they are asked for."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError, StoreError
from faultsyn.store import schema
from faultsyn.store.recording import Recording, StreamData
from faultsyn.store.samples import SampleReader, StreamFile
from faultsyn.store.table import Table, read_array, read_table
from faultsyn.store.windows import WindowIndex, WindowSpec, index_windows

_CHUNK_CACHE = 4 << 20


@dataclass(frozen=True)
class StreamInfo:
    """What a stream is.

    - `rate`: sample rate [Hz].
    - `channels`, `quantities`, `units`: one text a channel.
    - `n_samples`: of all recordings together, per channel.
    """

    rate: float
    channels: tuple[str, ...]
    quantities: tuple[str, ...]
    units: tuple[str, ...]
    n_samples: int


class Store:
    """A store opened for reading; use it in a `with` block or call `close`.

    - `path`: the file.
    - `memory_budget`: bytes that channels kept in memory may take; larger ones are read from disk.

    `recordings` is the table of recordings (missing text is '', missing numbers are NaN). Raises
    `StoreError` when the file is not a store of this schema version or its tables are damaged.
    """

    def __init__(self, path: str | os.PathLike[str], *, memory_budget: int = 1 << 30) -> None:
        self.path = Path(path)
        self._file = schema.open_store(self.path, rdcc_nbytes=_CHUNK_CACHE)
        try:
            self.recordings: Table = read_table(self._file["recordings"])
            groups = self._file["streams"]
            self.streams = {name: _info(groups[name]) for name in groups}
            self.stream_files = {name: _stream_file(groups[name]) for name in groups}
        except (KeyError, OSError) as error:
            self._file.close()
            raise StoreError(
                f"{self.path}: the store is damaged ({error})", "ingest the recordings again"
            ) from None
        self.samples = SampleReader(self.stream_files, memory_budget)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; tables stay readable, samples do not."""
        self._file.close()

    def __len__(self) -> int:
        return len(self.recordings["id"])

    def column(self, name: str) -> NDArray[Any]:
        """One column of the recordings; raises `InputError` naming those that exist."""
        if name not in self.recordings:
            known = ", ".join(self.recordings)
            raise InputError(f"{self.path}: recordings have no column '{name}'; they have {known}")
        return self.recordings[name]

    @cached_property
    def passports(self) -> Table:
        """Table of the generated recordings: `recording` (id) and its passport; maybe empty."""
        return read_table(self._file["synthetic"]) if "synthetic" in self._file else {}

    @cached_property
    def synthetic(self) -> NDArray[np.bool_]:
        """True for each generated recording, `(n_recordings,)`."""
        if not self.passports:
            return np.zeros(len(self), bool)
        return np.isin(self.recordings["id"], self.passports["recording"])

    @property
    def history(self) -> list[str]:
        """The `info` (JSON) of each ingest that made this store."""
        return [str(text) for text in read_array(self._file["history"])]

    @cached_property
    def data_hash(self) -> str:
        """Short hash of every table and of the samples' checksums; reads no samples."""
        return content_hash(self._file)

    def windows(self, spec: WindowSpec, rows: NDArray[Any] | None = None) -> WindowIndex:
        """Windows of the recordings at `rows` (integers or booleans; all without), in that order.

        Raises `InputError` naming the recording and channel when a recording lacks one.
        """
        return index_windows(self, spec, rows)

    def recording(self, row: int) -> Recording:
        """One recording as it was written."""
        streams = []
        for name, file in self.stream_files.items():
            columns = np.flatnonzero(file.present[row])
            if not len(columns):
                continue
            info, scale = self.streams[name], float(file.scale[row])
            channels, quantities, units = (
                tuple(texts[c] for c in columns)
                for texts in (info.channels, info.quantities, info.units)
            )
            streams.append(
                StreamData(
                    name,
                    file.samples[file.offsets[row] : file.offsets[row + 1]][:, columns],
                    info.rate,
                    channels,
                    quantities,
                    units,
                    None if math.isnan(scale) else scale,
                )
            )
        values = {name: column[row].item() for name, column in self.recordings.items()}
        keys = {name: values.pop(name) for name in schema.KEY_COLUMNS}
        return Recording(streams=tuple(streams), columns=values, **keys)


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


def _info(group: h5py.Group) -> StreamInfo:
    channels, quantities, units = (
        tuple(str(text) for text in group.attrs[key]) for key in ("channels", "quantities", "units")
    )
    rate = float(group.attrs["sample_rate"])
    return StreamInfo(rate, channels, quantities, units, len(group["samples"]))


def _stream_file(group: h5py.Group) -> StreamFile:
    return StreamFile(
        group["samples"],
        read_array(group["offsets"]),
        read_array(group["present"]),
        read_array(group["scale"]),
        read_array(group["checksums"]),
    )
