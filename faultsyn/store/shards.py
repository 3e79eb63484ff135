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
        self.first_rows = np.concatenate([[0], np.cumsum(table["recordings"], dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._places)

    def file(self, number: int) -> h5py.File:
        """One shard, open; raises `StoreError` when it is missing or no longer what was indexed."""
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        file = open_store(self._places[number], rdcc_nbytes=_CHUNK_CACHE)
        if content_hash(file) != self._hashes[number]:
            file.close()
            raise StoreError(
                f"{self._places[number]}: has changed since {self._location} was made",
                "index the stores again with `faultsyn join`",
            )
        self._open[number] = file
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return file

    def faults(self) -> Iterator[str]:
        """One line for each shard that cannot be read or has changed."""
        for number in range(len(self)):
            try:
                self.file(number)
            except StoreError as error:
                yield str(error)

    def close(self) -> None:
        """Close what is open."""
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
        fill = np.nan if self.dtype.kind == "f" else 0
        out = np.full((high - low, len(wanted)), fill, self.dtype)
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
        group = self.shards.file(number)["streams"][self.stream]
        names = [str(text) for text in group.attrs["channels"]]
        for place, channel in enumerate(wanted):
            if self.channels[channel] in names:
                part[:, place] = group["samples"][low:high, names.index(self.channels[channel])]


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
