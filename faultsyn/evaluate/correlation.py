"""Do the channels move together as they do in real windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.windows import WindowSet


class CorrelationError(Metric):
    """Mean absolute difference of the correlations between channels, from 0 to 2.

    Correlation over all samples of all windows of a set, so that common levels count as well as
    common movements; mean over channel pairs. (The literature's "correlational score" is a sum over
    pairs, which grows with the square of the channels.)
    """

    name = "correlation-error"
    direction = "lower"
    needs = frozenset({Need.CHANNELS})
    sees = ("white noise",)
    blind = "the surrogates turn all channels alike, so they keep correlations; so do copies"

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        mine, theirs = channel_correlation(reference), channel_correlation(judged)
        pair = np.triu_indices(len(mine), 1)
        known = np.isfinite(mine[pair])
        if not known.any():
            raise InputError("no two channels of the real windows vary: no correlation")
        # A channel that is constant in the synthetic windows correlates with nothing.
        gap = np.abs(mine[pair][known] - np.nan_to_num(theirs[pair][known]))
        return float(gap.mean()), {"worst": float(gap.max())}


def channel_correlation(windows: WindowSet) -> NDArray[np.float64]:
    """Correlation matrix of the channels over all samples; NaN for a constant channel."""
    flat = windows.x.transpose(1, 0, 2).reshape(len(windows.channels), -1).astype(np.float64)
    centred = flat - flat.mean(axis=1, keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=1))
    level = np.abs(flat).max(axis=1) * np.sqrt(flat.shape[1])
    norm = np.where(norm <= 1e-7 * level, np.nan, norm)
    matrix: NDArray[np.float64] = (centred @ centred.T) / np.outer(norm, norm)
    return matrix
