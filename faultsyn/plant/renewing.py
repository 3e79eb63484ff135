"""What a watcher leaves for people: a table, a page, renewed after each batch of files.

The journal is the deed; these are made from it. Each is replaced in one step, so a kill at any time
leaves the old or the new one, and a start makes them anew from the journal: nothing is missing in
them and nothing is there twice. One that cannot be written now (a full disk, a spreadsheet that
holds the file) is said on the log and tried again after the next look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from faultsyn.plant.journal import Entry, Journal, read_journal
from faultsyn.plant.rows import write_csv
from faultsyn.plant.verdict import Verdict
from faultsyn.plant.watching import Watcher

LONG_BATCH = 30.0
"""Seconds after which outputs are renewed in the middle of a batch."""

log = logging.getLogger(__name__)


class Renewed(Protocol):
    """An output of a watcher."""

    def take(self, entry: Entry) -> None:
        """Note what was done since the last renewal."""

    def renew(self) -> None:
        """Bring the file up to date; raises `OSError` when it cannot be written."""


class RenewedCsv:
    """One row a recording of the whole journal (`faultsyn.plant.rows`).

    - `path`: the table; what stood there is replaced. `journal`: path of the journal.
    """

    def __init__(self, path: str | Path, journal: str | Path) -> None:
        self.path, self._journal = Path(path), Path(journal)
        self._written: tuple[int, int] | None = None
        self._fresh: list[Verdict] = []

    def take(self, entry: Entry) -> None:
        """Note the verdicts of an entry that is in the journal."""
        if self._written is not None:  # else all is read from the journal
            self._fresh += _verdicts(entry)

    def renew(self) -> None:
        """Add what is new; all from the journal at first, and where another hand wrote."""
        mine = self._written is not None and self._written == _stamp(self.path)
        fresh, self._fresh, self._written = self._fresh, [], None  # until it is whole
        if mine:
            write_csv(self.path, fresh, after=self.path)
        else:
            every = (made for entry in read_journal(self._journal) for made in _verdicts(entry))
            write_csv(self.path, every)
        self._written = _stamp(self.path)


def entries(
    watcher: Watcher, journal: Journal, once: bool, outputs: Sequence[Renewed] = ()
) -> Iterator[Entry]:
    """`watcher.run` with its outputs kept up to date; the journal is closed, however it ends."""
    renewal = _Renewal(outputs)
    try:
        renewal.renew()
        for entry in watcher.run(once, looked=renewal.renew):
            renewal.take(entry)
            yield entry
    finally:
        journal.close()


class _Renewal:
    """Renews outputs that have something to show, and those that failed."""

    def __init__(self, outputs: Sequence[Renewed], clock: Callable[[], float] = time.monotonic):
        self._outputs, self._clock = outputs, clock
        self._due = set(range(len(outputs)))
        self._last = clock()

    def take(self, entry: Entry) -> None:
        for output in self._outputs:
            output.take(entry)
        self._due = set(range(len(self._outputs)))
        if self._clock() - self._last > LONG_BATCH:
            self.renew()

    def renew(self) -> None:
        for number in sorted(self._due):
            try:
                self._outputs[number].renew()
            except OSError as error:
                log.warning("cannot be written now, tried again: %s", error)
            else:
                self._due.discard(number)
        self._last = self._clock()


def _verdicts(entry: Entry) -> list[Verdict]:
    return [Verdict(**made) for made in entry["verdicts"]] if entry["kind"] == "done" else []


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_size, told.st_mtime_ns
