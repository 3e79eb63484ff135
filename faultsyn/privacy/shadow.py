"""Membership by shadow models: learn on generators of one's own what members look like.

Shokri, Stronati, Song and Shmatikov, "Membership inference attacks against machine learning models"
(IEEE S&P 2017), for generators as in Stadler, Oprisanu and Troncoso, "Synthetic data: anonymisation
groundhog day" (USENIX Security 2022). The adversary runs the same method on windows of their own,
from groups that the attacked generator has never seen, so that the truth is known, and fits a
logistic regression from the scores of the other attacks to membership.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from faultsyn.errors import InputError
from faultsyn.privacy.membership import Rows, attack_features

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shadow:
    """One generator of the adversary's own.

    - `members`, `others`: windows that it learned from, and of the same groups that it did not.
    - `released`: what it made; `reference`: windows for the attacks, none of the three others.
    """

    members: Rows
    others: Rows
    released: Rows
    reference: Rows


@dataclass(frozen=True, eq=False)
class ShadowAttack:
    """A rule from the scores of the other attacks, learned on shadow generators."""

    model: LogisticRegression
    centre: Floats
    scale: Floats

    @classmethod
    def fit(cls, shadows: list[Shadow]) -> ShadowAttack:
        """Learn from at least one shadow generator; raises `InputError` on none."""
        if not shadows:
            raise InputError("shadow attack: expected at least one shadow generator, got none")
        features, truth = [], []
        for shadow in shadows:
            for side, member in ((shadow.members, True), (shadow.others, False)):
                features.append(attack_features(side, shadow.released, shadow.reference))
                truth.append(np.full(len(side), member))
        x = np.concatenate(features)
        centre = np.median(x, axis=0)
        scale = np.median(np.abs(x - centre), axis=0) + 1e-9
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        return cls(model.fit(_bent((x - centre) / scale), np.concatenate(truth)), centre, scale)

    def scores(self, tested: Rows, released: Rows, reference: Rows) -> Floats:
        """Log odds of membership of each tested window, `(n,)`."""
        x = (attack_features(tested, released, reference) - self.centre) / self.scale
        odds: Floats = self.model.decision_function(_bent(x))
        return odds


def _bent(x: Floats) -> Floats:
    """Scores of copies lie far out: logarithmic beyond a few spreads."""
    bent: Floats = np.arcsinh(x)
    return bent
