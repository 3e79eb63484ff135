"""Parts of the training windows that are held out in turn, so that nothing is judged by itself."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.experiment.filters import Columns, keys
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.split import Indices

Level = Literal["group", "recording", "time block", "window", "none"]
"""What is held out; "window", at random, leaks and is for data that are exchangeable by nature."""

MOST = 5
"""Folds at most."""


def inner_folds(
    table: Columns,
    labels: NDArray[np.str_],
    chosen: Indices,
    groups: tuple[str, ...],
    seed: int,
    what: str,
    level: Level | None = None,
) -> tuple[Level, NDArray[np.intp]]:
    """The level that is held out, and the fold of each chosen window (-1: never held out).

    - `table`, `labels`: of all windows; `chosen`: those that may be learnt from.
    - `groups`: the columns that the task's split keeps apart.

    Groups where every class has at least two, else recordings, else stretches of time of each
    recording, which says least about another machine; "none" where a class has one window only.
    `level` asks for one of them.
    """
    mine = labels[chosen]
    if min(int((mine == label).sum()) for label in set(mine.tolist())) < 2:
        return "none", np.full(len(chosen), -1)
    if level == "window":
        return level, _dealt(np.arange(len(chosen)).astype(str), mine, seed, what)
    units: list[tuple[Level, NDArray[np.str_]]] = []
    if groups:
        units.append(("group", keys(table, groups, what)[chosen]))
    units.append(("recording", keys(table, ("recording",), what)[chosen]))
    for name, unit in units:
        if level not in (None, name):
            continue
        least = min(len(set(unit[mine == label])) for label in set(mine.tolist()))
        if least >= 2:
            return name, _dealt(unit, mine, seed, what)
        if level is not None:
            raise InputError(f"{what}: a class has one {level} only, none can be held out")
    recording = keys(table, ("recording",), what)[chosen]
    return "time block", _blocks(recording, mine, np.asarray(table["start"], float)[chosen])


def _dealt(unit: NDArray[np.str_], labels: NDArray[np.str_], seed: int, what: str) -> Indices:
    """Units dealt to folds, those of the rarest classes first, each to where its classes are few.

    Every class is then held out in at least two folds, and never in all of its units at once.
    """
    classes = sorted(set(labels.tolist()))
    holds = {u: sorted(set(labels[unit == u].tolist())) for u in sorted(set(unit.tolist()))}
    count = {label: sum(label in held for held in holds.values()) for label in classes}
    n_folds = min(MOST, len(holds))
    load = {label: np.zeros(n_folds) for label in classes}
    total = np.zeros(n_folds)
    order = rng_for("inner folds", what, seed).permutation(sorted(holds))
    fold_of = {}
    for name in sorted(order, key=lambda u: min(count[label] for label in holds[u])):
        burden = 1e-3 * total
        for label in holds[name]:
            burden = burden + load[label] / count[label]
            burden = burden + 1e3 * (load[label] + 1 == count[label])
        fold = int(np.argmin(burden))
        fold_of[str(name)] = fold
        total[fold] += 1
        for label in holds[name]:
            load[label][fold] += 1
    return np.array([fold_of[str(u)] for u in unit], np.intp)


def _blocks(
    recording: NDArray[np.str_], labels: NDArray[np.str_], start: NDArray[np.float64]
) -> Indices:
    """Stretches of time of each class, recording after recording."""
    fold = np.full(len(labels), -1)
    for label in sorted(set(labels.tolist())):
        members = np.flatnonzero(labels == label)
        ordered = members[np.lexsort((start[members], recording[members]))]
        parts = min(MOST, len(ordered))
        fold[ordered] = np.arange(len(ordered)) * parts // len(ordered)
    return fold
