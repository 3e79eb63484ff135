"""What is to be diagnosed: stores, and files or folders read through a dataset card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faultsyn.errors import FaultsynError, InputError
from faultsyn.ingest import Card, load_card
from faultsyn.ingest.files import Files
from faultsyn.ingest.patterns import Match, matched, scan, walk
from faultsyn.ingest.quality import Excluded, Gate
from faultsyn.ingest.rates import Rates
from faultsyn.ingest.recordings import Pending, Planner
from faultsyn.plant.posed import Posed
from faultsyn.plant.recorded import Measured, measured
from faultsyn.store import Store
from faultsyn.windows import WindowSet, concat

_MEMORY = 64 << 20
_FOLDERS_UP = 8
STORES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Listed:
    """Files of one raw folder that a card knows, or one store.

    - `count`: stretches of work, for progress: files, or recordings of a store.
    """

    store: Path | None = None
    card: Card | None = None
    raw: Path = Path()
    matches: tuple[Match, ...] = ()
    files: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Steps of progress."""
        if self.store is None:
            return len(self.matches)
        with Store(self.store) as store:
            return len(store)


def listed(paths: Sequence[str | Path], card: str | Path | None) -> list[Listed]:
    """Find out what the paths are, before anything is read.

    Raises `InputError` on a path that is not there, files without a card, or a file or folder that
    the card does not know.
    """
    if not paths:
        raise InputError("nothing to diagnose", "name files, a folder or a store")
    known = None if card is None else load_card(card)
    return [_listed(Path(path), known) for path in paths]


def _listed(path: Path, card: Card | None) -> Listed:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if card is None:
        if path.suffix.lower() in STORES:
            return Listed(store=path)
        raise InputError(
            f"{path}: no store (*.h5); files are read through a dataset card",
            "give --card; `faultsyn card FOLDER` writes a first one",
        )
    if path.is_dir():
        found = scan(card, path)
        return Listed(None, card, path, found.matches, found.files, found.unmatched)
    whole = path.absolute()
    for raw in list(whole.parents)[:_FOLDERS_UP]:
        relative = whole.relative_to(raw).as_posix()
        matches = matched(card, raw, [relative])
        if matches:
            beside = whole.parent.relative_to(raw)
            files = [(beside / name).as_posix() for name in walk(whole.parent)]
            return Listed(None, card, raw, tuple(matches), tuple(files))
    raise InputError(f"{path}: does not match card '{card.name}'", "is it the right card?")


def measure(source: Listed, posed: Posed) -> Iterator[tuple[int, Measured]]:
    """Steps done before each recording, and the recording; one that cannot be read says why."""
    if source.store is not None:
        yield from _of_store(source.store, posed)
    else:
        yield from _of_files(source, posed)


def windows_of(
    posed: Posed, paths: Sequence[str | Path], card: str | Path | None, most: int
) -> WindowSet:
    """At most `most` windows of recordings that are all to be learnt from.

    Raises `InputError` naming the first recording that cannot be read or does not fit.
    """
    found: list[WindowSet] = []
    for source in listed(paths, card):
        for _, one in measure(source, posed):
            if one.windows is None:
                raise InputError(f"{one.id}: {one.problem}")
            found.append(one.windows)
    if not found:
        raise InputError("no recordings", "name files, a folder or a store that holds some")
    windows = concat(found)
    if len(windows) <= most:
        return windows
    return windows.take(np.linspace(0, len(windows) - 1, most).round().astype(np.intp))


def _of_store(path: Path, posed: Posed) -> Iterator[tuple[int, Measured]]:
    with Store(path, memory_budget=_MEMORY) as store:
        for row in range(len(store)):
            try:
                found = measured(store.recording(row), posed)
            except (FaultsynError, OSError) as error:
                found = Measured(str(store.recordings["id"][row]), str(path), problem=_line(error))
            yield row, found


def _of_files(source: Listed, posed: Posed) -> Iterator[tuple[int, Measured]]:
    assert source.card is not None
    with Files(source.raw, {}) as files:
        planner = Planner(source.card, files, source.files, gate=Gate(source.card.quality))
        for done, match in enumerate(source.matches):
            planner.rates = Rates()  # a file of another rate must not decide for the next
            planner.flagged.clear()
            try:
                for pending in planner.plan(match):
                    yield done, _built(pending, posed)
            except (FaultsynError, OSError) as error:
                yield done, Measured(match.relative, match.relative, problem=_line(error))
            finally:
                files.forget(match.relative)


def _built(pending: Pending, posed: Posed) -> Measured:
    try:
        return measured(pending.build(), posed)
    except Excluded as why:
        problem = f"left out by the card: {why}"
    except (FaultsynError, OSError) as error:
        problem = _line(error)
    return Measured(pending.id, pending.file, pending.sha256, problem=problem)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
