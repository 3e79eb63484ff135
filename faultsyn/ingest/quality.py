"""The gate on the way in: every recording is judged while it streams, flagged, or left out."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.ingest.readers.base import Array
from faultsyn.ingest.schema_quality import Quality
from faultsyn.signal.bearing import bearings
from faultsyn.signal.quality import Meter, Thresholds
from faultsyn.store import Store

_WAVEFORM_RATE = 200.0
"""Slower channels of these quantities are summaries (an RMS a second), whose mean is no offset."""
_ZERO_MEAN = ("acceleration", "vibration velocity", "velocity", "sound pressure")
_FEWEST_FOR_TWINS = 64

DUPLICATE = "duplicate"

Print = tuple[str, str, int, int]
"""Stream, channel, samples, CRC-32 of the samples as they are stored."""


class Excluded(Exception):
    """The card wants recordings with such a flag left out."""


@dataclass(frozen=True)
class Flagged:
    """One flag of a recording and what was seen; `channel` is empty for all channels."""

    recording: str
    flag: str
    channel: str
    evidence: str

    @property
    def text(self) -> str:
        """As in the store's column `flags`."""
        return f"{self.flag}:{self.channel}" if self.channel else self.flag

    @classmethod
    def duplicate(cls, recording: str, stream: str, twin: str) -> Flagged:
        """A recording whose stream has the samples of another recording, `twin`."""
        evidence = f"stream {stream} has the same samples as recording {twin}"
        return cls(recording, DUPLICATE, "", evidence)


class Seen:
    """Recordings by the print of each of their channels."""

    def __init__(self) -> None:
        self._owners: dict[Print, list[str]] = {}

    def add(self, recording: str, seen: Print) -> None:
        """Take in one channel of a recording."""
        self._owners.setdefault(seen, []).append(recording)

    def twin(self, recording: str, prints: Sequence[Print]) -> str | None:
        """The first recording with all these prints, before `recording` is taken in with them."""
        owners = [self._owners.setdefault(p, []) for p in prints]
        common = (
            [id for id in owners[0] if all(id in others for others in owners)] if owners else []
        )
        for others in owners:
            others.append(recording)
        return None if not common or recording in common else common[0]


@dataclass
class Gate:
    """What the card wants to be judged, and which samples have been seen already.

    - `seen`: recordings by the print of each of their channels that moves.
    """

    quality: Quality = field(default_factory=Quality)
    seen: Seen = field(default_factory=Seen)

    @property
    def thresholds(self) -> Thresholds:
        """Where the card draws the lines."""
        given = self.quality.model_dump(include=set(Thresholds.__dataclass_fields__))
        return Thresholds(**{**given, "mains": tuple(given["mains"])})

    def watch(
        self,
        recording: str,
        columns: Mapping[str, Any],
        stream: str,
        rate: float,
        channels: Sequence[tuple[str, str]],
    ) -> Watch:
        """A watch over one stream of a recording.

        - `columns`: of the recording; rpm and bearing tell which frequencies matter.
        - `channels`: name and quantity of each.
        """
        shaft = _shaft(columns)
        meter = Meter(
            len(channels),
            rate,
            self.thresholds,
            zero_mean=tuple(
                k
                for k, (_, quantity) in enumerate(channels)
                if quantity in _ZERO_MEAN and rate >= _WAVEFORM_RATE
            ),
            shaft=shaft,
            lowest=self.quality.lowest_frequency or _lowest(columns, shaft, channels),
        )
        return Watch(self, recording, stream, tuple(name for name, _ in channels), meter)

    def remember(self, store: Path) -> None:
        """Take in the prints of a store that is added to."""
        with Store(store) as opened:
            ids = opened.recordings["id"].tolist()
            for stream, file in opened.stream_files.items():
                names = opened.streams[stream].channels
                for row, n in enumerate(file.lengths.tolist()):
                    for k in np.flatnonzero(file.present[row]):
                        crc = int(file.checksums[row, k])
                        self.seen.add(ids[row], (stream, names[k], n, crc))

    def refuse(self, flagged: Sequence[Flagged]) -> None:
        """Raise `Excluded` when the card excludes one of the flags."""
        bad = [f for f in flagged if f.flag in self.quality.exclude]
        if bad:
            raise Excluded("; ".join(f"{f.text} ({f.evidence})" for f in bad))


@dataclass
class Watch:
    """Takes in the samples of one stream of one recording; `flagged` then says what is wrong."""

    gate: Gate
    recording: str
    stream: str
    names: tuple[str, ...]
    meter: Meter
    n: int = 0

    def __post_init__(self) -> None:
        self._crcs = [0] * len(self.names)

    def add(self, physical: Array, stored: Array) -> None:
        """Samples `(n, C)`: in physical units, and as they go into the store."""
        self.meter.add(physical)
        columns = np.ascontiguousarray(stored.T)
        pairs = zip(columns, self._crcs, strict=True)
        self._crcs = [zlib.crc32(column.data, crc) for column, crc in pairs]
        self.n += len(stored)

    def flagged(self) -> list[Flagged]:
        """What the samples show, duplicates included."""
        found = [
            Flagged(
                self.recording,
                finding.flag,
                "" if finding.channel is None else self.names[finding.channel],
                finding.evidence,
            )
            for finding in self.meter.findings()
        ]
        flat = {f.channel for f in found if f.flag == "flat"}
        moving = [k for k, name in enumerate(self.names) if name not in flat]
        return found + self._twins(moving) + self._known(moving)

    def _twins(self, moving: list[int]) -> list[Flagged]:
        """Channels of this recording that hold the same samples."""
        found: list[Flagged] = []
        first: dict[int, int] = {}
        for k in moving if self.n >= _FEWEST_FOR_TWINS else ():
            other = first.setdefault(self._crcs[k], k)
            if other != k:
                evidence = f"same samples as channel {self.names[other]}"
                found.append(Flagged(self.recording, "twin", self.names[k], evidence))
        return found

    def _known(self, moving: list[int]) -> list[Flagged]:
        """Another recording whose moving channels are all the same."""
        prints = [(self.stream, self.names[k], self.n, self._crcs[k]) for k in moving]
        twin = self.gate.seen.twin(self.recording, prints)
        return [] if twin is None else [Flagged.duplicate(self.recording, self.stream, twin)]


def _shaft(columns: Mapping[str, Any]) -> float | None:
    rpm = columns.get("rpm")
    return float(rpm) / 60 if isinstance(rpm, int | float) and rpm > 0 else None


def _lowest(
    columns: Mapping[str, Any], shaft: float | None, channels: Sequence[tuple[str, str]]
) -> float | None:
    """The cage frequency where the bearing is known, else the shaft's; vibration only."""
    if shaft is None or not any(quantity in _ZERO_MEAN for _, quantity in channels):
        return None
    known = bearings().get(str(columns.get("bearing", "")))
    return shaft * known.orders().ftf if known is not None else shaft
