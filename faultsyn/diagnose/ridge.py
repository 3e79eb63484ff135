"""Ridge classifier (Hoerl and Kennard 1970), penalty chosen by leave-one-out error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.linear import ClassWeight, RidgeHead
from faultsyn.windows import WindowSet


class Ridge(FewShotClassifier):
    """One-against-rest ridge regression of class indicators on feature rows.

    - `alpha_min`, `alpha_max`, `n_alphas`: the grid of penalties, even in the logarithm.
    - `class_weight`: "balanced" weighs every class the same in total, None every window.
    """

    name: ClassVar[str] = "ridge"
    consumes: ClassVar[Consumes] = "features"

    def __init__(
        self,
        alpha_min: float = 1e-3,
        alpha_max: float = 1e3,
        n_alphas: int = 10,
        class_weight: ClassWeight = None,
    ) -> None:
        self.alpha_min = alpha_min
        self.alpha_max = alpha_max
        self.n_alphas = n_alphas
        self.class_weight = class_weight

    def check_config(self) -> None:
        """Raise `InputError` on a grid or weighting that makes no sense."""
        self._require(self.alpha_min > 0, "alpha_min", "a number > 0")
        self._require(self.alpha_max >= self.alpha_min, "alpha_max", "at least alpha_min")
        self._require(self.n_alphas >= 1, "n_alphas", "an integer >= 1")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        alphas = np.geomspace(self.alpha_min, self.alpha_max, self.n_alphas)
        self.head_ = RidgeHead.fit(support.rows, self._codes(support), alphas, self.class_weight)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return self.head_.proba(query.rows)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return self.head_.state(), {}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.head_ = RidgeHead.restore(arrays)
