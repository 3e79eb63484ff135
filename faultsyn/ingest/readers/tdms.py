"""National Instruments TDMS, read chunk by chunk as the logger wrote it."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import (
    Array,
    Attribute,
    Source,
    library,
    lockstep,
    reading,
    vector,
)

_LEAD_IN = 28
"""Bytes ahead of each segment: tag, contents, version, offset of the next segment, of the data."""

_UNITS = ("unit_string", "NI_UnitDescription", "unit", "Unit")


class TdmsSource(Source):
    """Channels as `group/channel`; properties as `@name`, `group@name`, `group/channel@name`.

    The rate is 1 / `wf_increment`. Memory is bounded by the chunks in the file, which loggers
    write every second or so.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._nptdms = library("nptdms", path)
        # Damage is told below, in one line.
        library("nptdms.log", path).log_manager.set_level(logging.CRITICAL)
        with reading(path, "TDMS"), self._open() as file:
            if file.file_status.incomplete_final_segment or not _ends_with_a_segment(path):
                raise InputError(
                    f"{path}: truncated: its last segment is not complete",
                    "copy it again from its source",
                )
            self._kinds: dict[str, np.dtype[Any]] = {}
            self._lengths: dict[str, int] = {}
            self.attributes = _attributes("", file.properties)
            for group in file.groups():
                self.attributes |= _attributes(group.name, group.properties)
                for channel in group.channels():
                    self._take(f"{group.name}/{channel.name}", channel)
        self.names = tuple(self._kinds)
        if not self.names:
            raise InputError(f"{path}: holds no channels")

    def _take(self, name: str, channel: Any) -> None:
        self._kinds[name] = np.dtype(channel.dtype)
        self._lengths[name] = len(channel)
        self.attributes |= _attributes(name, channel.properties)
        for key in _UNITS:
            if channel.properties.get(key):
                self.units[name] = str(channel.properties[key])
                break
        step = channel.properties.get("wf_increment")
        if isinstance(step, float) and step > 0:
            self.rates[name] = float(f"{1 / step:.9g}")

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self.path.open("rb") as file:  # npTDMS leaves a damaged file open
            yield self._nptdms.TdmsFile.open(file)

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named channels in blocks of equal length."""
        with reading(self.path, "TDMS"), self._open() as file:
            parts = {name: self._pieces(file, name, name in text) for name in names}
            yield from lockstep(parts, str(self.path))

    def _pieces(self, file: Any, name: str, text: bool) -> Iterator[Array]:
        group, _, channel = name.partition("/")
        done = 0
        for chunk in file[group][channel].data_chunks():
            piece = chunk[:]
            done += len(piece)
            if piece.dtype.kind == "M":
                yield piece.astype("datetime64[us]")
            elif text:
                yield np.asarray(piece).astype(str)
            else:
                yield vector(piece, f"{self.path}: variable '{name}'")
        if done != self._lengths[name]:
            raise InputError(
                f"{self.path}: channel '{name}': expected {self._lengths[name]} samples, got {done}"
            )

    def matrix(self, name: str) -> Array:
        """TDMS channels are vectors, so there are no rows."""
        raise InputError(f"{self.path}: a TDMS file has no rows to make recordings of")

    def is_text(self, name: str) -> bool:
        """True for text and time stamps."""
        return self._kinds[name].kind not in "iufb"


def _ends_with_a_segment(path: Path) -> bool:
    """Whether the lead-ins lead to the end of the file; npTDMS passes over half a lead-in."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + _LEAD_IN <= size:
            file.seek(at + 12)
            at += _LEAD_IN + int(struct.unpack("<Q", file.read(8))[0])
    return at == size


def _attributes(owner: str, properties: dict[str, Any]) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for key, value in properties.items():
        plain = value.item() if isinstance(value, np.generic) else value
        name = re.sub(r"\s+", "_", key)
        is_plain = isinstance(plain, bool | int | float | str)
        found[f"{owner}@{name}"] = plain if is_plain else str(value)
    return found
