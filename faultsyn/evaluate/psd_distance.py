"""How far the power spectra lie apart, in decibel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.signal.spectrum import welch_psd
from faultsyn.windows import WindowSet

BANDS = 32
DYNAMIC_RANGE = 60.0
"""Bands of a set that lie further below its loudest one [dB] count as that low."""


class PSDDistance(Metric):
    """Mean absolute difference of the sets' power in up to 32 equal bands, in dB.

    Welch density (segments of 256 samples) averaged over windows; mean over bands and channels.
    Sees level as well as shape: twice the amplitude is 6 dB. An equaliser makes it small whatever
    else is wrong, so never judge by it alone.
    """

    name = "psd-distance"
    unit = "dB"
    direction = "lower"
    needs = frozenset({Need.SIGNAL})
    sees = ("white noise", "another fault", "another bearing")
    blind = "surrogates and copies keep the spectrum, the one thing it looks at; levels are removed"

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        mine, theirs = band_levels(reference), band_levels(judged)
        loud = np.isfinite(mine).all(axis=1)
        if not loud.any():
            raise InputError("the real windows are constant in every channel: no spectrum")
        # A silent synthetic channel lies at the bottom of the real channel's range.
        bottom = mine[loud].max(axis=1, keepdims=True) - DYNAMIC_RANGE
        gap = np.abs(np.maximum(mine[loud], bottom) - np.maximum(theirs[loud], bottom))
        return float(gap.mean()), {"worst": float(gap.max())}


def band_levels(windows: WindowSet) -> NDArray[np.float64]:
    """Power of the set in equal bands [dB], `(n_channels, n_bands)`; -inf where constant."""
    freqs, density = welch_psd(windows.x, windows.rate)
    lines = density.mean(axis=0)[:, 1:]  # the mean is removed, so the first line says nothing
    n_bands = min(BANDS, lines.shape[1])
    starts = np.arange(n_bands) * lines.shape[1] // n_bands
    power = np.add.reduceat(lines, starts, axis=1)
    level = np.abs(windows.x).max(axis=(0, 2)).astype(np.float64)
    power[power.sum(axis=1) * freqs[1] <= (1e-6 * level) ** 2] = 0.0
    with np.errstate(divide="ignore"):
        decibel: NDArray[np.float64] = 10.0 * np.log10(power)
    return decibel
