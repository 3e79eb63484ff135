"""Impulsiveness: the fourth moment of the samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.windows import WindowSet


class Kurtosis(Metric):
    """Mean kurtosis of the windows (Pearson: 3 for Gaussian noise), over windows and channels."""

    name = "kurtosis"
    direction = "closer-to-floor"
    needs = frozenset({Need.SIGNAL})
    sees = ("phase-randomised", "white noise")
    blind = "IAAFT and copies keep the values of the samples; other faults may be as impulsive"

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        figures = window_kurtosis(judged)
        known = np.isfinite(figures)
        if not known.any():
            raise InputError("every window is constant: no kurtosis")
        return float(figures[known].mean()), {"constant": float(1.0 - known.mean())}


def window_kurtosis(windows: WindowSet) -> NDArray[np.float64]:
    """Kurtosis of each window and channel, `(n_windows, n_channels)`; NaN where it is constant."""
    x = windows.x.astype(np.float64)
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1)
    flat = variance <= (1e-7 * np.abs(x).max(axis=-1)) ** 2
    fourth = (centred**4).mean(axis=-1)
    return np.where(flat, np.nan, fourth / np.where(flat, 1.0, variance) ** 2)
