"""Windows of a store: where they lie is worked out at once, samples are read when asked for."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.store.resample import describe, rate_ratio, resampled_length
from faultsyn.store.samples import IntArray, Source
from faultsyn.windows import Column, WindowSet

if TYPE_CHECKING:
    from faultsyn.store.reader import Store

_PROVENANCE = ("id", "source_file", "source_sha256")


@dataclass(frozen=True)
class WindowSpec:
    """Which windows to cut.

    - `samples`: window length, at `rate`.
    - `rate`: samples per second [Hz] that every channel is brought to.
    - `channels`: names, each looked up in whichever stream of the recording has it.
    - `stride`: samples from one window's start to the next; None for disjoint windows.
    - `select`: `(recording column, {value: channel})` chooses one channel per recording ("the
      sensor at the faulty end"); `channels` then holds the one name that the result bears.
    """

    samples: int
    rate: float
    channels: tuple[str, ...]
    stride: int | None = None
    select: tuple[str, Mapping[str, str]] | None = None

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"window: expected at least 1 sample, got {self.samples}")
        if self.stride is not None and self.stride < 1:
            raise InputError(f"window: expected a stride of at least 1, got {self.stride}")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InputError(f"window: expected a rate above 0 Hz, got {self.rate}")
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise InputError(f"window: expected different channels, got {list(self.channels)}")
        if self.select is not None and len(self.channels) != 1:
            raise InputError(
                f"window: `select` gives one channel, expected one name, got {list(self.channels)}"
            )


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the channels of a set of recordings come from.

    - `sources`: all that are used.
    - `choice`: `(n_recordings, n_channels)`, which source; -1 where unused.
    - `units`: one per channel.
    - `too_short`: ids of recordings with less than one window.
    """

    sources: tuple[Source, ...]
    choice: IntArray
    units: tuple[str, ...]
    too_short: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class WindowIndex:
    """Windows by recording and start; `read` gets their samples.

    - `row`: recording of each window, as row of `Store.recordings`.
    - `start_sample`: first sample of each, at the rate of `spec`.
    """

    store: Store
    spec: WindowSpec
    plan: Plan
    row: IntArray
    start_sample: IntArray

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def table(self) -> dict[str, Column]:
        """One row a window: recording (id), its columns, start [s], start_sample, synthetic."""
        columns = self.store.recordings
        table = {"recording": columns["id"][self.row]}
        table |= {k: v[self.row] for k, v in columns.items() if k not in _PROVENANCE}
        table["start"] = self.start_sample / self.spec.rate
        table["start_sample"] = self.start_sample
        table["synthetic"] = self.store.synthetic[self.row]
        return table

    @property
    def too_short(self) -> tuple[str, ...]:
        """Ids of recordings that are shorter than one window."""
        return self.plan.too_short

    @property
    def resampling(self) -> dict[str, dict[str, Any]]:
        """How each "stream/channel" that was not recorded at the wanted rate is brought to it."""
        done = {}
        for source in self.plan.sources:
            info = self.store.streams[source.stream]
            if source.ratio != 1:
                name = f"{source.stream}/{info.channels[source.channel]}"
                done[name] = describe(info.rate, source.ratio)
        return done

    def take(self, index: NDArray[Any] | slice | list[int]) -> WindowIndex:
        """The windows at `index` (integers, booleans or a slice)."""
        if isinstance(index, list):
            index = np.asarray(index, dtype=np.intp)
        return replace(self, row=self.row[index], start_sample=self.start_sample[index])

    def read(self, index: NDArray[Any] | slice | list[int] | None = None) -> WindowSet:
        """Samples of the windows at `index` (all without one), in that order."""
        if index is not None:
            return self.take(index).read()
        n_channels = len(self.spec.channels)
        if n_channels == 1:
            x = self._samples(0)[:, None, :]
        else:
            x = np.empty((len(self), n_channels, self.spec.samples), np.float32)
            for channel in range(n_channels):
                x[:, channel] = self._samples(channel)
        return WindowSet(x, self.table, self.spec.rate, self.spec.channels, self.plan.units)

    def _samples(self, channel: int) -> NDArray[np.float32]:
        """One channel of every window, `(n_windows, n_samples)`."""
        n = self.spec.samples
        choice = self.plan.choice[self.row, channel]
        used = np.unique(choice)
        if len(used) == 1:
            source = self.plan.sources[used[0]]
            return self.store.samples.windows(source, self.row, self.start_sample, n)
        out = np.empty((len(self), n), np.float32)
        for number in used:
            at = np.flatnonzero(choice == number)
            source = self.plan.sources[number]
            rows, starts = self.row[at], self.start_sample[at]
            out[at] = self.store.samples.windows(source, rows, starts, n)
        return out


def index_windows(store: Store, spec: WindowSpec, rows: NDArray[Any] | None) -> WindowIndex:
    """Work out the windows of the recordings at `rows`; see `Store.windows`."""
    wanted = _wanted(store, rows)
    choice = np.full((len(store), len(spec.channels)), -1, np.int64)
    length = np.full(len(store), np.iinfo(np.int64).max)  # samples at the wanted rate
    numbers: dict[Source, int] = {}
    units = []
    for position, names in enumerate(_names(store, spec, wanted)):
        used: list[Source] = []
        for name in np.unique(names):
            for source, members in _sources(store, spec, str(name), wanted[names == name]):
                choice[members, position] = numbers.setdefault(source, len(numbers))
                covered = resampled_length(store.stream_files[source.stream].lengths, source.ratio)
                length[members] = np.minimum(length[members], covered[members])
                used.append(source)
        units.append(_unit(store, spec.channels[position], used))
    stride = spec.stride or spec.samples
    count = np.maximum(0, (length[wanted] - spec.samples) // stride + 1)
    row = np.repeat(wanted, count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    short = tuple(store.recordings["id"][wanted[count == 0]].tolist())
    plan = Plan(tuple(numbers), choice, tuple(units), short)
    return WindowIndex(store, spec, plan, row, number * stride)


def _wanted(store: Store, rows: NDArray[Any] | None) -> IntArray:
    if rows is None:
        return np.arange(len(store))
    wanted = np.asarray(rows)
    if wanted.dtype == bool:
        if len(wanted) != len(store):
            raise InputError(
                f"{store.path}: {len(wanted)} truth values for {len(store)} recordings"
            )
        return np.flatnonzero(wanted)
    if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(store):
        raise InputError(
            f"{store.path}: expected rows of {len(store)} recordings, "
            f"got {wanted.min()} to {wanted.max()}"
        )
    return wanted.astype(np.int64)


def _unit(store: Store, channel: str, sources: list[Source]) -> str:
    """The one unit of a channel over all that it is read from."""
    found = {store.streams[s.stream].units[s.channel]: s.stream for s in sources}
    if len(found) > 1:
        listed = ", ".join(f"[{unit}] in stream '{stream}'" for unit, stream in found.items())
        raise InputError(f"{store.path}: channel '{channel}' comes in different units: {listed}")
    return next(iter(found), "")


def _names(store: Store, spec: WindowSpec, rows: IntArray) -> list[Column]:
    """Channel to read, for each channel of the result and each recording."""
    if spec.select is None:
        return [np.full(len(rows), name) for name in spec.channels]
    column, mapping = spec.select
    values = store.column(column)[rows].astype(str)
    strange = ~np.isin(values, list(mapping))
    if strange.any():
        row = rows[strange][0]
        raise InputError(
            f"{store.path}: recording '{store.recordings['id'][row]}' has {column} = "
            f"'{values[strange][0]}', expected one of {', '.join(mapping)}",
            "name a channel for it in `select`, or leave the recording out",
        )
    return [np.array([mapping[value] for value in values.tolist()], dtype=str)]


def _sources(
    store: Store, spec: WindowSpec, channel: str, rows: IntArray
) -> list[tuple[Source, IntArray]]:
    """Streams that hold `channel`, each with those of the recordings that are read from it.

    A recording that has the channel at several rates is read at the wanted one, else the nearest
    higher one, else the highest.
    """
    holders = [name for name, info in store.streams.items() if channel in info.channels]
    rates = {name: store.streams[name].rate for name in holders}
    higher = sorted((n for n in holders if rates[n] >= spec.rate), key=lambda n: rates[n])
    lower = sorted((n for n in holders if rates[n] < spec.rate), key=lambda n: -rates[n])
    left, found = rows, []
    for name in higher + lower:
        column = store.streams[name].channels.index(channel)
        here = store.stream_files[name].present[left, column]
        if here.any():
            ratio = rate_ratio(rates[name], spec.rate, f"{store.path}: stream '{name}'")
            found.append((Source(name, column, ratio), left[here]))
            left = left[~here]
    if len(left):
        raise _absent(store, channel, int(left[0]))
    return found


def _absent(store: Store, channel: str, row: int) -> InputError:
    known = [
        name
        for stream, info in store.streams.items()
        for name, there in zip(info.channels, store.stream_files[stream].present[row], strict=True)
        if there
    ]
    near = difflib.get_close_matches(channel, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "leave the recording out, or the channel"
    return InputError(
        f"{store.path}: recording '{store.recordings['id'][row]}' has no channel '{channel}'; "
        f"it has {', '.join(known)}",
        hint,
    )
