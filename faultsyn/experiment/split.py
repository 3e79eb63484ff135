"""Leak-proof splits: groups stand on one side of a fold, or it is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError, LeakError
from faultsyn.experiment.filters import (
    Columns,
    Condition,
    Predicate,
    keys,
    matches_any,
    text_of,
)
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import Split

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to part the windows.

    - `name`: which group is held out, as a person would say it.
    - `train`, `test`: window indices, ascending.
    - `classes`: the classes that are told apart, where they are not all of the task's.
    - `base`: training windows for `meta_fit`, of classes that are not tested; else None.
    """

    name: str
    train: Indices
    test: Indices
    classes: tuple[str, ...] | None = None
    base: Indices | None = None


def folds_of(table: Columns, labels: NDArray[np.str_], split: Split, what: str) -> list[Fold]:
    """The folds of a split, every one checked by `check_fold`.

    - `table`: window columns; `recording`, `start` [s] and the split's groups must be there.
    - `labels`: class of each window, `(n,)`.
    - `what`: the task, for errors.

    Raises `LeakError` when a fold would leak, `InputError` when the split cannot be made.
    """
    trainable = matches_any(table, split.train, what)
    testable = matches_any(table, split.test, what) & ~np.isin(labels, split.pinned)
    if split.scheme == "fixed":
        sides = [(_filter_name(split), testable)]
    elif split.scheme == "leave-one-out":
        sides = _leave_one_out(keys(table, split.groups, what), testable, what)
    elif split.scheme == "kfold":
        sides = _kfold(keys(table, split.groups, what), labels, testable, split, what)
    else:
        sides = _random_windows(labels, testable, split)
    folds = []
    for name, held_out in sides:
        test = held_out & testable
        train = trainable & ~held_out
        if not test.any() or not train.any():
            side = "test" if not test.any() else "training"
            raise InputError(f"{what}: fold '{name}' has no {side} windows", "check the filters")
        fold = Fold(name, np.flatnonzero(train), np.flatnonzero(test))
        check_fold(fold, table, split, what)
        folds.append(fold)
    return folds


def check_fold(fold: Fold, table: Columns, split: Split, what: str) -> None:
    """Raise `LeakError` when training and test share what the split's level forbids.

    Groups and recordings stand on one side; the window level, which shares both, still forbids
    that a test window overlaps a training window. Synthetic windows are never tested on.
    """
    where = f"{what}, fold '{fold.name}'"
    if _synthetic(table, len(next(iter(table.values()))))[fold.test].any():
        raise LeakError(
            f"{where}: synthetic windows in the test set",
            "leave them out with `where: {synthetic: false}`",
        )
    if np.intersect1d(fold.train, fold.test).size:
        raise LeakError(f"{where}: windows that are both trained and tested on")
    if split.level == "window":
        _check_overlap(fold, table, where)
        return
    for names in (split.groups, ("recording",)):
        of = keys(table, names, what)
        shared = sorted(set(of[fold.train]) & set(of[fold.test]))
        if shared:
            raise LeakError(
                f"{where}: {' x '.join(names)} '{shared[0]}' stands on both sides "
                f"({len(shared)} such)",
                "split by a column that keeps them together",
            )


def _check_overlap(fold: Fold, table: Columns, where: str) -> None:
    """Windows of one recording may touch, not overlap; `end` is exclusive [s]."""
    side = np.zeros(len(table["start"]), np.int8)
    side[fold.train], side[fold.test] = 1, 2
    rows = np.flatnonzero(side)
    rows = rows[np.lexsort((table["start"][rows], table["recording"][rows]))]
    before, after = rows[:-1], rows[1:]
    same = table["recording"][before] == table["recording"][after]
    half_sample = 1e-9 + 1e-6 * (table["end"][before] - table["start"][before])
    overlap = same & (side[before] != side[after])
    overlap &= table["start"][after] < table["end"][before] - half_sample
    if overlap.any():
        first = before[np.argmax(overlap)]
        raise LeakError(
            f"{where}: recording '{table['recording'][first]}': a test window overlaps a training "
            f"window near {table['end'][first]:.6g} s",
            "cut disjoint windows",
        )


def _synthetic(table: Columns, n: int) -> NDArray[np.bool_]:
    flag = table.get("synthetic")
    return np.zeros(n, bool) if flag is None else np.asarray(flag, bool)


def _filter_name(split: Split) -> str:
    """A fixed split by its test filter: "set test"."""
    wheres = [
        ", ".join(f"{column} {_condition_text(condition)}" for column, condition in where.items())
        for where in split.test
    ]
    return " or ".join(wheres)


def _condition_text(condition: Condition) -> str:
    if isinstance(condition, Predicate):
        given = condition.model_dump(exclude_none=True)
        return " ".join(f"{name} {value}" for name, value in given.items())
    values = condition if isinstance(condition, tuple) else (condition,)
    return "/".join(text_of(value) for value in values)


def _leave_one_out(
    groups: NDArray[np.str_], testable: NDArray[np.bool_], what: str
) -> list[tuple[str, NDArray[np.bool_]]]:
    names = sorted(set(groups[testable]))
    if len(names) < 2:
        raise InputError(f"{what}: leave-one-out needs at least two groups, got {names}")
    return [(str(name), groups == name) for name in names]


def _kfold(
    groups: NDArray[np.str_],
    labels: NDArray[np.str_],
    testable: NDArray[np.bool_],
    split: Split,
    what: str,
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Groups dealt to folds class by class, so that every fold holds its share of each class."""
    by_class: dict[str, list[str]] = {}
    for group in sorted(set(groups[testable])):
        held = sorted(set(labels[testable & (groups == group)]))
        by_class.setdefault("+".join(held), []).append(group)
    for label, members in by_class.items():
        if len(members) < 2:
            raise InputError(
                f"{what}: class '{label}' has one group only ({members[0]}), which cannot be both "
                "trained and tested on",
                "name the class under `pinned`, or group by a finer column",
            )
    sides = []
    for partition in range(split.partitions):
        rng = rng_for("kfold", *split.groups, partition)
        fold_of: dict[str, int] = {}
        for members in by_class.values():
            for group in rng.permutation(members):
                fold_of[str(group)] = len(fold_of) % split.folds
        number = np.array([fold_of.get(str(group), -1) for group in groups])
        for fold in range(min(split.folds, len(fold_of))):
            members = [group for group, f in fold_of.items() if f == fold]
            sides.append((_fold_name(members, partition, fold, split), number == fold))
    return sides


def _fold_name(members: list[str], partition: int, fold: int, split: Split) -> str:
    lead = f"{partition + 1}." if split.partitions > 1 else ""
    listed = " + ".join(sorted(members))
    if len(members) > 6:
        listed = f"{len(members)} of {'/'.join(split.groups)}"
    return f"fold {lead}{fold + 1}: {listed}"


def _random_windows(
    labels: NDArray[np.str_], testable: NDArray[np.bool_], split: Split
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Stratified random windows: the split that leaks."""
    sides = []
    for partition in range(split.partitions):
        rng = rng_for("window", partition)
        number = np.full(len(labels), -1)
        for label in sorted(set(labels[testable])):
            members = rng.permutation(np.flatnonzero(testable & (labels == label)))
            number[members] = np.arange(len(members)) % split.folds
        lead = f"{partition + 1}." if split.partitions > 1 else ""
        sides += [(f"windows {lead}{f + 1}", number == f) for f in range(split.folds)]
    return sides
