"""`diagnose --watch`: files of a folder as they arrive, each exactly once.

What makes it so: a file is read when it has not changed for a while, and left for later when it
changed while it was read; its verdicts and what they do to alarms are one line of the journal, and
the line is the deed. A kill before the line leaves the file to the next start, a kill after it
leaves nothing to do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest import Card
from faultsyn.ingest.patterns import Match, matched, walk
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import verdict_on
from faultsyn.plant.journal import Entry, Journal, read_journal
from faultsyn.plant.persistence import AlarmRule, AlarmState, suspicion_of
from faultsyn.plant.sources import Listed, measure
from faultsyn.plant.verdict import Verdict

MOST_TRIES = 5
"""Starts on a file that ended the process, after which it is refused."""

Stamp = tuple[int, int]
"""Size [bytes] and time of the last change [ns]."""


@dataclass(frozen=True)
class Pace:
    """How often is looked, and how long a file must stand still [s] before it is read."""

    every: float = 5.0
    settle: float = 2.0

    def __post_init__(self) -> None:
        if not (self.every > 0 and self.settle >= 0):
            raise InputError(
                f"watch: expected every > 0 and settle >= 0, got {self.every:g} and {self.settle:g}"
            )


class Watcher:
    """Diagnoses the files of `folder` that `card` knows, and remembers in `journal`.

    - `rule`: for alarms; None where the diagnoser knows no healthy class.

    State is what the journal says; a new watcher on the same journal goes on where the last one
    stopped, however it stopped.
    """

    def __init__(
        self,
        diagnoser: Diagnoser,
        folder: str | Path,
        card: Card,
        journal: Journal,
        rule: AlarmRule | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: no such folder")
        self._diagnoser, self._card, self._journal = diagnoser, card, journal
        self._rule, self.pace = rule, pace or Pace()
        self.alarms: dict[str, AlarmState] = {}
        self._files: tuple[str, ...] = ()
        self._done: dict[str, tuple[Stamp, str]] = {}
        self._tries: dict[tuple[str, Stamp], int] = {}
        self._seen: dict[str, tuple[Stamp, float]] = {}
        for entry in read_journal(journal.path):
            self._replay(entry)

    def run(self, once: bool, sleep: Callable[[float], None] = time.sleep) -> Iterator[Entry]:
        """The entries of files as they are done; `once`: end when no file is left waiting."""
        while True:
            yield from self.poll()
            if once and not self._seen:
                return
            sleep(min(self.pace.every, self.pace.settle) if self._seen else self.pace.every)

    def poll(self) -> Iterator[Entry]:
        """One look at the folder: the entries of what was ready."""
        self._files = tuple(walk(self.folder))
        found = matched(self._card, self.folder, self._files)
        present = {match.relative: match for match in found}
        self._seen = {name: seen for name, seen in self._seen.items() if name in present}
        ready = []
        for name, match in present.items():
            stamp = _stamp(match.path)
            if stamp is None or stamp[0] == 0 or self._is_done(match, stamp):
                self._seen.pop(name, None)
            elif self._stands_still(name, stamp):
                ready.append((stamp[1], name, match, stamp))
        for _, name, match, stamp in sorted(ready, key=lambda one: one[:2]):
            entry = self._handle(match, stamp)
            if entry is not None:
                self._seen.pop(name, None)
                yield entry

    def _stands_still(self, name: str, stamp: Stamp) -> bool:
        now = time.monotonic()
        known, since = self._seen.get(name, (None, now))
        if known != stamp:
            self._seen[name] = stamp, now
            return self.pace.settle == 0
        return now - since >= self.pace.settle

    def _is_done(self, match: Match, stamp: Stamp) -> bool:
        """Whether this file was done; a new date on the same bytes is no new file."""
        done = self._done.get(match.relative)
        if done is None:
            return False
        if done[0] == stamp:
            return True
        if _digest(match.path) != done[1]:
            return False
        self._remember(
            {"kind": "same", "file": match.relative, "stamp": list(stamp), "sha256": done[1]}
        )
        return True

    def _handle(self, match: Match, stamp: Stamp) -> Entry | None:
        """Diagnose one file and write it down; None when it is not to be had yet."""
        key = match.relative, stamp
        if self._tries.get(key, 0) >= MOST_TRIES:
            verdicts = [_refused(match, f"ended the process {MOST_TRIES} times while it was read")]
            digest = _digest(match.path)
        else:
            digest = _digest(match.path)
            if digest is None:
                return None
            self._remember({"kind": "began", "file": match.relative, "stamp": list(stamp)})
            source = Listed(None, self._card, self.folder, (match,), self._files)
            verdicts = [
                verdict_on(self._diagnoser, found)
                for _, found in measure(source, self._diagnoser.posed)
            ] or [_refused(match, "holds no recording")]
            if _stamp(match.path) != stamp or _digest(match.path) != digest:
                return None  # it changed under our hands
        entry: Entry = {
            "kind": "done",
            "file": match.relative,
            "stamp": list(stamp),
            "sha256": digest,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "verdicts": [made.as_json() for made in verdicts],
        }
        entry["alarms"] = self._changes(verdicts)
        self._remember(entry, replay_alarms=False)
        return entry

    def _changes(self, verdicts: list[Verdict]) -> list[dict[str, Any]]:
        """What these verdicts do to alarms, machine by machine."""
        changes = []
        for made in verdicts:
            suspicion = suspicion_of(made)
            if self._rule is None or suspicion is None:
                continue
            asset = str(made.columns.get("asset", ""))
            state = self.alarms.setdefault(asset, AlarmState(self._rule))
            change = state.update(suspicion)
            if change is not None:
                changes.append({"asset": asset, "alarm": change, "recording": made.recording})
        return changes

    def _remember(self, entry: Entry, *, replay_alarms: bool = True) -> None:
        self._journal.append(entry)
        self._replay(entry, replay_alarms=replay_alarms)

    def _replay(self, entry: Entry, *, replay_alarms: bool = True) -> None:
        if entry["kind"] == "journal":
            return
        name, stamp = entry["file"], (entry["stamp"][0], entry["stamp"][1])
        if entry["kind"] == "began":
            self._tries[name, stamp] = self._tries.get((name, stamp), 0) + 1
            return
        self._done[name] = stamp, entry["sha256"]
        if entry["kind"] == "done" and replay_alarms:
            self._changes([Verdict(**verdict) for verdict in entry["verdicts"]])


def entries(watcher: Watcher, journal: Journal, once: bool) -> Iterator[Entry]:
    """`watcher.run`, after which the journal is closed, however it ends."""
    try:
        yield from watcher.run(once)
    finally:
        journal.close()


def _refused(match: Match, reason: str) -> Verdict:
    return Verdict(match.relative, match.relative, status="refused", reason=reason)


def _stamp(path: Path) -> Stamp | None:
    try:
        told = path.stat()
    except OSError:  # gone again
        return None
    return told.st_size, told.st_mtime_ns


def _digest(path: Path) -> str | None:
    """SHA-256; None when the file cannot be read now."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def alarm_rule(
    diagnoser: Diagnoser, n: int, m: int, on: float | None, off: float | None
) -> AlarmRule | None:
    """The rule for a diagnoser: `on` is its own alarm threshold and `off` half of `on` when None.

    None for a diagnoser without a healthy class. Raises `InputError` on numbers that make no sense.
    """
    if diagnoser.confidence.alarm is None:
        return None
    high = diagnoser.confidence.alarm if on is None else on
    return AlarmRule(high, high / 2 if off is None else off, n, m)
