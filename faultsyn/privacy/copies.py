"""Copy check: are released windows nearer to the training windows than to others like them?

Platzer and Reutterer, "Holdout-based empirical assessment of mixed-type synthetic data" (Frontiers
in Big Data 4, 2021): with a holdout as large as the training set, half of the released windows lie
closer to either. It finds copies and near copies, and that is all: Yao, Ganev, et al., "The DCR
delusion" (2025), show generators that pass it and leak. It is no proof of privacy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from faultsyn.errors import InputError
from faultsyn.privacy.membership import Rows

Floats = NDArray[np.float64]

_SAME = 1e-6
_PERMUTATIONS = 499


@dataclass(frozen=True)
class CopyCheck:
    """Distance to the closest record.

    - `closer`: share of released windows that are closer to a training window than to any of as
      many held-out ones; a half is expected.
    - `low`, `high`: 95 % range of that share when the two sets are mixed at random, which a few
      windows that lie near everything can make wide.
    - `copies`: released windows that equal a training window, to a millionth of the usual distance.
    - `to_members`, `to_holdout`: median distances, in spreads of the view.
    - `n`: released windows; `size`: training windows, and held-out ones.
    """

    closer: float
    low: float
    high: float
    copies: int
    to_members: float
    to_holdout: float
    n: int
    size: int


def copy_check(released: Rows, members: Rows, holdout: Rows, rng: np.random.Generator) -> CopyCheck:
    """Distances of released windows to training and to held-out windows of the same class.

    Of each class as many are taken from both sides, drawn by `rng`. Ties count half. Raises
    `InputError` when no class has both.
    """
    mixed = np.zeros(_PERMUTATIONS)
    to_members, to_holdout, size = [], [], 0
    for label in np.unique(released.labels):
        made = released.x[released.labels == label]
        sides = [side.x[side.labels == label] for side in (members, holdout)]
        count = min(len(side) for side in sides)
        if count == 0:
            continue
        size += count
        real, other = (side[rng.permutation(len(side))[:count]] for side in sides)
        distance = cdist(made, np.concatenate([real, other]))
        to_members.append(distance[:, :count].min(axis=1))
        to_holdout.append(distance[:, count:].min(axis=1))
        for i in range(_PERMUTATIONS):
            drawn = distance[:, rng.permutation(2 * count)]
            mixed[i] += _closer(drawn[:, :count].min(axis=1), drawn[:, count:].min(axis=1))
    if not to_members:
        raise InputError("copy check: no class with training and held-out windows")
    mine, theirs = np.concatenate(to_members), np.concatenate(to_holdout)
    usual = float(np.median(theirs))
    low, high = np.quantile(mixed / len(mine), [0.025, 0.975])
    return CopyCheck(
        _closer(mine, theirs) / len(mine),
        float(low),
        float(high),
        int((mine <= _SAME * usual).sum()),
        float(np.median(mine)),
        usual,
        len(mine),
        size,
    )


def _closer(mine: Floats, theirs: Floats) -> float:
    return float((mine < theirs).sum() + 0.5 * (mine == theirs).sum())
