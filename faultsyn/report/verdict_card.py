"""One recording on a page of verdicts: what is said of it, its figure, its evidence in tables."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faultsyn.report.arms import counted
from faultsyn.report.tables import Cell, Table
from faultsyn.report.trend_figure import statistic_text
from faultsyn.report.verdict_figures import Shown, verdict_figure
from faultsyn.windows import NORMAL, FloatArray

_LEVELS = 6


@dataclass(frozen=True)
class VerdictCard:
    """One recording on the page."""

    anchor: str
    title: str
    css: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    png: str
    caption: str


def percent(p: float | None) -> str:
    """A probability for a reader; never a certainty that rounding made."""
    if p is None:
        return "–"
    return f"{100 * min(max(p, 0.001), 0.999):.1f}\u00a0%"


def verdict_card(number: int, shown: Shown, reference: FloatArray | None) -> VerdictCard:
    """The card of a recording. Draw inside `styled()`.

    - `number`: in the order of the page. `reference`: mean healthy window.
    """
    made = shown.verdict
    figure, caption = verdict_figure(shown, reference)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    tables = [_levels(made), _lines(made), _nearest(made), _moved(made)]
    return VerdictCard(
        anchor=f"recording-{number}",
        title=f"{made['recording']}: {made['verdict']}",
        css="warn" if made["alarm"] or made["verdict"] != made["label"] else "good",
        lines=_sentences(made),
        tables=tuple(table for table in tables if table.rows),
        png=base64.b64encode(buffer.getvalue()).decode("ascii"),
        caption=caption,
    )


def _sentences(made: Mapping[str, Any]) -> tuple[str, ...]:
    said = [
        f"Most probable: {made['label']} ({percent(made['probability'])}), then "
        f"{made['runner_up']} ({percent(made['runner_up_probability'])}). "
        f"{counted(made['windows'], 'window')}."
    ]
    if made["prediction_set"] is not None:
        said.append(
            f"Left in the {100 * made['coverage']:g} % set: {', '.join(made['prediction_set'])}."
        )
    if made["unknown_limit"] is not None:
        side = "above" if made["unknown_score"] > made["unknown_limit"] else "below"
        said.append(
            f"Unlikeness to everything known: {made['unknown_score']:.2f}, {side} the limit of "
            f"{made['unknown_limit']:.2f}."
        )
    values = ", ".join(f"{value:g}" for value in made["severities"])
    if values not in ("", made["label"]) and made["label"] != NORMAL:
        said.append(f"Severities of the {made['label']} recordings that it learnt from: {values}.")
    return (*said, *(f"Warning: {text}" for text in made["warnings"]))


def _levels(made: Mapping[str, Any]) -> Table:
    found = made["evidence"].get("levels", [])[:_LEVELS]
    rows = [
        (
            Cell(row["channel"]),
            Cell(statistic_text(row["statistic"])),
            Cell(f"{row['value']:.4g}"),
            Cell(f"{row['healthy']:.4g}"),
            Cell(f"{row['deviations']:+.1f}"),
        )
        for row in found
    ]
    state = made["evidence"].get("state", "all")
    caption = f"Levels against the healthy baseline (operating state: {state}), furthest first."
    return Table(caption, ("channel", "statistic", "here", "healthy", "deviations"), tuple(rows), 2)


def _lines(made: Mapping[str, Any]) -> Table:
    rows = [
        (
            Cell(row["line"]),
            Cell(f"{row['order']:.3f}"),
            Cell(f"{row['hz']:.1f}"),
            Cell(f"{row['height']:.1f}"),
        )
        for row in made["evidence"].get("fault_lines", [])
    ]
    caption = "Lines of the bearing in the envelope spectrum; height over their surroundings."
    return Table(caption, ("line", "order", "Hz", "height"), tuple(rows), 1)


def _nearest(made: Mapping[str, Any]) -> Table:
    rows = [
        (
            Cell(row["label"]),
            Cell("synthetic" if row["synthetic"] else "real"),
            Cell("–" if row["synthetic"] else row.get("recording", "–")),
            Cell("–" if row["start"] is None else f"{row['start']:.4g}"),
            Cell(f"{row['distance']:.2f}"),
        )
        for row in made["evidence"].get("nearest", [])
    ]
    head = ("label", "kind", "recording", "from [s]", "distance")
    return Table("Nearest examples, real ones first.", head, tuple(rows), 3)


def _moved(made: Mapping[str, Any]) -> Table:
    rows = [
        (
            Cell(row["channel"]),
            Cell(f"{row['from']:.4g} to {row['to']:.4g}"),
            Cell(f"{row['drop']:.2f}"),
        )
        for row in made["evidence"].get("occlusion", [])
    ]
    caption = "What moved the verdict: fall of its log odds when a stretch is replaced by healthy."
    return Table(caption, ("sensor", "seconds", "fall"), tuple(rows), 2)
