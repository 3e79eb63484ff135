"""Held-out predictions from an artefact alone: its stored support stands in for the store."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np

from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.split import Indices
from faultsyn.experiment.task import Task
from faultsyn.plant.crossfit import HeldOut, Place, joined, judged, withheld_folds
from faultsyn.plant.fitting import Fitted
from faultsyn.plant.folds import Level, inner_folds
from faultsyn.plant.states import States
from faultsyn.windows import NORMAL, WindowSet


def recheck(
    fitted: Fitted, task: Task, apart: str | None = None, *, with_groups: bool = True
) -> HeldOut | None:
    """Hold out parts of the real support rows in turn; None where it is too small.

    - `task`: says what it keeps apart, and which columns tell operating states.
    - `apart`: a class that is dealt on its own, so that one recording of it does not lower what is
      held out of the others.
    - `with_groups`: whether groups are held out whole, where that can be done.

    As `cross_fit`, but scalers and encoders stay as they are and synthetic windows are left out:
    they may have been made from what is held out.
    """
    groups, what = task.split.groups if with_groups else (), task.name
    real = np.flatnonzero(~fitted.support.synthetic)
    support, learnt = fitted.support.take(real), fitted.learnt.take(real)
    level, fold_of = _dealt(support, groups, what, apart)
    if level == "none":
        return None
    classes = tuple(sorted(set(support.labels.tolist())))
    faults = [label for label in classes if label != NORMAL]
    strangers = withheld_folds(support.labels, fold_of, faults) if len(classes) > 1 else {}
    parts = []
    for number in np.unique(fold_of[fold_of >= 0]).tolist():
        held, kept = np.flatnonzero(fold_of == number), np.flatnonzero(fold_of != number)
        mine = _refitted(fitted, support.take(kept), learnt.take(kept), f"{what} {number}")

        def without(label: str, kept: Indices = kept) -> Fitted:
            left = kept[support.labels[kept] != label]
            return _refitted(fitted, support.take(left), learnt.take(left), f"{what} {label}")

        withhold = [label for label in faults if number in strangers.get(label, ())]
        rows, windows = support.take(held), learnt.take(held)
        place = Place(held, number, States.of(task, mine.support).never_met(rows))
        parts.append(judged(mine, place, windows, rows, classes, withhold, without))
    return joined(level, classes, support, parts)


def _dealt(
    support: WindowSet, groups: tuple[str, ...], what: str, apart: str | None
) -> tuple[Level, Indices]:
    fold = np.full(len(support), -1)
    known = np.flatnonzero(support.labels != apart)
    level, fold[known] = inner_folds(support.table, support.labels, known, groups, 0, what)
    if apart is not None:
        new = np.flatnonzero(support.labels == apart)
        if len(new) > 1:
            _, fold[new] = inner_folds(support.table, support.labels, new, groups, 0, what)
    return level, fold


def _refitted(fitted: Fitted, support: WindowSet, learnt: WindowSet, what: str) -> Fitted:
    if len(set(support.labels.tolist())) < 2:  # of two classes one is withheld: distances only
        return replace(fitted, support=support, learnt=learnt, base=None)
    classifier = copy(fitted.classifier).extend(learnt, rng_for("recheck", what))
    return replace(fitted, classifier=classifier, support=support, learnt=learnt, base=None)
