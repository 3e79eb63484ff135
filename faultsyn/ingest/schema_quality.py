"""What a card may say of the quality of recordings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from faultsyn.ingest.strict_model import Strict
from faultsyn.signal.quality import Thresholds

Flag = Literal[
    "nan",
    "flat",
    "clipped",
    "dropout",
    "offset",
    "bandwidth",
    "hum",
    "short",
    "twin",
    "duplicate",
    "gap",
    "backwards",
]


class Quality(Strict):
    """What makes a recording suspect, and which flags keep it out.

    - `exclude`: flags whose recordings stay out: nan, flat, clipped, dropout, offset, bandwidth,
      hum, short, twin, duplicate, gap, backwards.
    - `backwards`: what to do with times that run backwards: stop the file, or flag and go on.
    - `lowest_frequency`: [Hz], for `short`; by default of the cage or shaft where they are known.
    - The others: see `faultsyn.signal.quality.Thresholds`.
    """

    exclude: list[Flag] = Field(default=[])
    backwards: Literal["stop", "flag"] = "stop"
    lowest_frequency: float | None = Field(default=None, gt=0)
    clipped_share: float = Field(default=Thresholds.clipped_share, gt=0, le=1)
    clipped_samples: int = Field(default=Thresholds.clipped_samples, ge=2)
    dropout_samples: int = Field(default=Thresholds.dropout_samples, ge=2)
    dropout_ratio: float = Field(default=Thresholds.dropout_ratio, ge=1)
    offset_ratio: float = Field(default=Thresholds.offset_ratio, gt=0)
    bandwidth_share: float = Field(default=Thresholds.bandwidth_share, ge=0, le=1)
    bandwidth_drop: float = Field(default=Thresholds.bandwidth_drop, gt=0)
    hum_share: float = Field(default=Thresholds.hum_share, gt=0, le=1)
    hum_prominence: float = Field(default=Thresholds.hum_prominence, gt=0)
    mains: list[float] = Field(default=list(Thresholds.mains))
    short_cycles: float = Field(default=Thresholds.short_cycles, gt=0)
