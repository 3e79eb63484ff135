"""Class-disjoint episodes: K shots and a few queries of classes that no base set has seen.

An N-way K-shot episode in the sense of Vinyals et al. (NeurIPS 2016); every episode is a fold of
its own, so that the same cells, shots and rows serve it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.experiment.filters import Columns, matches_any
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.split import Fold, check_fold
from faultsyn.experiment.task import Split


def episodes_of(table: Columns, labels: NDArray[np.str_], split: Split, what: str) -> list[Fold]:
    """The episodes of a split of scheme "episodes", every one checked by `check_fold`.

    - `table`: window columns; `labels`: class of each window, `(n,)`; `what`: the task, for errors.

    Base windows are those of the training side whose class is not novel in that set. Shots come
    from the training side, queries from the test side; without filters (level "window") each
    episode halves the windows of each class at random. Raises `InputError` when a class has too
    few windows, `LeakError` when an episode would leak.
    """
    train = matches_any(table, split.train, what)
    test = matches_any(table, split.test, what)
    known = set(labels.tolist())
    folds = []
    for number, novel in enumerate(split.novel, 1):
        unknown = sorted(set(novel) - known)
        if unknown:
            raise InputError(f"{what}: novel classes {unknown} have no windows")
        base = np.flatnonzero(train & ~np.isin(labels, novel))
        for episode in range(split.episodes):
            rng = rng_for("episode", what, number, episode)
            ways = tuple(str(name) for name in np.sort(rng.permutation(novel)[: split.way]))
            support, query = [base], []
            for label in ways:
                shots, queries = _sides(labels == label, train, test, split, rng)
                if len(queries) < split.queries:
                    raise InputError(
                        f"{what}: class '{label}' has {len(queries)} windows to query, "
                        f"queries = {split.queries}"
                    )
                support.append(shots)
                query.append(queries[: split.queries])
            fold = Fold(
                f"classes {number}, episode {episode + 1}",
                np.sort(np.concatenate(support)),
                np.sort(np.concatenate(query)),
                ways,
                base,
            )
            check_fold(fold, table, split, what)
            folds.append(fold)
    return folds


def _sides(
    of_class: NDArray[np.bool_],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    split: Split,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Windows of a class to draw shots from, and those to query in random order."""
    if split.level != "window":
        return np.flatnonzero(of_class & train), rng.permutation(np.flatnonzero(of_class & test))
    members = rng.permutation(np.flatnonzero(of_class & train & test))
    half = len(members) // 2
    return members[:half], members[half:]
