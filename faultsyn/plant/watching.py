"""`diagnose --watch`: files of a folder as they arrive, each exactly once.

What makes it so: a file is read when it has not changed for a while, and left for later when it
changed while it was read; its verdicts and what they do to alarms are one line of the journal, and
the line is the deed. A kill before the line leaves the file to the next start, a kill after it
leaves nothing to do.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest import Card
from faultsyn.ingest.patterns import Match, matched, walk
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import Kept, verdict_on
from faultsyn.plant.journal import Entry, Journal, read_journal
from faultsyn.plant.persistence import AlarmRule, AlarmState, suspicion_of
from faultsyn.plant.recorded import Measured
from faultsyn.plant.sources import Listed, measure
from faultsyn.plant.trends import Trends
from faultsyn.plant.verdict import Verdict
from faultsyn.windows import FloatArray

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
    - `keep`: filled with the recordings that ask most for a look, as they come.

    `alarms` and `trends` hold what is known of each machine. State is what the journal says; a new
    watcher on the same journal goes on where the last one stopped, however it stopped.
    """

    def __init__(
        self,
        diagnoser: Diagnoser,
        folder: str | Path,
        card: Card,
        journal: Journal,
        rule: AlarmRule | None = None,
        pace: Pace | None = None,
        keep: Kept | None = None,
    ) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: no such folder")
        self._diagnoser, self._card, self._journal = diagnoser, card, journal
        self._rule, self.pace = rule, pace or Pace()
        self._keep = keep
        self.alarms: dict[str, AlarmState] = {}
        self.trends = Trends(diagnoser.posed, diagnoser.baseline)
        self._files: tuple[str, ...] = ()
        self._done: dict[str, tuple[Stamp, str]] = {}
        self._tries: dict[tuple[str, Stamp], int] = {}
        self._seen: dict[str, tuple[Stamp, float]] = {}
        for entry in read_journal(journal.path):
            self._replay(entry)

    @property
    def journal(self) -> Path:
        """Where it is written down."""
        return self._journal.path

    @property
    def reference(self) -> FloatArray | None:
        """Mean healthy window of the diagnoser, None where it knows none."""
        baseline = self._diagnoser.baseline
        return None if baseline is None else baseline.reference

    def run(
        self,
        once: bool,
        sleep: Callable[[float], None] = time.sleep,
        looked: Callable[[], None] = lambda: None,
    ) -> Iterator[Entry]:
        """The entries of files as they are done.

        - `once`: end when no file is left waiting. `looked`: called after each look.
        """
        while True:
            yield from self.poll()
            looked()
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
            fresh = Kept(latest=True)
            verdicts = [
                verdict_on(self._diagnoser, found, fresh) for found in self._recordings(match)
            ] or [_refused(match, "holds no recording")]
            if _stamp(match.path) != stamp or _digest(match.path) != digest:
                return None  # it changed under our hands
            self._show(fresh)
        entry: Entry = {
            "kind": "done",
            "file": match.relative,
            "stamp": list(stamp),
            "sha256": digest,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "verdicts": [made.as_json() for made in verdicts],
        }
        entry["alarms"], entry["trends"] = self._changes(verdicts)
        self._remember(entry, replay_verdicts=False)
        return entry

    def show_latest(self) -> None:
        """Fill `keep` with the latest recordings of earlier starts whose files still stand."""
        if self._keep is None:
            return
        self._files = tuple(walk(self.folder))
        done = (entry for entry in read_journal(self.journal) if entry["kind"] == "done")
        for entry in deque(done, maxlen=self._keep.most):
            stamp = entry["stamp"][0], entry["stamp"][1]
            good = [Verdict(**made) for made in entry["verdicts"] if made["status"] == "ok"]
            known = {made.recording: made for made in good}
            for match in matched(self._card, self.folder, [entry["file"]]):
                if known and _stamp(match.path) == stamp:  # a refused file may be a deadly one
                    self._show_again(match, known)

    def _show_again(self, match: Match, known: Mapping[str, Verdict]) -> None:
        fresh = Kept(latest=True)
        for found in self._recordings(match):
            made = known.get(found.id)
            if made is not None and found.windows is not None:
                fresh.add(made, found.windows)
        self._show(fresh)

    def _recordings(self, match: Match) -> Iterator[Measured]:
        source = Listed(None, self._card, self.folder, (match,), self._files)
        return (found for _, found in measure(source, self._diagnoser.posed))

    def _show(self, fresh: Kept) -> None:
        if self._keep is not None:
            for made, windows in reversed(list(fresh)):
                self._keep.add(made, windows)

    def _changes(
        self, verdicts: list[Verdict]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What these verdicts do to alarms and to trends, machine by machine."""
        changes: list[dict[str, Any]] = []
        moves: list[dict[str, Any]] = []
        for made in verdicts:
            moves += self.trends.add(made)
            suspicion = suspicion_of(made)
            if self._rule is None or suspicion is None:
                continue
            asset = str(made.columns.get("asset", ""))
            state = self.alarms.setdefault(asset, AlarmState(self._rule))
            change = state.update(suspicion)
            if change is not None:
                changes.append({"asset": asset, "alarm": change, "recording": made.recording})
        return changes, moves

    def _remember(self, entry: Entry, *, replay_verdicts: bool = True) -> None:
        self._journal.append(entry)
        self._replay(entry, replay_verdicts=replay_verdicts)

    def _replay(self, entry: Entry, *, replay_verdicts: bool = True) -> None:
        if entry["kind"] == "journal":
            return
        name, stamp = entry["file"], (entry["stamp"][0], entry["stamp"][1])
        if entry["kind"] == "began":
            self._tries[name, stamp] = self._tries.get((name, stamp), 0) + 1
            return
        self._done[name] = stamp, entry["sha256"]
        if entry["kind"] == "done" and replay_verdicts:
            self._changes([Verdict(**verdict) for verdict in entry["verdicts"]])


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
