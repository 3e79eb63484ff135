"""Reading a store: tables at once, samples when they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError, StoreError
from faultsyn.store import schema
from faultsyn.store.content import content_hash
from faultsyn.store.location import Location, place_of
from faultsyn.store.recording import Recording, StreamData
from faultsyn.store.samples import SampleReader, StreamFile
from faultsyn.store.shards import Shards, joined_samples
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
    """A store or a store set opened for reading; use it in a `with` block or call `close`.

    - `path`: the file, or an address that fsspec reads ("s3://bucket/plant.h5"). `shards` are the
      files behind it when it is the index of a set.
    - `memory_budget`: bytes that channels kept in memory may take; larger ones are read from disk.

    `recordings` is the table of recordings (missing text is '', missing numbers are NaN). Raises
    `StoreError` when the file is not a store of this schema version or its tables are damaged.
    """

    def __init__(self, path: Location, *, memory_budget: int = 1 << 30) -> None:
        self.path = place_of(path)
        self._file = schema.open_store(self.path, sets=True, rdcc_nbytes=_CHUNK_CACHE)
        self.shards: Shards | None = None
        try:
            self.recordings: Table = read_table(self._file["recordings"])
            groups = self._file["streams"]
            self.streams = {name: _info(groups[name]) for name in groups}
            if schema.is_set(self._file):
                self.shards = Shards(self._file, self.path)
            self.stream_files = {name: _stream_file(groups[name], self.shards) for name in groups}
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
        if self.shards is not None:
            self.shards.close()
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


def _info(group: h5py.Group) -> StreamInfo:
    channels, quantities, units = (
        tuple(str(text) for text in group.attrs[key]) for key in ("channels", "quantities", "units")
    )
    rate = float(group.attrs["sample_rate"])
    return StreamInfo(rate, channels, quantities, units, int(group["offsets"][-1]))


def _stream_file(group: h5py.Group, shards: Shards | None) -> StreamFile:
    tables = [read_array(group[key]) for key in ("offsets", "present", "scale", "checksums")]
    if shards is None:
        return StreamFile(group["samples"], *tables)
    channels = tuple(str(text) for text in group.attrs["channels"])
    return StreamFile(joined_samples(group, shards, channels), *tables)
