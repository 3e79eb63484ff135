"""The files behind the index of a store set, read as one.

The index is an HDF5 file with the tables of a store (`faultsyn.store.schema`) and, in place of
samples, the files that hold them:

/shards/path         relative to the index where it lies in or below its folder
/shards/data_hash    content hash of the shard when it was indexed
/shards/recordings   how many of the index's recordings, one shard after the other
/streams/<name>      attributes dtype and chunk_rows beside those of a store
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import StoreError
from faultsyn.store.content import content_hash
from faultsyn.store.location import Location, beside
from faultsyn.store.schema import open_store
from faultsyn.store.table import read_table

_MOST_OPEN = 512
"""Files that are open at once: systems commonly allow 1024."""
_CHUNK_CACHE = 1 << 20


@dataclass(frozen=True, eq=False)
class _Part:
    """What a shard holds of a stream, and its column by channel."""

    samples: h5py.Dataset
    columns: dict[str, int]


class Shards:
    """The files of a set; each is opened when it is first read, and checked against the index.

    - `index`: the open index; `location`: where it lies.
    """

    def __init__(self, index: h5py.File, location: Location) -> None:
        table = read_table(index["shards"])
        self._location = location
        self._places = [beside(location, str(name)) for name in table["path"]]
        self._hashes = [str(text) for text in table["data_hash"]]
        self._open: OrderedDict[int, h5py.File] = OrderedDict()
        self._streams: dict[int, dict[str, _Part]] = {}
        self.first_rows = np.concatenate([[0], np.cumsum(table["recordings"], dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._places)

    def file(self, number: int) -> h5py.File:
        """One shard, open; raises `StoreError` when it is missing or no longer what was indexed."""
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        file = open_store(self._places[number], rdcc_nbytes=_CHUNK_CACHE)
        if (file.attrs.get("data_hash") or content_hash(file)) != self._hashes[number]:
            file.close()
            raise StoreError(
                f"{self._places[number]}: has changed since {self._location} was made",
                "index the stores again with `faultsyn join`",
            )
        self._open[number] = file
        if len(self._open) > _MOST_OPEN:
            oldest, other = self._open.popitem(last=False)
            self._streams.pop(oldest, None)
            other.close()
        return file

    def part(self, number: int, stream: str) -> _Part:
        """A stream of one shard; finding it costs as much as reading it, so it is kept."""
        known = self._streams.get(number, {}).get(stream)
        if known is not None:
            self._open.move_to_end(number)
            return known
        group = self.file(number)["streams"][stream]
        columns = {str(name): k for k, name in enumerate(group.attrs["channels"])}
        part = _Part(group["samples"], columns)
        self._streams.setdefault(number, {})[stream] = part
        return part

    def faults(self) -> Iterator[str]:
        """One line for each shard that cannot be read or has changed."""
        for number in range(len(self)):
            try:
                self.file(number)
            except StoreError as error:
                yield str(error)

    def close(self) -> None:
        """Close what is open."""
        self._streams.clear()
        while self._open:
            self._open.popitem()[1].close()


@dataclass(frozen=True, eq=False)
class JoinedSamples:
    """Samples of a stream over all shards, sliced like the dataset of one store.

    - `starts`: first sample of each shard, and the number of samples, `(n_shards + 1,)`.
    - `channels`: of the stream; `chunks`: as of a dataset, the largest of any shard.
    """

    shards: Shards
    stream: str
    starts: NDArray[np.int64]
    channels: tuple[str, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, int]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, key: slice | tuple[slice, int]) -> NDArray[Any]:
        """`[low:high, channel]`, or `[low:high]` for all channels; absent ones are NaN or 0."""
        span, channel = key if isinstance(key, tuple) else (key, None)
        low, high = span.start, span.stop
        wanted = range(len(self.channels)) if channel is None else (channel,)
        out = np.empty((high - low, len(wanted)), self.dtype)
        first = int(np.searchsorted(self.starts, low, side="right")) - 1
        for number in range(first, len(self.shards)):
            start, stop = (int(edge) for edge in self.starts[number : number + 2])
            if start >= high:
                break
            begin, end = max(low, start), min(high, stop)
            if begin < end:
                part = out[begin - low : end - low]
                self._fill(part, number, begin - start, end - start, wanted)
        return out if channel is None else out[:, 0]

    def _fill(self, part: NDArray[Any], number: int, low: int, high: int, wanted: Any) -> None:
        held = self.shards.part(number, self.stream)
        for place, channel in enumerate(wanted):
            column = held.columns.get(self.channels[channel])
            if column is None:
                part[:, place] = np.nan if self.dtype.kind == "f" else 0
            else:
                part[:, place] = held.samples[low:high, column]


def joined_samples(group: h5py.Group, shards: Shards, channels: tuple[str, ...]) -> JoinedSamples:
    """The samples of a stream of an index."""
    offsets = group["offsets"][...]
    return JoinedSamples(
        shards,
        str(group.name).rpartition("/")[2],
        offsets[shards.first_rows],
        channels,
        np.dtype(str(group.attrs["dtype"])),
        (int(group.attrs["chunk_rows"]), 1),
    )
