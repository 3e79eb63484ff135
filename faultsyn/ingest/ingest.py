"""Card + raw folder -> store: every matched file once, nothing good lost on the way."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from faultsyn.errors import InputError
from faultsyn.ingest.card import card_hash, load_card
from faultsyn.ingest.files import AHEAD, Files
from faultsyn.ingest.patterns import Match, Scan, scan
from faultsyn.ingest.quality import Excluded, Flagged, Gate
from faultsyn.ingest.recordings import Blocks, Pending, Planner
from faultsyn.ingest.schema import Card
from faultsyn.store import Recording, Store, StoreWriter

Progress = Callable[[int, int, str], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """A file that did not become what it should, and why, in one line."""

    file: str
    message: str


@dataclass
class IngestSummary:
    """What an ingest did.

    - `added`, `skipped`: recordings written, and those that were in the store already.
    - `labels`, `assets`: added recordings and their different assets by label.
    - `streams`: added recordings by stream; `rates`: its sample rate [Hz].
    - `flags`: added recordings by quality flag; `flagged`: each with what was seen.
    - `excluded`: recordings that the card leaves out for their flags.
    - `unmatched`: files that the card does not know.
    - `problems`: what was left out (`on_error="skip"`).
    - `seconds`: wall time.
    """

    card: str
    store: Path
    added: int = 0
    skipped: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    assets: dict[str, int] = field(default_factory=dict)
    streams: Counter[str] = field(default_factory=Counter)
    rates: dict[str, float] = field(default_factory=dict)
    flags: Counter[str] = field(default_factory=Counter)
    flagged: list[Flagged] = field(default_factory=list)
    excluded: list[Problem] = field(default_factory=list)
    unmatched: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0


class _Nothing(Exception):
    """There is nothing to make a store of."""


def ingest(
    card: Card | str | Path,
    raw: str | Path,
    out: str | Path,
    *,
    append: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
) -> IngestSummary:
    """Read every file that a card knows into a store.

    Recordings that the store has already (same id, same source hash) are skipped; an ingest that
    was killed or stopped goes on where it was when it is run again.

    - `card`: a card, its name, or its path.
    - `raw`: folder with the files; `out`: the store.
    - `append`: add to a store that another card, or another version of this one, has made.
    - `on_error`: "stop" at the first problem, or "skip" that file and note the problem.
    - `progress`: called with files done, files in all, current file.

    Raises `InputError` or `StoreError` in one line; the store is then as it was before.
    """
    card = card if isinstance(card, Card) else load_card(card)
    raw, out = Path(raw), Path(out)
    found = scan(card, raw)
    summary, assets = take_in(
        card, raw, out, found, append=append, on_error=on_error, progress=progress
    )
    summary.assets = {label: len(names) for label, names in assets.items()}
    return summary


def take_in(
    card: Card,
    raw: Path,
    out: Path,
    found: Scan,
    *,
    rates: Mapping[str, float] | None = None,
    blocks: Mapping[str, Blocks] | None = None,
    may_be_empty: bool = False,
    append: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
) -> tuple[IngestSummary, dict[str, set[str]]]:
    """`ingest` of the files that were found; what it did, and the assets by label.

    - `rates`: of streams [Hz], as far as they are settled already.
    - `blocks`: running numbers before each file, where files before it are not among these.
    - `may_be_empty`: without a recording there is no store, and no error.
    """
    started = time.perf_counter()
    summary = IngestSummary(card.name, out, unmatched=found.unmatched)
    assets: dict[str, set[str]] = {}
    added: set[str] = set()
    with Files(raw, card.sha256) as files:
        gate = Gate(card.quality)
        planner = Planner(card, files, found.files, gate=gate)
        planner.rates.known.update(rates or {})
        if out.exists():
            planner.rates.known.update(_check_existing(out, card, append))
            gate.remember(out)
        there = out.exists()
        with suppress(_Nothing), StoreWriter(out, append=there, info=_info(card)) as writer:
            claims: dict[str, str] = {}
            n = len(found.matches)
            for done, match in enumerate(found.matches):
                if progress is not None:
                    progress(done, n, match.relative)
                if blocks:
                    planner.blocks = dict(blocks[match.relative])
                _look_ahead(files, found.matches[done + 1 : done + 1 + AHEAD], summary)
                for recording in _recordings(planner, match, writer, claims, summary, on_error):
                    _count(recording, summary, assets)
                    added.add(recording.id)
            if progress is not None:
                progress(n, n, "")
            if may_be_empty and not (there or summary.added or summary.skipped):
                raise _Nothing
    summary.flagged = [f for f in planner.flagged if f.recording in added]
    summary.rates = {name: planner.rates.known[name] for name in summary.streams}
    summary.seconds = time.perf_counter() - started
    return summary, assets


def _look_ahead(files: Files, soon: Sequence[Match], summary: IngestSummary) -> None:
    """Start on the next files; as long as some were known already, only hash them."""
    for match in soon:
        files.ahead(match.relative, match.rule.body, summary.skipped == 0)


def _recordings(
    planner: Planner,
    match: Match,
    writer: StoreWriter,
    claims: dict[str, str],
    summary: IngestSummary,
    on_error: str,
) -> Iterator[Recording]:
    """The recordings of one file that were added to the store."""
    try:
        for pending in planner.plan(match):
            claim(pending, claims)
            if writer.has(pending.sha256, pending.id):
                summary.skipped += 1
                continue
            try:
                recording = pending.build()
                writer.add(recording)
            except Excluded as why:
                summary.excluded.append(Problem(match.relative, f"{pending.id}: {why}"))
                continue
            yield recording
    except InputError as error:  # a StoreError (full disk, say) would meet every other file too
        if on_error == "stop":
            raise
        _log.warning("%s left out: %s", match.relative, error)
        summary.problems.append(Problem(match.relative, str(error)))
    finally:
        planner.files.forget(match.relative)


def claim(pending: Pending, claims: dict[str, str]) -> None:
    """Raise `InputError` when another file has given a recording of this id."""
    other = claims.setdefault(pending.id, pending.file)
    if other != pending.file:
        raise InputError(
            f"two files claim recording '{pending.id}': {other} and {pending.file}",
            "make 'id' in the card tell them apart, e.g. '{folder}-{stem}'",
        )


def _count(recording: Recording, summary: IngestSummary, assets: dict[str, set[str]]) -> None:
    summary.added += 1
    summary.labels[recording.label] += 1
    assets.setdefault(recording.label, set()).add(str(recording.columns.get("asset", "")))
    summary.streams.update(stream.stream for stream in recording.streams)
    flags = str(recording.columns.get("flags", "")).split(";")
    summary.flags.update({flag.split(":")[0] for flag in flags if flag})


def _info(card: Card) -> dict[str, str]:
    """What the store keeps of the card."""
    said = card.model_dump(include={"title", "publisher", "address", "licence", "citation"})
    return {"card": card.name, "card_hash": card_hash(card), **said}


def _check_existing(out: Path, card: Card, append: bool) -> dict[str, float]:
    """Rates of the streams that a store has already.

    Raises `InputError` when another card made it and `append` was not asked for.
    """
    with Store(out) as store:
        entries = [json.loads(text) for text in store.history]
        made = [(entry.get("card"), entry.get("card_hash")) for entry in entries]
        if not append and (card.name, card_hash(card)) not in made:
            names = ", ".join(sorted({str(name) for name, _ in made}))
            raise InputError(
                f"{out}: was made by card '{names}', not by this version of card '{card.name}'",
                "append to it, or remove it to make it anew",
            )
        return {name: stream.rate for name, stream in store.streams.items()}
