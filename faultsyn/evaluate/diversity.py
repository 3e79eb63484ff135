"""Are the synthetic windows as different from each other as real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.features import feature_views
from faultsyn.evaluate.mmd import squared_distances
from faultsyn.evaluate.needs import Given
from faultsyn.windows import WindowSet


class Diversity(Metric):
    """Mean pairwise distance among synthetic windows over that among real ones.

    On level, log-spectrum and envelope-spectrum features, which do not change when a window is
    shifted. About 1 for real windows, 0 when one window is repeated. Detail `nearest`: the same
    ratio for the distance to the nearest other window, 0 when every window has a twin.
    """

    name = "diversity"
    direction = "closer-to-floor"
    sees = ("one window",)
    blind = "surrogates, noise and other faults may be as varied as the real windows"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        return feature_views(real, judged)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        # As many real windows as judged ones: the nearest distance depends on the number.
        drawn = rng.permutation(len(reference))[: len(judged)]
        real_mean, real_nearest = spread(reference.rows[drawn])
        mean, nearest = spread(judged.rows)
        if real_mean <= 0 or real_nearest <= 0:
            raise InputError("the real windows repeat each other: no diversity to compare with")
        return mean / real_mean, {"nearest": nearest / real_nearest}


def spread(rows: NDArray[Any]) -> tuple[float, float]:
    """Mean distance between rows, and mean distance of a row to the nearest other one."""
    distances = np.sqrt(squared_distances(np.asarray(rows, np.float64)))
    n = len(rows)
    mean = float(distances.sum() / (n * (n - 1)))
    np.fill_diagonal(distances, np.inf)
    return mean, float(distances.min(axis=1).mean())
