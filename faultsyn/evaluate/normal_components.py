"""Has each block of the healthy windows' principal components the variance it has in real faults.

Faults often lie in the minor components of normal variation. A generator that puts far too much
variance there looks right in a plot and ruins every linear classifier.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.windows import WindowSet

EDGES = (0, 10, 30, 100, 300)
"""Blocks of components 0-10, 10-30, 30-100 and 100-300, as far as there are components."""
MOST_NORMALS = 1000


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

    At most as many components as there are windows less one. Raises `InputError` when the healthy
    windows do not vary.
    """
    x = normal.x[:: max(1, len(normal) // MOST_NORMALS)]
    spread = x.std(axis=(0, 2), dtype=np.float64)
    scale = np.where(spread > 0, spread, 1.0)[:, None]
    rows = (x / scale).reshape(len(x), -1)
    rows = rows - rows.mean(axis=0)
    wide = rows.shape[1] > rows.shape[0]
    # The smaller of the two product matrices has the same leading eigenvalues, and is far cheaper
    # to decompose than the rows themselves.
    product = rows @ rows.T if wide else rows.T @ rows
    size = len(product)
    power, vectors = scipy.linalg.eigh(product, subset_by_index=(max(0, size - most), size - 1))
    kept = power > 1e-10 * max(power[-1], 1.0)
    if not kept.any():
        raise InputError("the healthy windows are all the same: no principal components")
    power, vectors = power[kept][::-1], vectors[:, kept][:, ::-1]
    return scale, (vectors.T @ rows) / np.sqrt(power)[:, None] if wide else vectors.T


def block_ratios(real: NDArray[Any], judged: NDArray[Any]) -> dict[str, float]:
    """Variance of judged over real scores `(n, k)`, by block of components."""
    count = real.shape[1]
    out = {}
    for low, high in pairwise(EDGES):
        if low >= count:
            break
        block = slice(low, min(high, count))
        mine = real[:, block].var(axis=0, dtype=np.float64).sum()
        theirs = judged[:, block].var(axis=0, dtype=np.float64).sum()
        if mine <= 0:
            raise InputError(f"real windows do not vary in normal components {low} to {high}")
        out[f"{block.start}-{block.stop}"] = float(theirs / mine)
    return out


def _scores(windows: WindowSet, scale: NDArray[Any], components: NDArray[Any]) -> WindowSet:
    rows = (windows.x / scale).reshape(len(windows), -1)
    return windows.as_features(rows @ components.T)
