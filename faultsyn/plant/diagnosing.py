"""`diagnose`: recordings to verdicts, one after another, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.errors import FaultsynError
from faultsyn.plant.baseline import level_statistics
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.evidence import evidence, warnings
from faultsyn.plant.recorded import Measured
from faultsyn.plant.rows import write_csv
from faultsyn.plant.sources import Listed, listed, measure
from faultsyn.plant.trends import Trends
from faultsyn.plant.verdict import UNCLEAR, UNKNOWN, Verdict, decide
from faultsyn.windows import WindowSet

_KEPT_WINDOWS = 8
Progress = Callable[[int, int, str], None]


def diagnose(
    diagnoser: Diagnoser,
    paths: Sequence[str | Path],
    *,
    card: str | Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Verdict]:
    """Verdicts on the recordings of stores, files or folders, one at a time.

    - `card`: how files are read.

    What cannot be read or does not fit comes as a refusal with its reason, and the rest goes on.
    Raises `InputError` before the first verdict on a path that is not there or files without a
    card.
    """
    sources = listed(paths, card)
    return _verdicts(diagnoser, sources, progress)


def diagnose_all(
    diagnoser: Diagnoser,
    paths: Sequence[str | Path],
    *,
    card: str | Path | None = None,
    csv: str | Path | None = None,
    keep: Kept | None = None,
    trends: Trends | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """All verdicts as plain values; the arguments are those of `faultsyn.api.diagnose`.

    - `keep`: filled with the recordings that ask most for a look; `trends`: with all of them.
    """
    sources = listed(paths, card)
    verdicts = list(_verdicts(diagnoser, sources, progress, keep))
    trends = Trends(diagnoser.posed, diagnoser.baseline) if trends is None else trends
    for made in verdicts:
        trends.add(made)
    if csv is not None:
        write_csv(csv, verdicts)
    counts = Counter(made.verdict or made.status for made in verdicts)
    return {
        "verdicts": [made.as_json() for made in verdicts],
        "counts": dict(counts.most_common()),
        "trends": [trend.as_json() for trend in trends],
        "unmatched": [name for source in sources for name in source.unmatched],
    }


class Kept:
    """At most `most` recordings with some of their windows: alarms and unknowns before others.

    - `latest`: of those that ask equally for a look the last ones, else the first ones.
    """

    def __init__(self, most: int = 12, *, latest: bool = False) -> None:
        self.most, self.latest = most, latest
        self._found: list[tuple[tuple[int, int], Verdict, WindowSet]] = []
        self._seen = 0

    def add(self, made: Verdict, windows: WindowSet) -> None:
        """Keep this one if it asks more for a look than one that is kept."""
        urgent = made.alarm or made.verdict in (UNKNOWN, UNCLEAR)
        self._seen += 1
        place = -self._seen if self.latest else self._seen
        few = windows.take(np.arange(min(len(windows), _KEPT_WINDOWS)))  # a copy: not the rest
        self._found.append(((0 if urgent else 1, place), made, few))
        self._found = sorted(self._found, key=lambda one: one[0])[: self.most]

    def __iter__(self) -> Iterator[tuple[Verdict, WindowSet]]:
        return iter([(made, windows) for _, made, windows in self._found])


def _verdicts(
    diagnoser: Diagnoser,
    sources: list[Listed],
    progress: Progress | None,
    keep: Kept | None = None,
) -> Iterator[Verdict]:
    counts = [source.count for source in sources]
    before, total = 0, sum(counts)
    for source, count in zip(sources, counts, strict=True):
        for done, found in measure(source, diagnoser.posed):
            if progress is not None:
                progress(before + done, total, found.id)
            yield verdict_on(diagnoser, found, keep)
        before += count
    if progress is not None:
        progress(total, total, "")


def verdict_on(diagnoser: Diagnoser, found: Measured, keep: Kept | None = None) -> Verdict:
    """The verdict on one recording; one that is not refused is shown to `keep`."""
    columns = {name: _plain(value) for name, value in found.columns.items()}
    made = Verdict(found.id, found.file, sha256=found.sha256, warnings=list(found.notes))
    made.said = str(columns.pop("label", ""))
    made.columns = {name: value for name, value in columns.items() if value not in ("", None)}
    if found.windows is None:
        made.status, made.reason = "refused", found.problem
        return made
    try:
        rows = diagnoser.fitted.rows(found.windows)
        proba = diagnoser.proba(found.windows, rows)
        strange = diagnoser.strange(found.windows, rows)
    except FaultsynError as error:  # a speed or a bearing that the features need and lack
        made.status, made.reason = "refused", str(error)
        return made
    new_state = bool(diagnoser.states.outside(made.columns))
    made = decide(made, diagnoser.confidence, proba, strange, new_state)
    made.severities = list(diagnoser.posed.severities.get(made.label, ()))
    levels = level_statistics(found.windows.x).tolist()
    made.statistics = dict(zip(found.windows.channels, levels, strict=True))
    made.evidence = evidence(diagnoser, found.windows, rows, made)
    made.warnings += warnings(diagnoser, made)
    if keep is not None:
        keep.add(made, found.windows)
    return made


def _plain(value: Any) -> Any:
    """A column's value as JSON can say it; a missing number is None."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
