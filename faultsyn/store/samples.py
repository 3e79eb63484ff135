"""Reading samples: whole channels kept in memory while they fit, else each chunk once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import h5py
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from faultsyn.store.resample import resample, resampled_length

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

_BUFFER_SAMPLES = 1 << 22


@dataclass(frozen=True)
class Source:
    """A channel of a stream, brought to `ratio` times its recorded rate."""

    stream: str
    channel: int
    ratio: Fraction


@dataclass(frozen=True, eq=False)
class StreamFile:
    """A stream as it lies in the file: see `faultsyn.store.schema`."""

    samples: h5py.Dataset
    offsets: IntArray
    present: NDArray[np.bool_]
    scale: NDArray[np.float64]
    checksums: NDArray[np.uint32]

    @property
    def lengths(self) -> IntArray:
        """Samples of each recording."""
        return np.diff(self.offsets)


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
        kept = self._keep(source)
        if kept is not None:
            values, offsets = kept
            return sliding_window_view(values, n)[offsets[rows] + starts]
        if source.ratio == 1:
            return self._by_chunk(source, rows, starts, n)
        return self._by_recording(source, rows, starts, n)

    def recording(self, stream: str, row: int) -> NDArray[np.generic]:
        """One recording's samples `(N, C)` as stored."""
        file = self._streams[stream]
        values: NDArray[np.generic] = file.samples[file.offsets[row] : file.offsets[row + 1]]
        return values

    def _keep(self, source: Source) -> tuple[FloatArray, IntArray] | None:
        if source in self._kept:
            return self._kept[source]
        file = self._streams[source.stream]
        lengths = resampled_length(file.lengths, source.ratio)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        size = int(offsets[-1]) * np.dtype(np.float32).itemsize
        if size > self._left:
            return None
        values = np.empty(offsets[-1], np.float32)
        rows = np.flatnonzero(file.present[:, source.channel])
        for row, piece in self._resampled(source, rows):
            values[offsets[row] : offsets[row + 1]] = piece
        self._left -= size
        self._kept[source] = values, offsets
        return self._kept[source]

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
        """Whole recordings at the wanted rate; `rows` ascending."""
        file = self._streams[source.stream]
        for batch in _batches(file.lengths[rows]):
            low, high = file.offsets[rows[batch][0]], file.offsets[rows[batch][-1] + 1]
            span = file.samples[low:high, source.channel]
            pieces = [self._physical(file, span, int(row), low) for row in rows[batch]]
            lengths = np.array([len(piece) for piece in pieces])
            for length in np.unique(lengths):
                at = np.flatnonzero(lengths == length)
                block = np.stack([pieces[i] for i in at])
                done = block if source.ratio == 1 else resample(block, source.ratio)
                yield from zip(rows[batch][at].tolist(), done, strict=True)

    def _physical(
        self, file: StreamFile, span: NDArray[np.generic], row: int, low: int
    ) -> FloatArray:
        piece = span[file.offsets[row] - low : file.offsets[row + 1] - low]
        return _in_units(piece, file.scale[row])

    def _by_chunk(self, source: Source, rows: IntArray, starts: IntArray, n: int) -> FloatArray:
        """Sorted by place, so that each touched chunk is read and unpacked once."""
        file = self._streams[source.stream]
        out = np.empty((len(rows), n), file.samples.dtype)
        first = file.offsets[rows] + starts
        order = np.argsort(first)
        first = first[order]
        for low, high in _runs(first, n, file.samples.chunks[0], len(file.samples)):
            span = file.samples[low:high, source.channel]
            # Windows that begin or end outside this run get their share of it.
            begin = np.searchsorted(first, low - n, side="right")
            inner = np.searchsorted(first, low)
            outer = np.searchsorted(first, high - n, side="right")
            end = np.searchsorted(first, high)
            if outer > inner:
                out[order[inner:outer]] = sliding_window_view(span, n)[first[inner:outer] - low]
            for i in (*range(begin, min(inner, end)), *range(max(inner, outer), end)):
                start, stop = max(first[i], low), min(first[i] + n, high)
                out[order[i], start - first[i] : stop - first[i]] = span[start - low : stop - low]
        if out.dtype == np.float32:
            return out
        return _in_units(out, file.scale[rows][:, None])


def _in_units(values: NDArray[np.generic], scale: np.float64 | NDArray[np.float64]) -> FloatArray:
    if values.dtype.kind == "f":
        return np.asarray(values, np.float32)
    return (values * scale).astype(np.float32)


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


def _runs(first: IntArray, n: int, chunk: int, total: int) -> Iterator[tuple[int, int]]:
    """Stretches `[low, high)` of whole chunks that windows at `first` (ascending) touch."""
    low_chunk, high_chunk = first // chunk, (first + n - 1) // chunk
    marks = np.zeros(-(-total // chunk) + 2, np.int64)
    np.add.at(marks, low_chunk, 1)
    np.add.at(marks, high_chunk + 1, -1)
    touched = np.flatnonzero(np.cumsum(marks) > 0)
    limit = max(1, _BUFFER_SAMPLES // chunk)
    for stretch in np.split(touched, np.flatnonzero(np.diff(touched) > 1) + 1):
        for i in range(0, len(stretch), limit):
            part = stretch[i : i + limit]
            yield int(part[0]) * chunk, min(int(part[-1] + 1) * chunk, total)
