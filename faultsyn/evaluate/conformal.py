"""Conformal prediction sets with a stated coverage for every class (Mondrian).

Split conformal prediction with the score s = 1 - p(true class): Sadinle, Lei, Wasserman 2019, Least
ambiguous set-valued classifiers with bounded error levels; label-conditional (Mondrian) thresholds:
Vovk, Gammerman, Shafer 2005, Algorithmic learning in a random world, section 4.5. Scores of
cross-fitted folds are pooled (cross-conformal: Vovk 2015).

The promise holds where the new recording is exchangeable with those that calibrated, not for a
machine of another kind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def class_thresholds(proba: Floats, truth: Codes, coverage: float = 0.9) -> Floats:
    """For each class the largest score at which it still belongs to the set, `(C,)`.

    - `proba`: `(n, C)` probabilities of held-out recordings; `truth`: their classes.
    - `coverage`: 0 to 1; the share of each class whose set shall hold it.

    The ceil((n_c + 1) coverage)-th smallest score of class c. A class with fewer than
    coverage / (1 - coverage) recordings cannot be excluded at that coverage: its threshold is
    infinite, and every set holds it. Raises `InputError` on a coverage outside 0 to 1.
    """
    if not 0 < coverage < 1:
        raise InputError(f"prediction sets: expected a coverage between 0 and 1, got {coverage}")
    found = np.full(proba.shape[1], np.inf)
    for c in range(proba.shape[1]):
        scores = np.sort(1 - proba[truth == c, c])
        rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
        if rank <= len(scores):
            found[c] = scores[rank - 1]
    return found


def pooled_threshold(proba: Floats, truth: Codes, coverage: float = 0.9) -> float:
    """The one threshold of all classes together: its coverage holds over classes, not for each."""
    scores = np.sort(1 - proba[np.arange(len(truth)), truth])
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return float(scores[rank - 1]) if rank <= len(scores) else np.inf


def prediction_sets(proba: Floats, thresholds: Floats, keep_top: bool = True) -> NDArray[np.bool_]:
    """Which classes belong to the set of each recording, `(n, C)`.

    - `keep_top`: the most probable class always belongs to it. An empty set would say nothing that
      a person can act on; keeping the top class only adds to the coverage.
    """
    inside = 1 - proba <= thresholds
    if keep_top:
        inside[np.arange(len(proba)), proba.argmax(axis=1)] = True
    return np.asarray(inside, bool)


def empirical_coverage(sets: NDArray[np.bool_], truth: Codes) -> float:
    """Share of the recordings whose set holds their class."""
    return float(sets[np.arange(len(truth)), truth].mean())
