"""Does the fault show: envelope lines at the fault's frequency over their background."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need, fault_frequency
from faultsyn.signal.envelope import bandpass, line_to_background, squared_envelope_spectrum
from faultsyn.signal.order_features import line_heights
from faultsyn.signal.spectrum import BLOCK
from faultsyn.windows import WindowSet

HARMONICS = (1, 2, 3)
_SAME_SPEED = 0.01
"""Fault frequencies within this share of each other are read together."""


class Line(Metric):
    """Envelope line-to-background ratio of the whole set at the fault frequency.

    Band 1 to 5.5 kHz (up to 46 % of the sample rate), envelope over its mean, Hann, power spectrum
    averaged over windows; root at one to three times the fault frequency over the median between
    0.4 and 3.6 times; mean over the three, and over channels. About 1 without a fault. Because the
    spectrum is averaged over windows first, windows of 1024 samples at 12 kHz are long enough.
    """

    name = "line"
    direction = "closer-to-floor"
    needs = frozenset({Need.SIGNAL, Need.ONE_CLASS, Need.FAULT_ORDER})
    sees = ("iaaft", "phase-randomised", "white noise", "another fault")
    blind = "copies, one window repeated and other bearings carry the fault's lines too"

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        return set_line(judged), {}


class EnvelopeLine(Metric):
    """Per-window squared-envelope lines at the fault frequency, in the band where they stand out.

    The band is the one of four (the order features' bands, scaled to the sample rate) with the
    highest lines on the real reference, then frozen. Per window: largest value near each of one to
    three times the fault frequency over the median around it; geometric mean over harmonics,
    channels and windows.
    """

    name = "envelope-line"
    direction = "closer-to-floor"
    needs = frozenset({Need.SIGNAL, Need.ONE_CLASS, Need.FAULT_ORDER, Need.LONG})
    sees = ("iaaft", "phase-randomised", "white noise", "another fault")
    blind = "copies, one window repeated and other bearings carry the fault's lines too"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        return _all_bands(real), _all_bands(judged)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        best = int(reference.rows.mean(axis=0).argmax())
        return float(np.exp(judged.rows[:, best].mean())), {"band": float(best)}


def set_line(windows: WindowSet) -> float:
    """`line_to_background` of a set: weighted mean over its fault frequencies and channels.

    Raises `InputError` when windows are too short for the fault frequency.
    """
    band = (_share(windows.rate, 1000.0), _share(windows.rate, 5500.0))
    total = 0.0
    for at, fault_hz in _speeds(windows):
        lines = [
            line_to_background(windows.x[at, channel], windows.rate, fault_hz, band)
            for channel in range(len(windows.channels))
        ]
        total += float(np.mean(lines)) * len(at)
    return total / len(windows)


def scaled_bands(rate: float) -> tuple[tuple[float, float], ...]:
    """Demodulation bands [Hz], those of the order features at 12 kHz, in proportion elsewhere."""
    edges = ((500.0, 2000.0), (2000.0, 3500.0), (3500.0, 5800.0), (500.0, 5800.0))
    return tuple((_share(rate, low), _share(rate, high)) for low, high in edges)


def band_heights(windows: WindowSet, band: tuple[float, float]) -> NDArray[np.float64]:
    """Mean log line height of each window in `band` [Hz], over harmonics and channels, `(n,)`.

    Raises `InputError` when the third harmonic lies above half the rate.
    """
    bin_hz = windows.rate / windows.n_samples
    lines = fault_frequency(windows)[:, None] * np.array(HARMONICS)
    if lines.max() * 1.02 >= windows.rate / 2:
        raise InputError(
            f"fault lines up to {lines.max():.0f} Hz cannot be read at {windows.rate:g} Hz"
        )
    shaft = np.asarray(windows.column("rpm"), np.float64)[:, None] / 60.0
    reach = np.maximum(0.012 * lines, 0.6 * bin_hz)
    around = np.maximum(0.5 * shaft, 4 * bin_hz) * np.ones_like(lines)
    out = np.empty((len(windows), len(windows.channels)))
    step = max(1, BLOCK // windows.n_samples // 4)
    for channel in range(len(windows.channels)):
        for at in range(0, len(windows), step):
            rows = slice(at, at + step)
            filtered = bandpass(windows.x[rows, channel], windows.rate, *band)
            freqs, spectrum = squared_envelope_spectrum(filtered, windows.rate)
            heights = line_heights(
                spectrum, float(freqs[1]), lines[rows], reach[rows], around[rows]
            )
            out[rows, channel] = heights.mean(axis=1)
    mean: NDArray[np.float64] = out.mean(axis=1)
    return mean


def _all_bands(windows: WindowSet) -> WindowSet:
    heights = [band_heights(windows, band) for band in scaled_bands(windows.rate)]
    return windows.as_features(np.stack(heights, axis=1))


def _share(rate: float, at_12_khz: float) -> float:
    return at_12_khz / 12000.0 * rate


def _speeds(windows: WindowSet) -> Iterator[tuple[NDArray[Any], float]]:
    """Windows of (nearly) one fault frequency, and that frequency [Hz]."""
    frequency = fault_frequency(windows)
    step = np.round(np.log(frequency) / _SAME_SPEED).astype(int)
    for key in np.unique(step):
        at = np.flatnonzero(step == key)
        yield at, float(np.median(frequency[at]))
