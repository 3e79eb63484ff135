"""`write_verdicts`: verdicts on recordings as one page for people, with their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faultsyn import __version__
from faultsyn.plant.trend import Trend
from faultsyn.report.html import template, write_text
from faultsyn.report.style import styled
from faultsyn.report.tables import Cell, Table
from faultsyn.report.trend_section import TrendCard, trend_cards
from faultsyn.report.verdict_card import VerdictCard, percent, verdict_card
from faultsyn.report.verdict_figures import Shown
from faultsyn.report.window_figures import shows_spectra
from faultsyn.windows import FloatArray

_MOST_ROWS = 2000


def write_verdicts(
    found: Mapping[str, Any],
    shown: Sequence[Shown],
    trends: Iterable[Trend],
    reference: FloatArray | None,
    artifact: Mapping[str, Any],
    path: str | Path,
) -> Path:
    """Write one page (no network needed): every verdict in a table, trends, evidence of some.

    - `found`: what `faultsyn.api.diagnose` returns. `shown`: the recordings that are drawn.
    - `trends`: of each machine. `reference`: mean healthy window. `artifact`: what the diagnoser
      says of itself.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with styled():
        cards = [verdict_card(number, one, reference) for number, one in enumerate(shown)]
        drawn, left = trend_cards(trends, fast=is_fast(artifact))
    facts = [
        ("Recordings", str(len(found["verdicts"]))),
        ("Verdicts", counts_text(found["counts"])),
        *diagnoser_facts(artifact),
    ]
    page = render_verdicts(
        target.stem, facts, found["verdicts"][:_MOST_ROWS], cards, drawn, trends_left=left,
        rows_left=max(0, len(found["verdicts"]) - _MOST_ROWS), unmatched=found["unmatched"],
    )  # fmt: skip
    return write_text(target, page)


def render_verdicts(
    title: str,
    facts: Sequence[tuple[str, str]],
    verdicts: Sequence[Mapping[str, Any]],
    cards: Sequence[VerdictCard],
    trends: Sequence[TrendCard],
    *,
    trends_left: int,
    rows_left: int,
    unmatched: Sequence[str] = (),
) -> str:
    """The page as HTML.

    - `verdicts`: as plain values; `rows_left`, `trends_left`: how many more there are.
    """
    more = f" {rows_left} more are in the JSON and CSV." if rows_left else ""
    return template("verdicts.html").render(
        title=title,
        facts=facts,
        verdicts=_verdict_table([made for made in verdicts if made["status"] == "ok"], more),
        refused=_refused_table([made for made in verdicts if made["status"] != "ok"]),
        unmatched=unmatched,
        cards=cards,
        trends=trends,
        trends_left=trends_left,
        version=__version__,
    )


def is_fast(artifact: Mapping[str, Any]) -> bool:
    """Whether a diagnoser's windows are vibration and the like."""
    window = artifact["window"]
    return shows_spectra(window["rate"], window["samples"])


def counts_text(counts: Mapping[str, int]) -> str:
    """How often each verdict was given."""
    return ", ".join(f"{name}: {count}" for name, count in counts.items()) or "none"


def diagnoser_facts(artifact: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a diagnoser is and how good it was on held-out parts, for the head of a page."""
    told = artifact["provenance"]["train"]
    facts = [
        ("Diagnoser", f"{artifact['path']}: {told['classifier']['name']} on task {told['task']}"),
        ("Trained on", f"windows of {counts_text(told['windows'])}"),
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


def _verdict_table(verdicts: Sequence[Mapping[str, Any]], more: str) -> Table:
    head = (
        "recording", "verdict", "most probable", "runner-up", "prediction set", "alarm",
        "probability", "unknown score", "limit",
    )  # fmt: skip
    rows = []
    for made in verdicts:
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
                    (f"{made['runner_up']} ({percent(made['runner_up_probability'])})", False),
                    ("–" if inside is None else ", ".join(inside), False),
                    (alarm, alarm == "yes"),
                    (percent(made["probability"]), False),
                    (f"{made['unknown_score']:.2f}", False),
                    ("–" if limit is None else f"{limit:.2f}", False),
                )
            )
        )
    return Table(f"One row a recording.{more}", head, tuple(rows), 6)


def _refused_table(refused: Sequence[Mapping[str, Any]]) -> Table:
    rows = [(Cell(made["recording"]), Cell(made["reason"])) for made in refused]
    return Table("Not diagnosed, and why.", ("recording", "reason"), tuple(rows), 2)
