"""Folds over real shots, for choosing a setting by cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 5


def shot_folds(
    codes: NDArray[np.intp], n_classes: int, rng: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """Held-out masks `(n_windows,)`, at most 5, that leave every class at least one window.

    - `codes`: class of each real window, 0..n_classes-1. Synthetic windows must be left out by
      the caller: made from a shot, they would stand on both sides.

    The windows of a class are dealt out in random order. Empty where no class has two windows; a
    class with one window is in no held-out mask.
    """
    counts = np.bincount(codes, minlength=n_classes)
    if counts.min() < 1 or counts.max() < 2:
        return []
    several = counts[counts > 1]
    n_folds = int(min(_MOST, several.min()))
    fold = np.full(len(codes), -1)
    for code in np.flatnonzero(counts > 1):
        members = rng.permutation(np.flatnonzero(codes == code))
        fold[members] = np.arange(len(members)) % n_folds
    return [fold == i for i in range(n_folds)]
