"""What an ingest would do: every recording with its label, streams and rates, nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest.card import load_card
from faultsyn.ingest.files import Files
from faultsyn.ingest.ingest import Problem, Progress, claim
from faultsyn.ingest.patterns import scan
from faultsyn.ingest.recordings import Planner
from faultsyn.ingest.schema import Card
from faultsyn.store import Recording


@dataclass(frozen=True)
class PlannedStream:
    """A stream of a recording: rate [Hz]; channels with quantity and unit."""

    name: str
    rate: float
    channels: tuple[str, ...]
    quantities: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """A recording that would go in; `columns` are its conditions."""

    id: str
    file: str
    label: str
    columns: Mapping[str, Any]
    streams: tuple[PlannedStream, ...]


@dataclass
class Preview:
    """What an ingest of a folder would do.

    - `recordings`: what would go in, in order.
    - `unmatched`: files that the card does not know; `problems`: files that would stop it.
    """

    card: str
    recordings: list[Planned] = field(default_factory=list)
    unmatched: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)


def preview(
    card: Card | str | Path, raw: str | Path, *, progress: Progress | None = None
) -> Preview:
    """Go through a folder as `ingest` does, as far as that needs no samples.

    Rates from time columns are those of the first block. What only samples can show (a time that
    drifts off later, quality flags) is left to the ingest.

    Raises `InputError` when the folder is not there or no file fits the card.
    """
    card = card if isinstance(card, Card) else load_card(card)
    found = scan(card, Path(raw))
    made = Preview(card.name, unmatched=found.unmatched)
    claims: dict[str, str] = {}
    with Files(Path(raw), {}, hashing=False) as files:
        planner = Planner(card, files, found.files)
        for done, match in enumerate(found.matches):
            if progress is not None:
                progress(done, len(found.matches), match.relative)
            try:
                for pending in planner.plan(match):
                    claim(pending, claims)
                    made.recordings.append(_planned(pending.build()))
            except InputError as error:
                made.problems.append(Problem(match.relative, str(error)))
            finally:
                files.forget(match.relative)
    return made


def _planned(recording: Recording) -> Planned:
    streams = tuple(
        PlannedStream(s.stream, s.rate, s.channels, s.quantities, s.units)
        for s in recording.streams
    )
    columns = {name: value for name, value in recording.columns.items() if name != "flags"}
    return Planned(recording.id, recording.source_file, recording.label, columns, streams)
