"""A recording cut into the windows that a diagnoser takes, or the reason why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.plant.posed import Posed
from faultsyn.store import Recording, StreamData
from faultsyn.store.resample import rate_ratio, resample
from faultsyn.store.schema import NUMBER_COLUMNS, TEXT_COLUMNS
from faultsyn.windows import WindowSet

MOST_VALUES = 1 << 24
"""Samples, over all channels of a stream, that are read of one recording (64 MB)."""
_SAME_RATE = 1e-3
"""Relative difference within which a rate counts as one of the training's: a time column in
rounded seconds gives no better."""


@dataclass
class Measured:
    """One recording to be diagnosed.

    - `id`, `file`, `sha256`: what it is called, where it comes from, the hash of that.
    - `columns`: what is known of it; `label` among them when somebody has said it.
    - `windows`: its windows, or None with the reason in `problem`.
    - `notes`: what a reader of the verdict should know.
    """

    id: str
    file: str
    sha256: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    windows: WindowSet | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)


def measured(recording: Recording, posed: Posed) -> Measured:
    """Read a recording and cut it; what does not fit the diagnoser is said in `problem`."""
    made = Measured(recording.id, recording.source_file, recording.source_sha256)
    try:
        made.windows = _cut(recording, posed, made.notes)
    except InputError as error:
        made.problem = str(error)
    columns = dict(recording.columns)  # after the samples: some columns are known only then
    made.columns = {"label": recording.label, **columns}
    if made.windows is not None:
        made.windows = made.windows.with_columns(**_columns(recording, columns))
    flags = str(columns.get("flags", ""))
    if flags:
        made.notes.append(f"quality: {flags.replace(';', ', ')}")
    return made


def _cut(recording: Recording, posed: Posed, notes: list[str]) -> WindowSet:
    spec = posed.spec
    names = posed.source_channels(recording.columns)
    chosen = [
        _source(recording, name, posed, position, spec.rate) for position, name in enumerate(names)
    ]
    read: dict[str, NDArray[np.float32]] = {}
    for stream, _, _ in chosen:
        if stream.stream not in read:
            read[stream.stream] = _samples(stream, recording.id, notes)
    channels = []
    for stream, column, rate in chosen:
        ratio = rate_ratio(rate, spec.rate, f"stream '{stream.stream}'")
        x = read[stream.stream][:, column]
        channels.append(x if ratio == 1 else resample(x[None], ratio)[0])
    length = min(len(x) for x in channels)
    if length < spec.samples:
        raise InputError(
            f"{length / spec.rate:.4g} s long, a window is {spec.samples / spec.rate:.4g} s",
            "record for longer",
        )
    stride = spec.stride or spec.samples
    cut = [sliding_window_view(x[:length], spec.samples)[::stride] for x in channels]
    windows = np.stack(cut, axis=1)
    starts = np.arange(len(windows)) * stride
    good = np.isfinite(windows).all(axis=(1, 2))
    if not good.any():
        raise InputError("NaN or infinity in every window", "repair the sensor or the recording")
    if not good.all():
        notes.append(f"{int((~good).sum())} of {len(good)} windows left out: NaN or infinity")
    table = {
        "label": np.full(int(good.sum()), ""),
        "start": (starts / spec.rate)[good],
        "start_sample": starts[good],
        "end": ((starts + spec.samples) / spec.rate)[good],
    }
    x = np.ascontiguousarray(windows[good], np.float32)
    return WindowSet(x, table, spec.rate, spec.channels, posed.units)


def _source(
    recording: Recording, name: str, posed: Posed, position: int, wanted: float
) -> tuple[StreamData, int, float]:
    """The stream that holds a channel, its column there, and its rate.

    As a store chooses: at the wanted rate, else the nearest higher one, else the highest. Raises
    `InputError` on a missing channel, another unit, or a rate that loses what training had.
    """
    holders = [stream for stream in recording.streams if name in stream.channels]
    if not holders:
        known = ", ".join(c for stream in recording.streams for c in stream.channels)
        raise InputError(f"no channel '{name}'; it has {known}")
    higher = sorted((s for s in holders if s.rate >= wanted), key=lambda s: s.rate)
    lower = sorted((s for s in holders if s.rate < wanted), key=lambda s: -s.rate)
    stream = (higher + lower)[0]
    seen = posed.rates[position]
    near = [rate for rate in seen if abs(stream.rate / rate - 1) <= _SAME_RATE]
    if not near and stream.rate < wanted:
        raise InputError(
            f"channel '{name}' is recorded at {stream.rate:g} Hz, the diagnoser needs "
            f"{wanted:g} Hz",
            "record at that rate or a higher one",
        )
    column = stream.channels.index(name)
    unit, mine = stream.units[column], posed.units[position] if posed.units else ""
    if unit and mine and unit != mine:
        raise InputError(f"channel '{name}' is in {unit}, the diagnoser was trained on {mine}")
    return stream, column, near[0] if near else stream.rate


def _samples(stream: StreamData, owner: str, notes: list[str]) -> NDArray[np.float32]:
    """A stream's samples `(N, C)` in physical units; at most `MOST_VALUES` of them."""
    most = max(1, MOST_VALUES // len(stream.channels))
    blocks: list[NDArray[Any]] = []
    have = 0
    for block in stream.blocks(owner):
        blocks.append(block[: most - have])
        have += len(blocks[-1])
        if have >= most:
            notes.append(f"judged by its first {have / stream.rate:.4g} s")
            break
    joined = np.concatenate(blocks)
    if stream.scale is not None:
        joined = (joined * stream.scale).astype(np.float32)
    return np.asarray(joined, np.float32)


def _columns(recording: Recording, columns: dict[str, Any]) -> dict[str, Any]:
    """Table columns of its windows: the standard ones are always there, as in a store."""
    standard: dict[str, Any] = dict.fromkeys(TEXT_COLUMNS, "")
    standard |= dict.fromkeys(NUMBER_COLUMNS, float("nan"))
    given = {**standard, **columns, "recording": recording.id, "synthetic": False}
    return {name: value for name, value in given.items() if name != "label"}
