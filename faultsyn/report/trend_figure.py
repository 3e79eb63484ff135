"""A machine's trend, drawn: level statistics over its recordings, where healthy is, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, Locator, MaxNLocator
from numpy.typing import NDArray

from faultsyn.plant.trend import Series, Trend
from faultsyn.report.style import BLACK, BLUE, GREY, ORANGE, VERMILION, WIDTH

_ROW = 1.9
_COLUMNS = 3
_MOST_PANELS = 6
_WIDE = 20.0
"""Largest over smallest value from which an axis is logarithmic."""
_TIMES = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S s"]
_BEGINNINGS = ["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"]
"""Of year, month, day, hour, minute and second ticks, and of those at the next one's beginning."""
_NAMES = {"mean": "mean", "rms": "RMS", "crest": "crest factor", "kurtosis": "kurtosis"}


def statistic_text(name: str) -> str:
    """A watched statistic as an engineer writes it."""
    return _NAMES.get(name, name)


def trend_figure(trend: Trend, *, fast: bool) -> tuple[Figure, str]:
    """A figure of a trend of two recordings or more, and what it shows.

    - `fast`: vibration and the like, of which RMS, crest factor and kurtosis are drawn, of the
      channels furthest from healthy; of slow channels the statistic that is furthest, which may
      be the mean.
    """
    shown = _vibration(trend) if fast else _slow(trend)
    rows = -(-len(shown) // _COLUMNS)
    columns = min(_COLUMNS, len(shown))
    figure = Figure(figsize=(WIDTH, _ROW * rows + 0.45), layout="constrained")
    axes = np.asarray(figure.subplots(rows, columns, sharex=True, squeeze=False))
    for panel in axes.flat[len(shown) :]:
        panel.set_visible(False)
    for panel, one in zip(axes.flat, shown, strict=False):
        _panel(panel, trend, one)
    for column in range(columns):
        last = [panel for panel in axes[:, column] if panel.get_visible()][-1]
        last.tick_params(labelbottom=True)
        _label_time(last, trend)
    handles: dict[str, Any] = {}
    for panel in axes.flat:
        found = panel.get_legend_handles_labels()
        handles |= dict(zip(found[1], found[0], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles))
    return figure, _caption(trend, shown)


def _vibration(trend: Trend) -> list[Series]:
    """RMS, crest factor and kurtosis of the channels furthest from healthy, in their own order."""
    kinds = [one for one in trend.series if one.statistic != "mean"]
    channels = list(dict.fromkeys(one.channel for one in kinds))
    reach = {name: max(one.furthest for one in kinds if one.channel == name) for name in channels}
    chosen = sorted(channels, key=lambda name: -reach[name])[: _MOST_PANELS // _COLUMNS]
    return [one for one in kinds if one.channel in chosen]


def _slow(trend: Trend) -> list[Series]:
    """Of each channel the statistic furthest from healthy; the channels furthest first."""
    best: dict[str, Series] = {}
    for one in trend.series:
        if one.channel not in best or one.furthest > best[one.channel].furthest:
            best[one.channel] = one
    return sorted(best.values(), key=lambda one: -one.furthest)[:_MOST_PANELS]


def _panel(panel: Axes, trend: Trend, one: Series) -> None:
    at = _abscissa(trend)
    if one.low is not None and one.high is not None:
        panel.fill_between(
            at, one.low, one.high, step="mid", color=GREY, alpha=0.25, linewidth=0,
            label="healthy in this operating state",
        )  # fmt: skip
    panel.plot(at, one.values, color=BLACK, linewidth=0.6, alpha=0.5)
    alarm = np.array([point.alarm for point in trend.points])
    warned = np.array([point.warned for point in trend.points])
    for mask, marker, colour, name, size in (
        (~alarm, "o", BLUE, "no alarm", 16),
        (alarm, "^", VERMILION, "alarm", 24),
    ):
        if mask.any():
            panel.scatter(
                at[mask], one.values[mask], s=size, marker=marker, color=colour, label=name,
                zorder=3, linewidths=0,
            )  # fmt: skip
    if warned.any():
        panel.scatter(
            at[warned], one.values[warned], s=70, marker="o", facecolors="none", edgecolors=ORANGE,
            linewidths=1.1, label="with a warning", zorder=2,
        )  # fmt: skip
    if one.values.min() > 0 and one.values.max() > _WIDE * one.values.min():
        panel.set_yscale("log")
    unit = one.unit or "unit"
    panel.set_title(f"{one.channel}: {statistic_text(one.statistic)} [{unit}]", fontsize=9)


def _abscissa(trend: Trend) -> NDArray[Any]:
    if trend.timed:
        return np.array([point.start.replace(tzinfo=None) for point in trend.points if point.start])
    return np.arange(1, len(trend.points) + 1)


def _label_time(panel: Axes, trend: Trend) -> None:
    if not trend.timed:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        panel.set_xlabel("recording, by number [-]")
        return
    locator: Locator = AutoDateLocator(maxticks=5)  # type: ignore[no-untyped-call]  # matplotlib has no types here
    form: Formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]  # nor here
        locator, formats=_TIMES, zero_formats=_BEGINNINGS, show_offset=False
    )
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(form)
    years = [trend.points[at].start.year for at in (0, -1)]  # type: ignore[union-attr]  # a timed trend has starts
    year = str(years[0]) if years[0] == years[1] else f"{years[0]} to {years[1]}"
    panel.set_xlabel(f"start, {year} [UTC]")


def _caption(trend: Trend, shown: Sequence[Series]) -> str:
    text = f"{len(trend.points)} recordings in the order of {trend.order}."
    if shown[0].low is not None:
        text += (
            " Grey: where 99 % of healthy training windows keep every statistic, for the operating "
            "state of each recording."
        )
    channels = {one.channel for one in trend.series}
    if len({one.channel for one in shown}) < len(channels):
        text += f" Of {len(channels)} channels, those furthest from healthy."
    return text
