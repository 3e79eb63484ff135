"""Reading a recording's streams: samples block by block, the rate agreed, quality watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.channels import Located
from faultsyn.ingest.clock import Clock, as_texts
from faultsyn.ingest.quality import Flagged, Watch
from faultsyn.ingest.readers import Source
from faultsyn.ingest.readers.base import Array
from faultsyn.store import StreamData

Blocks = Iterator[dict[str, Array]]
Report = Callable[[list[Flagged]], None]


@dataclass(frozen=True)
class TimeColumn:
    """A stream's time column in the file of its first channel, and its clock.

    - `name`: of the column; `second`: of the one with the time of day, if it stands apart.
    - `textual`: the cells are dates, not numbers.
    - `tolerance`: relative difference from the agreed rate that its times may show.
    """

    name: str
    second: str | None
    textual: bool
    clock: Clock
    tolerance: float

    @property
    def wanted(self) -> list[str]:
        """The columns to read."""
        return [self.name] if self.second is None else [self.name, self.second]

    def cells(self, block: dict[str, Array]) -> Array:
        """The times of a block of the file, `(n,)` numbers, texts or dates."""
        if self.second is None:
            return block[self.name]
        first, second = as_texts(block[self.name]), as_texts(block[self.second])
        return np.char.add(np.char.add(first, " "), second)


@dataclass(frozen=True)
class Share:
    """One recording's part of a stream, before it is read.

    - `name`: of the stream; `channels`: where they are; `rate`: agreed sample rate [Hz].
    - `watch`: judges the samples while they pass.
    - `open`: gives the source of a relative path.
    - `time`: the time column, if the card names one.
    - `span`: first sample and the one after the last (None: to the end).
    """

    name: str
    channels: Sequence[Located]
    rate: float
    watch: Watch
    open: Callable[[str], Source]
    time: TimeColumn | None = None
    span: tuple[int, int | None] = (0, None)

    def data(self, report: Report) -> StreamData:
        """The stream's samples, to be read once, float32 in physical units.

        - `report`: called with the quality flags when all samples have been read.
        """
        return stream_data(self.name, self._samples(report), self.rate, self.channels, self._scale)

    @property
    def _scale(self) -> float | None:
        """Physical units per count when all channels are counts of one scale, else None."""
        scales = {(c.count, c.channel.scale, c.channel.offset) for c in self.channels}
        count, scale, offset = scales.pop()
        if scales or count is None or offset or scale <= 0:
            return None
        return count * scale

    def _samples(self, report: Report) -> Iterator[Array]:
        empty = True
        for block in _clip(self._blocks(), *self.span):
            if self.time is not None:
                self.time.clock.add(self.time.cells(block), self.rate)
            columns = [block[_key(c)] for c in self.channels]
            physical = stack(columns, self.channels)
            samples = physical if self._scale is None else np.stack(columns, axis=1)
            self.watch.add(physical, samples)
            empty = False
            yield samples
        if empty:
            start, stop = self.span
            raise InputError(
                f"{self.open(self.channels[0].file).path}: stream '{self.name}': no samples from "
                f"{start} to {'the end' if stop is None else stop}"
            )
        flagged = self.watch.flagged()
        if self.time is not None:
            self.time.clock.check(self.rate, self.time.tolerance)
            for flag, evidence in self.time.clock.found().items():
                flagged.append(Flagged(self.watch.recording, flag, "", evidence))
        report(flagged)

    def _blocks(self) -> Blocks:
        files = list(dict.fromkeys(c.file for c in self.channels))
        if len(files) == 1:
            yield from self._of_file(files[0], self.time)
            return
        yield from _joined(
            {file: self._of_file(file, self.time if file == files[0] else None) for file in files},
            self.name,
        )

    def _of_file(self, file: str, time: TimeColumn | None) -> Blocks:
        source = self.open(file)
        wanted = {c.variable: _key(c) for c in self.channels if c.file == file}
        extra = time.wanted if time is not None else []
        text = extra if time is not None and time.textual else []
        for block in source.blocks(list(dict.fromkeys([*wanted, *extra])), text):
            found = {key: block[name] for name, key in wanted.items()}
            yield found | {name: block[name] for name in extra}


def _joined(files: dict[str, Blocks], stream: str) -> Blocks:
    """The blocks of several files side by side, cut to equal lengths."""
    rest: dict[str, dict[str, Array]] = {}
    counts = dict.fromkeys(files, 0)
    ended = False
    while not ended:
        for file, blocks in files.items():
            while not _length(rest.get(file)):
                block = next(blocks, None)
                if block is None:
                    ended = True
                    break
                rest[file] = block
                counts[file] += _length(block)
        if not ended:
            n = min(map(_length, rest.values()))
            yield {key: a[:n] for block in rest.values() for key, a in block.items()}
            rest = {f: {key: a[n:] for key, a in b.items()} for f, b in rest.items()}
    for file, blocks in files.items():
        counts[file] += sum(map(_length, blocks))
    check_lengths(stream, counts, "samples")


def _length(block: dict[str, Array] | None) -> int:
    return 0 if block is None else len(next(iter(block.values())))


def stream_data(
    name: str,
    samples: Array | Iterator[Array],
    rate: float,
    channels: Sequence[Located],
    scale: float | None = None,
) -> StreamData:
    """`StreamData` with the channels' names, quantities and units; `scale` of counts."""
    return StreamData(
        stream=name,
        samples=samples,
        rate=rate,
        channels=tuple(c.name for c in channels),
        quantities=tuple(c.quantity for c in channels),
        units=tuple(c.unit for c in channels),
        scale=scale,
    )


def stack(columns: Sequence[Array], channels: Sequence[Located]) -> Array:
    """Columns of equal length as `(n, C)` float32 in physical units, channel after channel."""
    samples = np.empty((len(columns), len(columns[0])), np.float32)
    for k, (column, located) in enumerate(zip(columns, channels, strict=True)):
        scale, offset = located.channel.scale, located.channel.offset
        if located.count is not None:
            scale *= located.count
        if scale != 1.0 or offset != 0.0:
            column = np.asarray(column, np.float64) * scale + offset
        with np.errstate(over="ignore", invalid="ignore"):  # infinite is flagged
            samples[k] = column
    return samples.T


def check_lengths(stream: str, lengths: dict[str, int], what: str) -> None:
    """Raise `InputError` naming two files of one stream that differ in length."""
    first, *others = lengths
    for file in others:
        if lengths[file] != lengths[first]:
            raise InputError(
                f"{file}: stream '{stream}': expected {lengths[first]} {what} as in {first}, "
                f"got {lengths[file]}"
            )


def _key(located: Located) -> str:
    return f"{located.file}\n{located.variable}"


def _clip(blocks: Blocks, start: int, stop: int | None) -> Blocks:
    """The samples from `start` to before `stop`."""
    at = 0
    for block in blocks:
        n = len(next(iter(block.values())))
        first, last = max(start - at, 0), n if stop is None else min(stop - at, n)
        if first < last:
            whole = first == 0 and last == n
            yield block if whole else {k: array[first:last] for k, array in block.items()}
        at += n
        if stop is not None and at >= stop:
            return
