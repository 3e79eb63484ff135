"""What a page of verdicts says of each machine's trend: figure, and a table of what moves."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

from faultsyn.plant.trend import Series, Trend
from faultsyn.report.tables import Cell, Table
from faultsyn.report.trend_figure import statistic_text, trend_figure

MOST_TRENDS = 12
"""Machines whose trend is drawn; the others are in the JSON."""
_MOST_ROWS = 6


@dataclass(frozen=True)
class TrendCard:
    """One machine on the page."""

    trend: Trend
    title: str
    css: str
    table: Table
    png: str
    caption: str


def trend_cards(
    trends: Iterable[Trend], *, fast: bool, drawn: Iterable[TrendCard] = ()
) -> tuple[list[TrendCard], int]:
    """Cards of the machines that ask most for a look, and how many machines are left out.

    Those that alarmed last come first, then those furthest from healthy. Draw inside `styled()`.

    - `drawn`: cards of an earlier call, used again where the trend is the same object.
    """
    known = {id(card.trend): card for card in drawn}
    found = sorted(trends, key=_urgency)
    cards = [known.get(id(one)) or _card(one, fast=fast) for one in found[:MOST_TRENDS]]
    return cards, len(found) - len(cards)


def _urgency(trend: Trend) -> tuple[bool, bool, float]:
    last = trend.points[-1]
    return not last.alarm, not last.warned, -max(one.furthest for one in trend.series)


def _card(trend: Trend, *, fast: bool) -> TrendCard:
    figure, caption = trend_figure(trend, fast=fast)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    alarms = sum(point.alarm for point in trend.points)
    return TrendCard(
        trend=trend,
        title=f"{trend.asset or 'all recordings'}: {len(trend.points)} recordings, {alarms} alarms",
        css="warn" if trend.points[-1].alarm else "good",
        table=_table(trend),
        png=base64.b64encode(buffer.getvalue()).decode("ascii"),
        caption=caption,
    )


def _table(trend: Trend) -> Table:
    notable = sorted(trend.moving(), key=lambda one: -one.furthest)
    rows = [_row(trend, one) for one in notable[:_MOST_ROWS]]
    more = f" {len(notable) - len(rows)} more are in the JSON." if len(notable) > len(rows) else ""
    caption = (
        "Statistics that are outside now, rise or fall (Mann-Kendall test, p corrected for "
        f"{len(trend.series)} series).{more}"
    )
    head = ("channel", "statistic", "outside since", "moves", "p", "first", "last", "deviations")
    return Table(caption, head, tuple(rows), 4)


def _row(trend: Trend, one: Series) -> tuple[Cell, ...]:
    since = "–" if one.since is None else trend.points[one.since].recording
    last = "–" if one.deviations is None else f"{one.deviations[-1]:+.1f}"
    return (
        Cell(one.channel),
        Cell(statistic_text(one.statistic)),
        Cell(since),
        Cell(one.direction or "–"),
        Cell("1" if one.p >= 1 else f"{one.p:.2g}"),
        Cell(f"{one.values[0]:.4g}"),
        Cell(f"{one.values[-1]:.4g}"),
        Cell(last),
    )
