"""Mixup: convex combinations of windows, kept under the label of the larger share.

Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018, eq. 1:

    x' = l x_i + (1 - l) x_j,   l ~ Beta(alpha, alpha)

The paper mixes the labels in the same proportion. Windows here carry one class each, so l is
reflected to l >= 1/2 and the window keeps the hard label of x_i, its dominant share.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from faultsyn.errors import InputError
from faultsyn.synth.base import Space
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet


class Mixup(ShotGenerator):
    """Shots mixed with a smaller share of another window.

    - `alpha`: shape of the Beta distribution; small values stay near the shot, 1 is uniform.
    - `partners`: "class" (other shots of the class), "shots" (shots of any class) or "normal".
    - `space`: "features" or "signal" (for vibration a sum of two unsynchronised signals).

    `source` is the dominant shot. With one shot and partners "class" it gives copies.
    """

    name = "mixup"
    spaces = frozenset({"signal", "features"})
    keeps_normal = True

    def __init__(
        self,
        alpha: float = 0.4,
        partners: Literal["class", "shots", "normal"] = "class",
        space: Space = "features",
    ) -> None:
        self.alpha = alpha
        self.partners = partners
        self.space = space

    def check_config(self) -> None:
        """Raise `InputError` on alpha <= 0 or unknown partners."""
        super().check_config()
        self._require(self.alpha > 0, "alpha", "> 0")
        known = ("class", "shots", "normal")
        self._require(self.partners in known, "partners", "class, shots or normal")

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        if self.partners == "normal" and not hasattr(self, "normal_"):
            raise InputError(f"{self.name}: partners normal needs pretrain(normal windows) first")
        super()._adapt(shots, rng)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        pool = self.normal_ if self.partners == "normal" else self.shots_
        if self.partners == "class":
            pool = pool.take(self._rows(label))
        share = rng.beta(self.alpha, self.alpha, (n, 1, 1))
        share = np.maximum(share, 1 - share)
        partner = pool.x[rng.integers(len(pool), size=n)]
        return self._made(share * self.shots_.x[source] + (1 - share) * partner, source)
