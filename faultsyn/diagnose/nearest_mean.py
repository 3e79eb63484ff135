"""Nearest class mean (Rocchio's classifier; Hastie, Tibshirani, Friedman, section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.linear import class_means, softmax
from faultsyn.windows import WindowSet

_LEAST_SPREAD = 1e-30  # only where all windows are copies of each other


class NearestMean(FewShotClassifier):
    """Softmax over negative squared distances to the class means; every class counts the same.

    p(c | x) is proportional to exp(-|x - mu_c|^2 / (temperature * s)), where s is the squared
    distance that a training window of a class typically has to its mean: the variance summed over
    features, averaged over the classes with at least two windows. With one window in every class,
    s is half the smallest squared distance between two means. Rows are taken as they come; the
    representation has standardised them.

    - `temperature`: how much further (in units of s) another mean must be for odds of e to 1.
    """

    name: ClassVar[str] = "nearest-mean"
    consumes: ClassVar[Consumes] = "features"

    def __init__(self, temperature: float = 0.25) -> None:
        self.temperature = temperature

    def check_config(self) -> None:
        """Raise `InputError` on a temperature that is not positive."""
        self._require(self.temperature > 0, "temperature", "a number > 0")

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        rows, codes = support.rows.astype(np.float64), self._codes(support)
        self.means_ = class_means(rows, codes, len(self.classes_))
        squares = ((rows - self.means_[codes]) ** 2).sum(axis=1)
        counts = np.bincount(codes)
        several = counts > 1
        if several.any():
            totals = np.bincount(codes, squares)[several]
            spread = float((totals / (counts[several] - 1)).mean())
        else:
            between = _squared_distances(self.means_, self.means_)
            spread = float(between[~np.eye(len(between), dtype=bool)].min() / 2)
        self.spread_ = max(spread, _LEAST_SPREAD)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._logits(query))

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        distances = _squared_distances(query.rows.astype(np.float64), self.means_)
        return np.asarray(-distances / (self.temperature * self.spread_))

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"means": self.means_}, {"spread": self.spread_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.means_, self.spread_ = arrays["means"], float(info["spread"])


def _squared_distances(rows: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[Any]:
    """|row - mean|^2, `(n_rows, n_means)`, without the cancellation of the expanded square."""
    return np.stack([((rows - mean) ** 2).sum(axis=1) for mean in means], axis=1)
