"""What no store of a set alone can know: running numbers, and samples that another store has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.files import Files
from faultsyn.ingest.patterns import Scan
from faultsyn.ingest.quality import DUPLICATE, Flagged, Print, Seen
from faultsyn.ingest.recordings import Blocks, Planner
from faultsyn.ingest.schema import Card
from faultsyn.store import Store


def block_starts(card: Card, raw: Path, found: Scan) -> dict[str, Blocks]:
    """The running numbers before each file, by its relative path; empty where the card has none.

    Files are only planned, as `ingest` plans them one after the other.
    """
    values = (v for m in found.matches for v in m.rule.body.columns.values())
    if all(value.block_of is None for value in values):
        return {}
    starts: dict[str, Blocks] = {}
    with Files(raw, card.sha256, hashing=False) as files:
        planner = Planner(card, files, found.files)
        for match in found.matches:
            starts[match.relative] = dict(planner.blocks)
            try:
                for _ in planner.plan(match):
                    pass
            except InputError:  # is met again, and reported, where the file is taken in
                continue
            finally:
                files.forget(match.relative)
    return starts


def duplicates(stores: Sequence[Path], found: Scan) -> list[Flagged]:
    """Recordings whose samples an earlier one has, and that do not say so yet.

    From the stores' tables and checksums; no sample is read. Earlier is what comes first in the
    order of the files; recordings of files that are no longer there come before all others.
    """
    order = {match.relative: place for place, match in enumerate(found.matches)}
    recordings = [r for number, path in enumerate(stores) for r in _recordings(path, number)]
    recordings.sort(key=lambda r: (order.get(r.file, -1), r.store, r.row))
    seen, made = Seen(), []
    for recording in recordings:
        twins = {
            stream: twin
            for stream, prints in recording.prints.items()
            if (twin := seen.twin(recording.id, prints)) is not None
        }
        if twins and DUPLICATE not in recording.flags:
            stream, twin = next(iter(twins.items()))
            made.append(Flagged.duplicate(recording.id, stream, twin))
    return made


class _Known:
    """A recording of a store: where it stands, its flags, and its prints by stream."""

    def __init__(self, store: Store, number: int, row: int) -> None:
        table = store.recordings
        self.id, self.file = str(table["id"][row]), str(table["source_file"][row])
        self.store, self.row = number, row
        flags = str(table["flags"][row]) if "flags" in table else ""
        self.flags = flags.split(";")
        self.prints: dict[str, list[Print]] = {}
        for stream, held in store.stream_files.items():
            names, n = store.streams[stream].channels, int(held.lengths[row])
            moving = [
                k for k in np.flatnonzero(held.present[row]) if f"flat:{names[k]}" not in self.flags
            ]
            prints = [(stream, names[k], n, int(held.checksums[row, k])) for k in moving]
            if prints:
                self.prints[stream] = prints


def _recordings(path: Path, number: int) -> Iterator[_Known]:
    with Store(path) as store:
        for row in range(len(store)):
            yield _Known(store, number, row)
