"""The page of a watcher: its latest verdicts, the trend of each machine, evidence of some."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faultsyn.plant.journal import Entry, read_journal
from faultsyn.plant.trend import Trend
from faultsyn.report.html import write_text
from faultsyn.report.style import styled
from faultsyn.report.trend_section import TrendCard, trend_cards
from faultsyn.report.verdict_card import VerdictCard, verdict_card
from faultsyn.report.verdict_figures import Shown
from faultsyn.report.verdict_page import counts_text, diagnoser_facts, is_fast, render_verdicts
from faultsyn.windows import FloatArray

MOST_VERDICTS = 200
"""Latest recordings on the page; the table and the journal have all."""


class WatchPage:
    """An output of a watcher (`faultsyn.plant.renewing.Renewed`).

    - `path`: of the page. `journal`: what it holds is on the page from the start.
    - `trends`, `shown`, `raised`: trends of the machines, recordings to be drawn, machines whose
      alarm is on, whenever they are asked.
    - `artifact`: what the diagnoser says of itself. `reference`: mean healthy window.
    """

    def __init__(
        self,
        path: str | Path,
        journal: str | Path,
        *,
        trends: Iterable[Trend],
        shown: Callable[[], Iterable[Shown]],
        raised: Callable[[], Iterable[str]],
        artifact: Mapping[str, Any],
        reference: FloatArray | None = None,
    ) -> None:
        self.path = Path(path)
        self._trends, self._shown, self._raised = trends, shown, raised
        self._artifact, self._reference = artifact, reference
        self._latest: deque[Mapping[str, Any]] = deque(maxlen=MOST_VERDICTS)
        self._counts: Counter[str] = Counter()
        self._cards: dict[int, tuple[Shown, VerdictCard]] = {}
        self._trend_cards: list[TrendCard] = []
        self._number = 0
        for entry in read_journal(journal):
            if entry["kind"] == "done":
                self.take(entry)

    def take(self, entry: Entry) -> None:
        """Note the verdicts of an entry."""
        for made in entry["verdicts"]:
            self._latest.append({name: made[name] for name in made if name != "evidence"})
            self._counts[made["verdict"] or made["status"]] += 1

    def renew(self) -> None:
        """Write the page anew, in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with styled():
            cards = self._drawn()
            self._trend_cards, left = trend_cards(
                self._trends, fast=is_fast(self._artifact), drawn=self._trend_cards
            )
        page = render_verdicts(
            self.path.stem, self._facts(), [*reversed(self._latest)], cards, self._trend_cards,
            trends_left=left, rows_left=self._counts.total() - len(self._latest),
        )  # fmt: skip
        write_text(self.path, page)

    def _drawn(self) -> list[VerdictCard]:
        """Cards of what is shown; each is drawn once."""
        cards = {}
        for shown in self._shown():
            key = id(shown.windows)
            found = self._cards.get(key)
            if found is None:
                self._number += 1
                found = shown, verdict_card(self._number, shown, self._reference)
            cards[key] = found
        self._cards = cards
        return [card for _, card in cards.values()]

    def _facts(self) -> list[tuple[str, str]]:
        raised = sorted(asset or "all" for asset in self._raised())
        return [
            ("Written", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")),
            ("Alarms on", ", ".join(raised) or "none"),
            ("Recordings", str(self._counts.total())),
            ("Verdicts", counts_text(dict(self._counts.most_common()))),
            *diagnoser_facts(self._artifact),
        ]
