"""`write_verdicts`: verdicts on recordings as one page for people, with their evidence."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultsyn import __version__
from faultsyn.report.html import template, write_text
from faultsyn.report.style import styled
from faultsyn.report.tables import Cell, Table
from faultsyn.report.verdict_figures import Shown, verdict_figure
from faultsyn.windows import FloatArray

_MOST_ROWS = 2000
_LEVELS = 6


@dataclass(frozen=True)
class _Card:
    """One recording on the page."""

    anchor: str
    title: str
    css: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    png: str
    caption: str


def write_verdicts(
    found: Mapping[str, Any],
    shown: Sequence[Shown],
    reference: FloatArray | None,
    artifact: Mapping[str, Any],
    path: str | Path,
) -> Path:
    """Write one page (no network needed): every verdict in a table, evidence of some.

    - `found`: what `faultsyn.api.diagnose` returns. `shown`: the recordings that are drawn.
    - `reference`: mean healthy window. `artifact`: what the diagnoser says of itself.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    verdicts = found["verdicts"]
    with styled():
        cards = [_card(number, one, reference) for number, one in enumerate(shown)]
    page = template("verdicts.html").render(
        title=target.stem,
        facts=_facts(found, artifact),
        verdicts=_verdict_table([made for made in verdicts if made["status"] == "ok"]),
        refused=_refused_table([made for made in verdicts if made["status"] != "ok"]),
        unmatched=found["unmatched"],
        cards=cards,
        version=__version__,
    )
    return write_text(target, page)


def _facts(found: Mapping[str, Any], artifact: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = artifact["provenance"]["train"]
    counts = ", ".join(f"{name}: {count}" for name, count in found["counts"].items())
    facts = [
        ("Recordings", str(len(found["verdicts"]))),
        ("Verdicts", counts or "none"),
        ("Diagnoser", f"{artifact['path']}: {told['classifier']['name']} on task {told['task']}"),
        ("Trained on", ", ".join(f"{name} {n} windows" for name, n in told["windows"].items())),
    ]
    measured = artifact["measured"]
    if measured:
        facts.append(
            (
                "On held-out parts",
                f"{100 * measured['balanced_accuracy']:.1f} % balanced accuracy, calibration error "
                f"{measured['ece']:.3f} (held out: {artifact['held_out']})",
            )
        )
    return facts


def percent(p: float | None) -> str:
    """A probability for a reader; never a certainty that rounding made."""
    if p is None:
        return "–"
    return f"{100 * min(max(p, 0.001), 0.999):.1f} %"


def _verdict_table(verdicts: Sequence[Mapping[str, Any]]) -> Table:
    head = (
        "recording", "verdict", "most probable", "runner-up", "prediction set", "alarm",
        "probability", "unknown score", "limit",
    )  # fmt: skip
    rows = []
    for made in verdicts[:_MOST_ROWS]:
        alarm = {True: "yes", False: "no", None: "–"}[made["alarm"]]
        inside = made["prediction_set"]
        limit = made["unknown_limit"]
        rows.append(
            tuple(
                Cell(text, strong)
                for text, strong in (
                    (made["recording"], False),
                    (made["verdict"], True),
                    (made["label"], False),
                    (f"{made['runner_up']} {percent(made['runner_up_probability'])}", False),
                    ("–" if inside is None else ", ".join(inside), False),
                    (alarm, alarm == "yes"),
                    (percent(made["probability"]), False),
                    (f"{made['unknown_score']:.2f}", False),
                    ("–" if limit is None else f"{limit:.2f}", False),
                )
            )
        )
    more = len(verdicts) - len(rows)
    caption = "One row a recording." + (f" {more} more are in the JSON and CSV." if more else "")
    return Table(caption, head, tuple(rows), 6)


def _refused_table(refused: Sequence[Mapping[str, Any]]) -> Table:
    rows = [(Cell(made["recording"]), Cell(made["reason"])) for made in refused[:_MOST_ROWS]]
    return Table("Not diagnosed, and why.", ("recording", "reason"), tuple(rows), 2)


def _card(number: int, shown: Shown, reference: FloatArray | None) -> _Card:
    made = shown.verdict
    figure, caption = verdict_figure(shown, reference)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    tables = [_levels(made), _lines(made), _nearest(made), _moved(made)]
    return _Card(
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
        f"Most probable: {made['label']}, {percent(made['probability'])}; then "
        f"{made['runner_up']}, {percent(made['runner_up_probability'])}. "
        f"{made['windows']} windows."
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
    if made["severities"]:
        values = ", ".join(f"{value:g}" for value in made["severities"])
        said.append(f"Severities of the {made['label']} recordings that it learnt from: {values}.")
    return (*said, *(f"Warning: {text}" for text in made["warnings"]))


def _levels(made: Mapping[str, Any]) -> Table:
    found = made["evidence"].get("levels", [])[:_LEVELS]
    rows = [
        (
            Cell(row["channel"]),
            Cell(row["statistic"]),
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
