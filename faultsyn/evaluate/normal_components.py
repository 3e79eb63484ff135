"""Has each block of the healthy windows' principal components the variance it has in real faults.

Faults often lie in the minor components of normal variation. A generator that puts far too much
variance there looks right in a plot and ruins every linear classifier.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.signal.normal_blocks import EDGES, block_components, block_ratios
from faultsyn.windows import WindowSet

__all__ = ["EDGES", "NormalComponents", "block_ratios", "normal_components"]


class NormalComponents(Metric):
    """Worst variance ratio, synthetic over real, among blocks of normal principal components.

    Principal components of the healthy windows (samples of all channels, each standardised); per
    block the ratio of the summed variances. The value is the largest of ratio and 1 / ratio, so 1
    is ideal, and above 2 is a reason to reject; details give each block's ratio.
    """

    name = "normal-components"
    unit = "ratio"
    direction = "lower"
    needs = frozenset({Need.NORMAL})
    sees = ("one window",)
    blind = "surrogates and noise of the right level may have the right variance"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        if given.normal is None:
            raise InputError(f"needs {Need.NORMAL}")
        if given.normal.x.shape[1:] != real.x.shape[1:]:
            raise InputError(
                f"the healthy windows have shape {given.normal.x.shape[1:]}, the others "
                f"{real.x.shape[1:]}"
            )
        scale, components = normal_components(given.normal)
        return _scores(real, scale, components), _scores(judged, scale, components)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        ratios = block_ratios(reference.rows, judged.rows)
        worst = max(max(ratio, 1.0 / max(ratio, 1e-6)) for ratio in ratios.values())
        return worst, ratios


def normal_components(
    normal: WindowSet, most: int = EDGES[-1]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale `(C, 1)` per channel and leading principal components `(k, C * T)` of healthy windows.

    See `faultsyn.signal.normal_blocks.block_components`.
    """
    return block_components(normal.x, most)


def _scores(windows: WindowSet, scale: NDArray[Any], components: NDArray[Any]) -> WindowSet:
    rows = (windows.x / scale).reshape(len(windows), -1)
    return windows.as_features(rows @ components.T)
