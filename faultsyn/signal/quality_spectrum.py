"""Two figures of a spectrum, gathered block by block: where it ends, and a line at a frequency."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import median_filter

Floats = NDArray[np.floating[Any]]

SEGMENT = 1024
_FEWEST_SEGMENTS = 8
_ALL_UNTIL = 8
_SMOOTH = 9
_FLANK, _LEVEL = 12, 48  # bins left out at both sides of an edge; bins that tell the level
_QUIET = 1e-13  # of the largest bin: rounding of float32 is no spectrum

_LINE_RATE = 800.0
_LINE_SAMPLES = 1 << 15
_LINE_SECONDS = 2.0
_MAINS_TOLERANCE = 0.2
_AROUND, _BESIDE = 6.0, 1.0


class SpectrumEdge:
    """Mean power spectrum of segments all over a recording, denser at its start.

    The first 8 segments count, then ever fewer of them (1 in 2, 1 in 4, ...), so that the cost
    grows with the logarithm of the length.
    """

    def __init__(self, channels: int) -> None:
        self._power = np.zeros((channels, SEGMENT // 2 + 1))
        self._used = np.zeros(channels, np.int64)
        self._rest: Floats = np.empty((channels, 0), np.float32)
        self._seen = 0

    def add(self, samples: Floats) -> None:
        """Take in `(channels, n)`."""
        samples = np.concatenate([self._rest, samples], axis=1) if self._rest.size else samples
        n = samples.shape[1] // SEGMENT
        picks = [k for k in range(n) if _counts(self._seen + k)]
        self._seen += n
        self._rest = samples[:, n * SEGMENT :].copy()
        if not picks:
            return
        whole = samples[:, : n * SEGMENT].reshape(len(samples), n, SEGMENT)[:, picks]
        good = np.isfinite(whole).all(axis=2)
        with np.errstate(invalid="ignore"):
            pieces = (whole - whole.mean(axis=2, keepdims=True)) * _hann(SEGMENT).astype(np.float32)
        pieces[~good] = 0
        self._power += (np.abs(scipy.fft.rfft(pieces, axis=2)) ** 2).sum(axis=1)
        self._used += good.sum(axis=1)

    def share(self, channel: int, drop: float) -> float | None:
        """Where the spectrum ends, as a share of half the sample rate; None when it does not.

        An end is a step down by `drop` [dB], a few bins wide, after which the spectrum stays down.
        """
        if self._used[channel] < _FEWEST_SEGMENTS:
            return None
        power = self._power[channel]
        if not 0 < power.max() < np.inf:  # too small or too large for its square
            return None
        level = 10 * np.log10(np.maximum(power, power.max() * _QUIET))
        level = median_filter(level, _SMOOTH, mode="nearest")
        total = np.concatenate(([0.0], np.cumsum(level)))
        below = (total[_LEVEL:] - total[:-_LEVEL]) / _LEVEL  # mean of level[k : k + _LEVEL]
        above = np.maximum.accumulate(level[::-1])[::-1]  # the largest from bin k on
        gap = 2 * _FLANK
        steps = below[: len(level) - _LEVEL - gap] - above[_LEVEL + gap :]
        edges = np.flatnonzero(steps >= drop)
        if not len(edges):
            return None
        return float(edges[0] + _LEVEL + _FLANK) / (len(level) - 1)


def _counts(segment: int) -> bool:
    step = 1
    while segment >= _ALL_UNTIL * step:
        step *= 2
    return segment % step == 0


@lru_cache(maxsize=16)
def _hann(n: int) -> Floats:
    return np.hanning(n)


@dataclass(frozen=True)
class Line:
    """A line of a spectrum: frequency [Hz], power [units squared], dB over its neighbourhood."""

    frequency: float
    power: float
    prominence: float


class LineFinder:
    """Looks for lines at low frequencies in the first seconds, thinned to some 1000 samples/s.

    Thinning takes block means, which is a low-pass filter good enough for a line that is asked for
    by frequency.
    """

    def __init__(self, channels: int, rate: float) -> None:
        self._step = max(1, int(rate / _LINE_RATE))
        self._rate = rate / self._step
        self._parts: list[Floats] = []
        self._kept = 0
        self._rest: Floats = np.empty((channels, 0), np.float32)
        self._spectrum: NDArray[np.float64] | None = None

    def add(self, samples: Floats) -> None:
        """Take in `(channels, n)` finite samples."""
        room = (_LINE_SAMPLES - self._kept) * self._step - self._rest.shape[1]
        if room <= 0:
            return
        samples = samples[:, :room]
        samples = np.concatenate([self._rest, samples], axis=1) if self._rest.size else samples
        n = samples.shape[1] // self._step
        cut = samples[:, : n * self._step].reshape(len(samples), n, self._step)
        # A sum of few short columns: ten times as fast as a mean over the short last axis.
        total = cut[:, :, 0].astype(np.float64)
        for k in range(1, self._step):
            total += cut[:, :, k]
        self._parts.append(total / self._step)
        self._rest = samples[:, n * self._step :].copy()
        self._kept += n
        self._spectrum = None

    def line(self, channel: int, frequency: float) -> Line | None:
        """The strongest line within the tolerance of mains; None where too little is known."""
        seconds = self._kept / self._rate
        if seconds < _LINE_SECONDS or frequency + _AROUND > self._rate / 2:
            return None
        if self._spectrum is None:
            thin = np.concatenate(self._parts, axis=1)
            thin = thin - thin.mean(axis=1, keepdims=True)
            self._spectrum = np.abs(scipy.fft.rfft(thin * _hann(self._kept), axis=1)) ** 2
        low = max(0, int((frequency - _AROUND) * seconds) - 1)
        high = int((frequency + _AROUND) * seconds) + 2
        power = self._spectrum[channel, low:high]
        axis = np.arange(low, low + len(power)) / seconds
        off = np.abs(axis - frequency)
        near = off <= _MAINS_TOLERANCE + 0.5 / seconds
        beside = (off <= _AROUND) & (off > max(_BESIDE, 3 / seconds))
        peak = int(np.flatnonzero(near)[power[near].argmax()])
        ground = float(np.median(power[beside]))
        if ground <= 0 or power[peak] <= 0:
            return None
        amplitude = 2 * np.sqrt(power[peak]) / (self._kept / 2)
        loss = np.sinc(axis[peak] / self._rate)
        return Line(
            float(axis[peak]),
            float((amplitude / loss) ** 2 / 2),
            float(10 * np.log10(power[peak] / ground)),
        )
