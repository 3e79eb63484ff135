"""Maximum mean discrepancy between feature distributions, with a permutation p-value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.features import feature_views
from faultsyn.evaluate.needs import Given
from faultsyn.windows import WindowSet

PERMUTATIONS = 200
WIDTHS = (1.0, 2.0, 4.0)
"""Kernel widths, in median distances: the wider ones still rank sets that lie far out."""


class MMD(Metric):
    """Squared MMD (unbiased, RBF kernels) on level, log-spectrum and envelope-spectrum features.

    The kernels' widths are 1, 2 and 4 median distances among the real windows (Gretton et al., "A
    Kernel Two-Sample Test", JMLR 13, 2012, eq. 3 and section 8). About 0 for equal distributions.
    Detail `p`: share of 200 random relabellings with a discrepancy at least as large. Windows of
    one recording are not independent: read it beside the floor, not against 0.05.
    """

    name = "mmd"
    direction = "lower"
    sees = ("iaaft", "phase-randomised", "white noise", "one window", "another fault")
    blind = "copies of typical windows have the features of real ones"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        return feature_views(real, judged)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        value, p = mmd_test(reference.rows, judged.rows, rng)
        return value, {"p": p}


def mmd_test(
    x: NDArray[Any], y: NDArray[Any], rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> tuple[float, float]:
    """Unbiased squared MMD of rows `x` `(m, F)` and `y` `(n, F)`, and its permutation p-value.

    Kernel exp(-d^2 / (2 s^2)), mean over s = 1, 2 and 4 median distances within `x`. Raises
    `InputError` when all rows of `x` are the same or a side has fewer than two rows.
    """
    m, n = len(x), len(y)
    if m < 2 or n < 2:
        raise InputError(f"MMD needs at least two rows a side, got {m} and {n}")
    squares = squared_distances(np.concatenate([x, y]).astype(np.float64))
    width = float(np.median(np.sqrt(squares[:m, :m][np.triu_indices(m, 1)])))
    if width <= 0:
        raise InputError("MMD: the real windows do not differ, so the kernel has no width")
    kernel = np.mean([np.exp(squares / (-2.0 * (w * width) ** 2)) for w in WIDTHS], axis=0)
    np.fill_diagonal(kernel, 0.0)
    first = np.zeros((m + n, permutations + 1))
    first[:m, 0] = 1.0
    for j in range(1, permutations + 1):
        first[rng.permutation(m + n)[:m], j] = 1.0
    # All relabellings in one product: within-x, within-y and across sums from K z.
    product = kernel @ first
    within_x = np.einsum("ij,ij->j", first, product)
    row_sums = kernel.sum(axis=1)
    across = first.T @ row_sums - within_x
    within_y = row_sums.sum() - within_x - 2.0 * across
    values = within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2.0 * across / (m * n)
    p = (1 + np.count_nonzero(values[1:] >= values[0] - 1e-12)) / (permutations + 1)
    return float(values[0]), float(p)


def squared_distances(
    x: NDArray[np.float64], y: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Squared Euclidean distances between rows, `(len(x), len(y))`; among `x` if `y` is None."""
    other = x if y is None else y
    squares = (x**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * (x @ other.T)
    if y is None:
        np.fill_diagonal(squares, 0.0)
    distances: NDArray[np.float64] = np.maximum(squares, 0.0)
    return distances
