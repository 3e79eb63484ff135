"""Attacks on membership by name, run class by class: an adversary knows the class of a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.privacy.distance import distance_scores
from faultsyn.privacy.domias import domias_scores
from faultsyn.privacy.reconstruction import reconstruction_scores

Floats = NDArray[np.float64]

Attack = Callable[[Floats, Floats, Floats], Floats]
"""`(rows, released, reference)` -> scores `(n,)`, higher the likelier a member."""

ATTACKS: dict[str, Attack] = {
    "distance": distance_scores,
    "reconstruction": reconstruction_scores,
    "density ratio": domias_scores,
}
"""Every attack by its name."""

_FEWEST_REFERENCES = 2


@dataclass(frozen=True, eq=False)
class Rows:
    """Windows as an attack sees them.

    - `x`: float64 `(n, d)`; `labels`: class of each, `(n,)`.
    """

    x: Floats
    labels: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
        """The rows at `index`."""
        return Rows(self.x[index], self.labels[index])


def membership_scores(attack: Attack, tested: Rows, released: Rows, reference: Rows) -> Floats:
    """Score of each tested window, against the released and reference windows of its class.

    Raises `InputError` naming a class without released windows or with fewer than two reference
    windows.
    """
    scores = np.empty(len(tested))
    for label in np.unique(tested.labels):
        mine, made, real = (part.labels == label for part in (tested, released, reference))
        if not made.any() or real.sum() < _FEWEST_REFERENCES:
            raise InputError(
                f"attack: class '{label}' has {int(made.sum())} released and {int(real.sum())} "
                f"reference windows, expected at least 1 and {_FEWEST_REFERENCES}",
                "attack classes that were released, with fewer shots so that some windows are left",
            )
        scores[mine] = attack(tested.x[mine], released.x[made], reference.x[real])
    return scores


def attack_features(tested: Rows, released: Rows, reference: Rows) -> Floats:
    """The scores of every attack on each tested window, `(n, number of attacks)`."""
    columns = [
        membership_scores(attack, tested, released, reference) for attack in ATTACKS.values()
    ]
    return np.stack(columns, axis=1)
