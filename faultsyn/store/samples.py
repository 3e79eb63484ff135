"""Reading samples: whole channels kept in memory while they fit, else each chunk once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from faultsyn.store.resample import resample, resampled_length

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

_BUFFER_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A channel of a stream, brought to `ratio` times its recorded rate."""

    stream: str
    channel: int
    ratio: Fraction


class Samples(Protocol):
    """What is read of a stream: a dataset, or those of several files as one."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a sample as stored."""
        ...

    @property
    def chunks(self) -> tuple[int, int]:
        """Samples and channels of a chunk."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class StreamFile:
    """A stream as it lies in the file: see `faultsyn.store.schema`."""

    samples: Samples
    offsets: IntArray
    present: NDArray[np.bool_]
    scale: NDArray[np.float64]
    checksums: NDArray[np.uint32]

    @property
    def edges(self) -> IntArray:
        """Where the samples go from one file to the next, start and end included."""
        whole = np.array([0, len(self.samples)], np.int64)
        edges: IntArray = getattr(self.samples, "starts", whole)
        return edges

    @property
    def lengths(self) -> IntArray:
        """Samples of each recording."""
        return np.diff(self.offsets)

    def stored(self, channel: int, rows: IntArray) -> Iterator[tuple[int, NDArray[Any]]]:
        """`(row, samples as stored)` of the recordings at `rows` (ascending), read in batches."""
        for batch in _batches(self.lengths[rows]):
            low, high = self.offsets[rows[batch][0]], self.offsets[rows[batch][-1] + 1]
            span = self.samples[low:high, channel]
            for row in rows[batch].tolist():
                yield row, span[self.offsets[row] - low : self.offsets[row + 1] - low]


class SampleReader:
    """Windows of any channel.

    - `streams`: by name.
    - `memory_budget`: bytes that channels kept in memory may take together.
    """

    def __init__(self, streams: dict[str, StreamFile], memory_budget: int) -> None:
        self._streams = streams
        self._left = memory_budget
        self._kept: dict[Source, tuple[FloatArray, IntArray]] = {}

    def windows(self, source: Source, rows: IntArray, starts: IntArray, n: int) -> FloatArray:
        """Windows `(len(rows), n)`, physical units.

        - `rows`: recording of each window.
        - `starts`: first sample of each, at the wanted rate.
        """
        if self._keep(source):
            values, offsets = self._kept[source]
            out: FloatArray = sliding_window_view(values, n)[offsets[rows] + starts]
            return out
        if source.ratio == 1:
            return self._by_chunk(source, rows, starts, n)
        return self._by_recording(source, rows, starts, n)

    def _keep(self, source: Source) -> bool:
        """Keep a whole channel in memory if it fits; True when it is there."""
        if source in self._kept:
            return True
        file = self._streams[source.stream]
        lengths = resampled_length(file.lengths, source.ratio)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        size = int(offsets[-1]) * np.dtype(np.float32).itemsize
        if size > self._left:
            return False
        values = np.empty(offsets[-1], np.float32)
        for row, piece in self._resampled(source, np.flatnonzero(file.present[:, source.channel])):
            values[offsets[row] : offsets[row + 1]] = piece
        self._left -= size
        self._kept[source] = values, offsets
        return True

    def _by_recording(self, source: Source, rows: IntArray, starts: IntArray, n: int) -> FloatArray:
        out = np.empty((len(rows), n), np.float32)
        order = np.argsort(rows, kind="stable")
        wanted, first = np.unique(rows[order], return_index=True)
        groups = dict(zip(wanted.tolist(), np.split(order, first[1:]), strict=True))
        for row, piece in self._resampled(source, wanted):
            at = groups[row]
            out[at] = sliding_window_view(piece, n)[starts[at]]
        return out

    def _resampled(self, source: Source, rows: IntArray) -> Iterator[tuple[int, FloatArray]]:
        """Whole recordings at the wanted rate, in no certain order; `rows` ascending."""
        file = self._streams[source.stream]
        pieces = (
            (row, _in_units(piece, file.scale[row]))
            for row, piece in file.stored(source.channel, rows)
        )
        if source.ratio == 1:
            yield from pieces
            return
        waiting: dict[int, list[tuple[int, FloatArray]]] = {}  # by length, to filter as one block
        for row, piece in pieces:
            same = waiting.setdefault(len(piece), [])
            same.append((row, piece))
            if len(same) * len(piece) >= _BUFFER_SAMPLES // 4:
                yield from _filtered(waiting.pop(len(piece)), source.ratio)
        for same in waiting.values():
            yield from _filtered(same, source.ratio)

    def _by_chunk(self, source: Source, rows: IntArray, starts: IntArray, n: int) -> FloatArray:
        """Sorted by place, so that each touched chunk is read and unpacked once."""
        file = self._streams[source.stream]
        out = np.empty((len(rows), n), file.samples.dtype)
        first = file.offsets[rows] + starts
        order = np.argsort(first)
        first = first[order]
        for low, high in _runs_of(file, first, n):
            span = file.samples[low:high, source.channel]
            # Windows low-n < first < low and high-n < first < high lie only partly in this run.
            begin, end = np.searchsorted(first, [low - n + 1, high])
            inner, outer = np.searchsorted(first, [low, high - n + 1])
            if outer > inner:
                out[order[inner:outer]] = sliding_window_view(span, n)[first[inner:outer] - low]
            for i in (*range(begin, inner), *range(max(inner, outer), end)):
                start, stop = max(first[i], low), min(first[i] + n, high)
                out[order[i], start - first[i] : stop - first[i]] = span[start - low : stop - low]
        return _in_units(out, file.scale[rows][:, None])


def _filtered(
    pieces: list[tuple[int, FloatArray]], ratio: Fraction
) -> Iterator[tuple[int, FloatArray]]:
    rows, arrays = zip(*pieces, strict=True)
    return zip(rows, resample(np.stack(arrays), ratio), strict=True)


def _in_units(values: NDArray[Any], scale: np.float64 | NDArray[np.float64]) -> FloatArray:
    if values.dtype == np.float32:
        return values
    physical: FloatArray = (values * scale).astype(np.float32)
    return physical


def _batches(lengths: IntArray) -> list[slice]:
    """Consecutive items of at most `_BUFFER_SAMPLES` together (a longer one is alone)."""
    batches, start, total = [], 0, 0
    for i, length in enumerate(lengths.tolist()):
        if i > start and total + length > _BUFFER_SAMPLES:
            batches.append(slice(start, i))
            start, total = i, 0
        total += length
    if start < len(lengths):
        batches.append(slice(start, len(lengths)))
    return batches


def _runs_of(file: StreamFile, first: IntArray, n: int) -> Iterator[tuple[int, int]]:
    """As `_runs`, for each of the files behind a stream: their chunks count from their start."""
    edges, chunk = file.edges, file.samples.chunks[0]
    cuts = np.searchsorted(first, edges)
    for k in np.flatnonzero(np.diff(cuts)).tolist():
        start, stop = int(edges[k]), int(edges[k + 1])
        for low, high in _runs(first[cuts[k] : cuts[k + 1]] - start, n, chunk, stop - start):
            yield start + low, start + high


def _runs(first: IntArray, n: int, chunk: int, total: int) -> Iterator[tuple[int, int]]:
    """Stretches `[low, high)` of whole chunks that windows at `first` (ascending) touch."""
    marks = np.zeros(-(-total // chunk) + 1, np.int64)
    np.add.at(marks, first // chunk, 1)
    np.add.at(marks, (first + n - 1) // chunk + 1, -1)
    touched = np.flatnonzero(np.cumsum(marks) > 0)
    limit = max(1, _BUFFER_SAMPLES // chunk)
    for stretch in np.split(touched, np.flatnonzero(np.diff(touched) > 1) + 1):
        for i in range(0, len(stretch), limit):
            part = stretch[i : i + limit]
            yield int(part[0]) * chunk, min(int(part[-1] + 1) * chunk, total)
