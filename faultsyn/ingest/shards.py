"""Many files into several stores behind one index, in parallel processes."""

from __future__ import annotations

import logging
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from faultsyn.errors import InputError, StoreError
from faultsyn.ingest.across import block_starts, duplicates
from faultsyn.ingest.card import load_card
from faultsyn.ingest.files import Files
from faultsyn.ingest.ingest import IngestSummary, Progress, take_in
from faultsyn.ingest.patterns import Scan, scan
from faultsyn.ingest.quality import DUPLICATE, Flagged
from faultsyn.ingest.recordings import Blocks, Planner
from faultsyn.ingest.schema import Card
from faultsyn.store import Store, join_stores
from faultsyn.store.schema import SET_SCHEMA, require_replaceable
from faultsyn.workers import Lost, Workers

SHARDS = 16
"""Stores behind an index when nobody says how many."""

_log = logging.getLogger(__name__)
_Taken = tuple[IngestSummary, dict[str, set[str]]]


@dataclass(frozen=True)
class _Shard:
    """The files of one store, and where they go."""

    card: Card
    raw: Path
    out: Path
    found: Scan
    rates: dict[str, float]
    blocks: dict[str, Blocks]
    append: bool
    on_error: Literal["stop", "skip"]


def ingest_shards(
    card: Card | str | Path,
    raw: str | Path,
    out: str | Path,
    *,
    shards: int = SHARDS,
    jobs: int = 1,
    append: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
) -> IngestSummary:
    """Read every file that a card knows into stores beside `out`, which becomes their index.

    A file goes to a store by the hash of its path, so that the stores have the same bytes whatever
    `jobs` is, and further files change no others. Killed or stopped, it goes on when it is run
    again. Running numbers (`block_of`) are those of one store. A recording whose samples another
    store has is flagged in the index, and stays in.

    - `shards`: how many stores, `<out>-000.h5`, ...; those that get no file are left out.
    - `jobs`: processes. The rest as of `ingest`.

    Raises `InputError` or `StoreError` as `ingest` does.
    """
    started = time.perf_counter()
    card = card if isinstance(card, Card) else load_card(card)
    raw, out = Path(raw), Path(out)
    require_replaceable(out, SET_SCHEMA)
    found = scan(card, raw)
    rates, blocks = _first_rates(card, raw, found), block_starts(card, raw, found)
    units = []
    for number in range(shards):
        matches = tuple(
            m for m in found.matches if zlib.crc32(m.relative.encode()) % shards == number
        )
        if matches:
            place = out.with_name(f"{out.stem}-{number:03}.h5")
            part = replace(found, matches=matches, unmatched=())
            mine = {m.relative: blocks[m.relative] for m in matches if blocks}
            units.append(_Shard(card, raw, place, part, rates, mine, append, on_error))
    taken: dict[Path, _Taken] = {}
    done = 0
    with Workers(jobs) as workers:
        for unit, answer in workers.run(_take_in, sorted(units, key=_size, reverse=True)):
            if isinstance(answer, Lost):
                raise StoreError(f"{unit.out}: {answer.reason}", "run the same command again")
            taken[unit.out] = answer
            done += len(unit.found.matches)
            if progress is not None:
                progress(done, len(found.matches), unit.out.name)
    made = [unit.out for unit in units if unit.out.exists()]
    if not made:
        raise StoreError(f"{out}: no recordings were added, so there is no store")
    known = _ids(out)
    twins = duplicates(made, found)
    join_stores(made, out, flags={twin.recording: twin.text for twin in twins})
    summary = _merged(card, out, found, [taken[unit.out] for unit in units])
    _tell(summary, [twin for twin in twins if twin.recording not in known], card)
    summary.seconds = time.perf_counter() - started
    return summary


def _size(unit: _Shard) -> int:
    """Bytes of a shard's files: with the largest first no process is left with a large one."""
    return sum(match.path.stat().st_size for match in unit.found.matches)


def _take_in(unit: _Shard) -> _Taken:
    return take_in(
        unit.card, unit.raw, unit.out, unit.found, rates=unit.rates, blocks=unit.blocks,
        may_be_empty=True, append=unit.append, on_error=unit.on_error,
    )  # fmt: skip


def _ids(index: Path) -> set[str]:
    """The recordings that an index held before."""
    if not index.exists():
        return set()
    with Store(index) as store:
        return set(store.recordings["id"].tolist())


def _tell(summary: IngestSummary, twins: list[Flagged], card: Card) -> None:
    """Put twins over several stores into the summary."""
    summary.flagged += twins
    summary.flags[DUPLICATE] += len(twins)
    if DUPLICATE in card.quality.exclude:
        for twin in twins:
            _log.warning(
                "recording %s stays in, flagged: its %s, which is in another store (ingest into "
                "one to leave it out)", twin.recording, twin.evidence,
            )  # fmt: skip


def _first_rates(card: Card, raw: Path, found: Scan) -> dict[str, float]:
    """Rates of the first file's streams: what is measured elsewhere takes on these."""
    with Files(raw, card.sha256, hashing=False) as files:
        planner = Planner(card, files, found.files)
        for match in found.matches[:1]:
            try:
                for pending in planner.plan(match):
                    pending.build()
            except InputError:  # will be met, and reported, where the file is taken in
                break
        return planner.rates.known


def _merged(card: Card, out: Path, found: Scan, parts: list[_Taken]) -> IngestSummary:
    whole = IngestSummary(card.name, out, unmatched=found.unmatched)
    assets: dict[str, set[str]] = {}
    for part, names in parts:
        whole.added += part.added
        whole.skipped += part.skipped
        for counts, more in (
            (whole.labels, part.labels), (whole.streams, part.streams), (whole.flags, part.flags),
        ):  # fmt: skip
            counts.update(more)
        whole.rates |= part.rates
        whole.flagged += part.flagged
        whole.excluded += part.excluded
        whole.problems += part.problems
        for label, found_assets in names.items():
            assets.setdefault(label, set()).update(found_assets)
    whole.assets = {label: len(names) for label, names in assets.items()}
    return whole
