"""Reading a recording's streams: samples block by block, the rate agreed, quality watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.channels import Located
from faultsyn.ingest.clock import Clock
from faultsyn.ingest.quality import Quality
from faultsyn.ingest.readers import Source
from faultsyn.ingest.readers.base import Array
from faultsyn.store import StreamData

Blocks = Iterator[dict[str, Array]]
Report = Callable[[list[str]], None]


@dataclass(frozen=True)
class TimeColumn:
    """A stream's time column: its name in the file of the stream's first channel, and its clock.

    - `tolerance`: relative difference from the agreed rate that its times may show.
    """

    name: str
    clock: Clock
    tolerance: float


@dataclass(frozen=True)
class Share:
    """One recording's part of a stream, before it is read.

    - `name`: of the stream; `channels`: where they are; `rate`: agreed sample rate [Hz].
    - `open`: gives the source of a relative path.
    - `time`: the time column, if the card names one.
    - `span`: first sample and the one after the last (None: to the end).
    """

    name: str
    channels: Sequence[Located]
    rate: float
    open: Callable[[str], Source]
    time: TimeColumn | None = None
    span: tuple[int, int | None] = (0, None)

    def data(self, report: Report) -> StreamData:
        """The stream's samples, to be read once, float32 in physical units.

        - `report`: called with the quality flags when all samples have been read.
        """
        return stream_data(self.name, self._samples(report), self.rate, self.channels)

    def _samples(self, report: Report) -> Iterator[Array]:
        quality = Quality(tuple(c.name for c in self.channels))
        empty = True
        for block in _clip(self._blocks(), *self.span):
            if self.time is not None:
                self.time.clock.add(block[self.time.name], self.rate)
            samples = stack([block[_key(c)] for c in self.channels], self.channels)
            quality.add(samples)
            empty = False
            yield samples
        if empty:
            start, stop = self.span
            raise InputError(
                f"{self.open(self.channels[0].file).path}: stream '{self.name}': no samples from "
                f"{start} to {'the end' if stop is None else stop}"
            )
        flags = quality.flags()
        if self.time is not None:
            self.time.clock.check(self.rate, self.time.tolerance)
            flags += ["gap"] if self.time.clock.gaps else []
        report(flags)

    def _blocks(self) -> Blocks:
        files = list(dict.fromkeys(c.file for c in self.channels))
        if len(files) == 1:
            yield from self._of_file(files[0], self.time)
            return
        joined: dict[str, Array] = {}
        lengths: dict[str, int] = {}
        for file in files:
            parts = list(self._of_file(file, self.time if file == files[0] else None))
            joined.update({key: np.concatenate([p[key] for p in parts]) for key in parts[0]})
            lengths[file] = sum(len(next(iter(part.values()))) for part in parts)
        check_lengths(self.name, lengths, "samples")
        yield joined

    def _of_file(self, file: str, time: TimeColumn | None) -> Blocks:
        source = self.open(file)
        wanted = {c.variable: _key(c) for c in self.channels if c.file == file}
        extra = [time.name] if time is not None else []
        text = [name for name in extra if source.is_text(name)]
        for block in source.blocks(list(dict.fromkeys([*wanted, *extra])), text):
            found = {key: block[name] for name, key in wanted.items()}
            yield found | {name: block[name] for name in extra}


def stream_data(
    name: str, samples: Array | Iterator[Array], rate: float, channels: Sequence[Located]
) -> StreamData:
    """`StreamData` with the channels' names, quantities and units."""
    return StreamData(
        stream=name,
        samples=samples,
        rate=rate,
        channels=tuple(c.name for c in channels),
        quantities=tuple(c.quantity for c in channels),
        units=tuple(c.unit for c in channels),
    )


def stack(columns: Sequence[Array], channels: Sequence[Located]) -> Array:
    """Columns of equal length as `(n, C)` float32 in physical units, channel after channel."""
    samples = np.empty((len(columns), len(columns[0])), np.float32)
    for k, (column, located) in enumerate(zip(columns, channels, strict=True)):
        scale, offset = located.channel.scale, located.channel.offset
        if scale != 1.0 or offset != 0.0:
            column = np.asarray(column, np.float64) * scale + offset
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which is flagged
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
