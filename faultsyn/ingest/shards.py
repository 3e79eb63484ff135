"""Many files into several stores behind one index, in parallel processes."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from faultsyn.errors import InputError, StoreError
from faultsyn.ingest.card import load_card
from faultsyn.ingest.files import Files
from faultsyn.ingest.ingest import IngestSummary, Progress, take_in
from faultsyn.ingest.patterns import Scan, scan
from faultsyn.ingest.recordings import Planner
from faultsyn.ingest.schema import Card
from faultsyn.store import join_stores
from faultsyn.store.schema import SET_SCHEMA, require_replaceable
from faultsyn.workers import Lost, Workers

SHARDS = 16
"""Stores behind an index when nobody says how many."""

_Taken = tuple[IngestSummary, dict[str, set[str]]]


@dataclass(frozen=True)
class _Shard:
    """The files of one store, and where they go."""

    card: Card
    raw: Path
    out: Path
    found: Scan
    rates: dict[str, float]
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
    again. Twins of a recording are looked for within its store only.

    - `shards`: how many stores, `<out>-000.h5`, ...; those that get no file are left out.
    - `jobs`: processes. The rest as of `ingest`.

    Raises `InputError` or `StoreError` as `ingest` does, and when the card numbers blocks over all
    files, which no store alone can do.
    """
    started = time.perf_counter()
    card = card if isinstance(card, Card) else load_card(card)
    raw, out = Path(raw), Path(out)
    require_replaceable(out, SET_SCHEMA)
    found = scan(card, raw)
    _refuse_blocks(card, found)
    rates = _first_rates(card, raw, found)
    units = []
    for number in range(shards):
        matches = tuple(
            m for m in found.matches if zlib.crc32(m.relative.encode()) % shards == number
        )
        if matches:
            place = out.with_name(f"{out.stem}-{number:03}.h5")
            part = replace(found, matches=matches, unmatched=())
            units.append(_Shard(card, raw, place, part, rates, append, on_error))
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
    join_stores(made, out)
    summary = _merged(card, out, found, [taken[unit.out] for unit in units])
    summary.seconds = time.perf_counter() - started
    return summary


def _size(unit: _Shard) -> int:
    """Bytes of a shard's files: with the largest first no process is left with a large one."""
    return sum(match.path.stat().st_size for match in unit.found.matches)


def _take_in(unit: _Shard) -> _Taken:
    return take_in(
        unit.card, unit.raw, unit.out, unit.found, rates=unit.rates, may_be_empty=True,
        append=unit.append, on_error=unit.on_error,
    )  # fmt: skip


def _refuse_blocks(card: Card, found: Scan) -> None:
    for match in found.matches:
        for name, value in match.rule.body.columns.items():
            if value.block_of is not None:
                raise InputError(
                    f"card '{card.name}': column '{name}' numbers blocks over all files",
                    "ingest into one store, without --jobs and --shards",
                )


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
