"""Trend of a machine's level statistics over its recordings, against its healthy baseline.

Trending of condition indicators is how gradual damage is followed (ISO 13373-1, Vibration condition
monitoring, General procedures). Each recording is one point; it is measured against the baseline of
the operating state that it ran at, so that a change of load is not taken for wear. Whether a
statistic rises or falls is asked of its deviations from that baseline by the Mann-Kendall test
(Mann, Econometrica 13, 1945; Kendall, Rank Correlation Methods, 1975), which asks for no shape and
no even spacing. It takes recordings as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

CERTAIN = 0.01
"""Corrected p value below which a statistic is said to rise or fall."""

_STEADY = 0.05
"""Relative difference of RMS and mean up to which a channel counts as steady."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """One recording in a trend.

    - `start`: when it was recorded, None where nothing says so; `state`: its operating state.
    - `values`: mean, RMS, crest factor and kurtosis of each channel, `(C, 4)`; `healthy`, `spread`:
      centre and deviation of the baseline, as many, None without a baseline.
    - `alarm`, `warned`: whether its verdict was an alarm, and came with a warning.
    """

    recording: str
    start: datetime | None
    state: str
    values: Floats
    healthy: Floats | None
    spread: Floats | None
    alarm: bool
    warned: bool


@dataclass(frozen=True, eq=False)
class Series:
    """One statistic of one channel over the recordings of a trend.

    - `values`, `deviations`: `(n,)`, in the channel's unit, and in deviations from healthy;
      `low`, `high`: between which healthy is. All but `values` are None without a baseline.
    - `outside`: where it is not, `(n,)`; `p`: of the Mann-Kendall test, corrected (Bonferroni) for
      the number of series of the trend; `direction`: "rising" or "falling" where that is certain.
    """

    channel: str
    unit: str
    statistic: str
    values: Floats
    deviations: Floats | None
    low: Floats | None
    high: Floats | None
    outside: NDArray[np.bool_]
    p: float
    direction: str

    @property
    def since(self) -> int | None:
        """Index of the recording from which on all are outside; None when the last is not."""
        if not self.outside[-1]:
            return None
        inside = np.flatnonzero(~self.outside)
        return int(inside[-1]) + 1 if len(inside) else 0

    @property
    def furthest(self) -> float:
        """Largest distance from healthy, in deviations; 0 without a baseline."""
        return 0.0 if self.deviations is None else float(np.abs(self.deviations).max())


@dataclass(frozen=True, eq=False)
class Trend:
    """A machine's recordings in order, and its series: channel by channel, four of each.

    - `asset`: '' where recordings do not say. `order`: what they are ordered by, in words.
    """

    asset: str
    order: str
    points: tuple[Point, ...]
    series: tuple[Series, ...]

    @property
    def timed(self) -> bool:
        """Whether every recording says when it was made."""
        return all(point.start is not None for point in self.points)

    def moving(self) -> list[Series]:
        """Series that are outside now, rise or fall; the RMS of a steady channel is its mean."""
        moving = [one for one in self.series if one.since is not None or one.direction]
        means = {one.channel: one for one in moving if one.statistic == "mean"}
        return [
            one
            for one in moving
            if one.statistic != "rms"
            or one.channel not in means
            or not np.allclose(one.values, np.abs(means[one.channel].values), rtol=_STEADY)
        ]

    def notable(self) -> list[dict[str, Any]]:
        """What needs telling: series that are outside now, rise or fall; the furthest first."""
        found: list[dict[str, Any]] = [
            {
                "channel": one.channel,
                "statistic": one.statistic,
                "deviations": None if one.deviations is None else float(one.deviations[-1]),
                "outside_since": self._recording(one.since),
                "direction": one.direction,
                "p": one.p,
            }
            for one in self.moving()
        ]
        return sorted(found, key=lambda row: -abs(row["deviations"] or 0.0))

    def as_json(self) -> dict[str, Any]:
        """Plain values, one list entry a recording."""
        return {
            "asset": self.asset,
            "order": self.order,
            "recordings": [point.recording for point in self.points],
            "start_times": [p.start.isoformat() if p.start else None for p in self.points],
            "states": [point.state for point in self.points],
            "alarms": [point.alarm for point in self.points],
            "warned": [point.warned for point in self.points],
            "series": [
                {
                    "channel": one.channel,
                    "unit": one.unit,
                    "statistic": one.statistic,
                    "values": one.values.tolist(),
                    "deviations": _plain(one.deviations),
                    "healthy_from": _plain(one.low),
                    "healthy_to": _plain(one.high),
                    "outside": one.outside.tolist(),
                    "outside_since": self._recording(one.since),
                    "p": one.p,
                    "direction": one.direction,
                }
                for one in self.series
            ],
            "notable": self.notable(),
        }

    def _recording(self, at: int | None) -> str | None:
        return None if at is None else self.points[at].recording


def mann_kendall(values: Sequence[float] | Floats) -> tuple[float, float]:
    """Kendall's tau of values against their order, and its two-sided p value; (0, 1) if constant.

    Exact for short series without ties, else normal with correction for ties.
    """
    if len(set(np.asarray(values).tolist())) < 2:
        return 0.0, 1.0
    found = kendalltau(np.arange(len(values)), values)
    return float(found.statistic), float(found.pvalue)


def _plain(values: Floats | None) -> list[float] | None:
    return None if values is None else values.tolist()
