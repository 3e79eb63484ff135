"""Variance by block of the healthy windows' principal components.

Faults often lie in the minor components of normal variation, where a generator can be wrong by
orders of magnitude and still look right in a plot.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from faultsyn.errors import InputError

EDGES = (0, 10, 30, 100, 300)
"""Blocks of components 0-10, 10-30, 30-100 and 100-300, as far as there are components."""
MOST_NORMALS = 1000


def block_components(
    normal: NDArray[Any], most: int = EDGES[-1]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale `(C, 1)` per channel and leading principal components `(k, C * T)` of healthy windows.

    - `normal`: `(n, C, T)`. At most as many components as there are windows less one.

    Raises `InputError` when the healthy windows do not vary.
    """
    x = normal[:: max(1, len(normal) // MOST_NORMALS)]
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
    """Variance of judged over real scores `(n, k)`, by block of components.

    Raises `InputError` when the real scores do not vary in a block.
    """
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
