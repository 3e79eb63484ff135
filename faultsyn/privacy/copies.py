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

from faultsyn.errors import InputError
from faultsyn.privacy.distance import nearest
from faultsyn.privacy.intervals import Interval, clopper_pearson
from faultsyn.privacy.membership import Rows

Floats = NDArray[np.float64]

_SAME = 1e-6


@dataclass(frozen=True)
class CopyCheck:
    """Distance to the closest record.

    - `closer`: share of released windows that are closer to a training window than to any of as
      many held-out ones; a half is expected.
    - `copies`: released windows that equal a training window, to a millionth of the usual distance.
    - `to_members`, `to_holdout`: median distances, in spreads of the view.
    - `n`: released windows; `size`: training windows, and held-out ones.
    """

    closer: Interval
    copies: int
    to_members: float
    to_holdout: float
    n: int
    size: int


def copy_check(released: Rows, members: Rows, holdout: Rows, rng: np.random.Generator) -> CopyCheck:
    """Distances of released windows to training and to held-out windows of the same class.

    Of each class as many are taken from both sides, drawn by `rng`. Ties count half. The interval
    takes released windows to be independent. Raises `InputError` when no class has both.
    """
    to_members, to_holdout, size = [], [], 0
    for label in np.unique(released.labels):
        made = released.x[released.labels == label]
        sides = [side.x[side.labels == label] for side in (members, holdout)]
        count = min(len(side) for side in sides)
        if count == 0:
            continue
        size += count
        real, other = (side[rng.permutation(len(side))[:count]] for side in sides)
        to_members.append(nearest(made, real))
        to_holdout.append(nearest(made, other))
    if not to_members:
        raise InputError("copy check: no class with training and held-out windows")
    mine, theirs = np.concatenate(to_members), np.concatenate(to_holdout)
    closer = float((mine < theirs).sum() + 0.5 * (mine == theirs).sum())
    usual = float(np.median(theirs))
    return CopyCheck(
        clopper_pearson(closer, len(mine)),
        int((mine <= _SAME * usual).sum()),
        float(np.median(mine)),
        usual,
        len(mine),
        size,
    )
