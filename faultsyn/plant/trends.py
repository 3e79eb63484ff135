"""The trends of machines, as verdicts on their recordings come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.plant.baseline import WATCHED, Baseline
from faultsyn.plant.posed import Posed
from faultsyn.plant.states import ALL
from faultsyn.plant.trend import CERTAIN, Point, Series, Trend, mann_kendall
from faultsyn.plant.verdict import Verdict

MOST_POINTS = 2000
"""Recordings of one machine that a trend goes back."""


@dataclass(frozen=True, eq=False)
class _Away:
    """Which statistics `(C, 4)` have left healthy for good, and which were outside at last."""

    away: NDArray[np.bool_]
    outside: NDArray[np.bool_]


@dataclass
class Trends:
    """The trends of all machines that a diagnoser is asked about, as their recordings come.

    - `posed`, `baseline`: of the diagnoser. `most`: recordings of a machine that are remembered.
    """

    posed: Posed
    baseline: Baseline | None
    most: int = MOST_POINTS
    _points: dict[str, deque[Point]] = field(default_factory=dict)
    _away: dict[str, _Away] = field(default_factory=dict)
    _made: dict[str, Trend] = field(default_factory=dict)

    def add(self, made: Verdict) -> list[dict[str, Any]]:
        """Take the next recording of its machine; what left healthy with it, or came back.

        Two recordings in a row must agree on it. A refused recording has no statistics and leaves
        no point.
        """
        channels = self.posed.spec.channels
        if made.status != "ok" or set(made.statistics) != set(channels):
            return []
        values = np.array([made.statistics[name] for name in channels], np.float64)
        healthy = spread = None
        state = ALL
        if self.baseline is not None:
            at = self.baseline.at(made.columns)
            state = self.baseline.names[at]
            healthy, spread = self.baseline.centre[at], self.baseline.spread[at]
        point = Point(
            made.recording, start_time(made.columns.get("start_time")), state, values, healthy,
            spread, bool(made.alarm), bool(made.warnings),
        )  # fmt: skip
        asset = str(made.columns.get("asset", ""))
        self._points.setdefault(asset, deque(maxlen=self.most)).append(point)
        self._made.pop(asset, None)
        return self._changes(asset, point)

    def __iter__(self) -> Iterator[Trend]:
        """Of machines with two recordings or more: one is no trend."""
        for asset, points in self._points.items():
            if len(points) > 1:
                yield self.of(asset)

    def of(self, asset: str) -> Trend:
        """The trend of a machine that has at least one point; the same one until the next."""
        if asset in self._made:
            return self._made[asset]
        points = self._points[asset]
        order, words = _order([point.start for point in points])
        ordered = tuple(points[i] for i in order)
        spec, units = self.posed.spec, self.posed.units or ("",) * len(self.posed.spec.channels)
        limit = None if self.baseline is None else self.baseline.limit
        n_series = len(spec.channels) * len(WATCHED)
        series = tuple(
            _series(ordered, at, kind, limit, n_series, (name, unit))
            for at, (name, unit) in enumerate(zip(spec.channels, units, strict=True))
            for kind in range(len(WATCHED))
        )
        made = self._made[asset] = Trend(asset, words, ordered, series)
        return made

    def _changes(self, asset: str, point: Point) -> list[dict[str, Any]]:
        if self.baseline is None or point.healthy is None or point.spread is None:
            return []
        deviations = (point.values - point.healthy) / point.spread
        outside = np.abs(deviations) > self.baseline.limit
        nowhere = np.zeros_like(outside)
        was = self._away.get(asset, _Away(nowhere, nowhere))
        away = (was.away | (outside & was.outside)) & (outside | was.outside)
        self._away[asset] = _Away(away, outside)
        return [
            {
                "asset": asset,
                "channel": self.posed.spec.channels[channel],
                "statistic": WATCHED[kind],
                "change": "left" if away[channel, kind] else "returned",
                "deviations": float(deviations[channel, kind]),
                "recording": point.recording,
            }
            for channel, kind in np.argwhere(away != was.away).tolist()
        ]


def start_time(text: object) -> datetime | None:
    """The time that a column says, in UTC where it names no zone; None where it says none."""
    try:
        found = datetime.fromisoformat(str(text).strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _order(starts: Sequence[datetime | None]) -> tuple[list[int], str]:
    """By time; one without follows the file before it. Also in words."""
    untimed = sum(start is None for start in starts)
    if untimed == len(starts):
        return list(range(len(starts))), "files"
    keys, latest = [], datetime.min.replace(tzinfo=UTC)
    for start in starts:
        latest = latest if start is None else start
        keys.append(latest)
    words = "start time"
    if untimed:
        words += f"; {untimed} of {len(starts)} have none and follow the file before them"
    return sorted(range(len(starts)), key=lambda i: (keys[i], i)), words


def _series(
    points: tuple[Point, ...],
    channel: int,
    kind: int,
    limit: float | None,
    n_series: int,
    named: tuple[str, str],
) -> Series:
    values = np.array([point.values[channel, kind] for point in points])
    deviations = low = high = None
    outside = np.zeros(len(points), bool)
    if limit is not None:
        healthy = np.array([p.healthy[channel, kind] for p in points if p.healthy is not None])
        spread = np.array([p.spread[channel, kind] for p in points if p.spread is not None])
        deviations = (values - healthy) / spread
        low, high = healthy - limit * spread, healthy + limit * spread
        outside = np.abs(deviations) > limit
    tau, p = mann_kendall(values if deviations is None else deviations)
    p = min(1.0, p * n_series)
    direction = "" if p >= CERTAIN else "rising" if tau > 0 else "falling"
    name, unit = named
    return Series(
        name, unit if WATCHED[kind] in ("mean", "rms") else "-", WATCHED[kind], values, deviations,
        low, high, outside, p, direction,
    )  # fmt: skip
