"""What goes into a store: one recording and its share of each stream."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import StoreError
from faultsyn.store.schema import RESERVED_COLUMNS

Samples = NDArray[Any]
Value = str | int | float | bool

BLOCK_SAMPLES = 1 << 21
"""Samples, over all channels, that are handled at once while a recording is written."""


@dataclass(frozen=True, eq=False)
class StreamData:
    """One recording's share of a stream: channels that run at one sample rate.

    - `stream`: name of the stream, e.g. "vibration".
    - `samples`: `(N, C)` float (stored as float32), or int16/int32 counts when `scale` is given.
      A recording larger than memory may instead be an iterable of such blocks, read once.
    - `rate`: sample rate [Hz].
    - `channels`, `quantities`, `units`: one text per column of `samples`.
    - `scale`: physical units per count (`physical = counts * scale`); None for floats.
    """

    stream: str
    samples: Samples | Iterable[Samples]
    rate: float
    channels: tuple[str, ...]
    quantities: tuple[str, ...]
    units: tuple[str, ...]
    scale: float | None = None

    def blocks(self, owner: str) -> Iterator[Samples]:
        """The samples as `(n, C)` blocks of float32 or counts, each of at most `BLOCK_SAMPLES`.

        - `owner`: the recording, for messages.

        Raises `StoreError` for a wrong shape or data type.
        """
        rows = max(1, BLOCK_SAMPLES // len(self.channels))
        pieces = [self.samples] if isinstance(self.samples, np.ndarray) else self.samples
        for piece in pieces:
            block = self._checked(np.asarray(piece), owner)
            for start in range(0, max(1, len(block)), rows):
                yield block[start : start + rows]

    def _checked(self, block: Samples, owner: str) -> Samples:
        where = f"recording '{owner}', stream '{self.stream}'"
        if block.ndim != 2 or block.shape[1] != len(self.channels):
            raise StoreError(
                f"{where}: expected samples (N, {len(self.channels)}), got {block.shape}"
            )
        if self.scale is None and block.dtype.kind == "f":
            return np.asarray(block, np.float32)
        if self.scale is not None and block.dtype in (np.int16, np.int32):
            return block
        wanted = "floats (no scale)" if self.scale is None else "int16 or int32 (scale given)"
        raise StoreError(f"{where}: expected samples of {wanted}, got {block.dtype}")

    def check(self, owner: str) -> None:
        """Raise `StoreError` when names, rate or scale make no sense."""
        where = f"recording '{owner}', stream '{self.stream}'"
        if not self.stream or "/" in self.stream or self.stream in (".", ".."):
            raise StoreError(f"{where}: not a usable stream name")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise StoreError(f"{where}: expected a sample rate above 0 Hz, got {self.rate}")
        if self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0):
            raise StoreError(f"{where}: expected a scale above 0, got {self.scale}")
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise StoreError(f"{where}: channel names must differ, got {list(self.channels)}")
        for what, texts in (("quantities", self.quantities), ("units", self.units)):
            if len(texts) != len(self.channels):
                raise StoreError(f"{where}: {len(self.channels)} channels, {len(texts)} {what}")
        for text in (self.stream, *self.channels, *self.quantities, *self.units):
            _check_text(text, where)


@dataclass(frozen=True, eq=False)
class Recording:
    """One uninterrupted measurement of one asset under one condition.

    - `id`: unique in its store.
    - `label`: fault mode; "normal" for healthy.
    - `source_file`, `source_sha256`: where it came from, and the hash of that.
    - `columns`: conditions. Standard: location, severity, asset, machine, session, load, rpm,
      bearing, start_time, flags; others become extra columns.
    """

    id: str
    label: str
    streams: tuple[StreamData, ...]
    source_file: str
    source_sha256: str
    columns: Mapping[str, Value] = field(default_factory=dict)

    def check(self) -> None:
        """Raise `StoreError` when the recording cannot be stored as it is."""
        where = f"recording '{self.id}'"
        if not self.id:
            raise StoreError(f"{self.source_file}: a recording has an empty id")
        for text in (self.id, self.label, self.source_file, self.source_sha256):
            _check_text(text, where)
        if not self.streams:
            raise StoreError(f"{where} from {self.source_file}: has no stream")
        names = [stream.stream for stream in self.streams]
        if len(set(names)) != len(names):
            raise StoreError(f"{where}: a stream is given twice: {names}")
        check_columns(self.columns, where)
        for stream in self.streams:
            stream.check(self.id)


def check_columns(columns: Mapping[str, Any], where: str) -> None:
    """Raise `StoreError` unless every name and value can become a column."""
    for name, value in columns.items():
        if name in RESERVED_COLUMNS:
            raise StoreError(f"{where}: column name '{name}' is reserved", "give it another name")
        if not name or "/" in name or name in (".", ".."):
            raise StoreError(f"{where}: '{name}' is not a usable column name")
        if not isinstance(value, str | bool | int | float | np.generic):
            raise StoreError(
                f"{where}, column '{name}': expected text, a number or a truth value, "
                f"got {type(value).__name__}"
            )
        _check_text(name, where)
        if isinstance(value, str):
            _check_text(value, f"{where}, column '{name}'")


def _check_text(text: str, where: str) -> None:
    # HDF5 pads fixed-length text with NUL, so a NUL of its own would be lost.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise StoreError(f"{where}: {text!r} is not valid Unicode text") from None
    if "\0" in text:
        raise StoreError(f"{where}: {text!r} holds a NUL character")
