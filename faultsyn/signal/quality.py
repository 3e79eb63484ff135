"""Is a recording fit to be used? Cheap detectors of what goes wrong while measuring.

Every figure is gathered block by block, so a recording of any length is judged in one pass and in
bounded memory; cutting it into other blocks changes nothing.

flag       what was found
nan        samples that are no finite number
flat       all samples are equal
clipped    many samples sit exactly at the largest or smallest value
dropout    one long run of equal samples in a channel that otherwise moves
offset     the mean is larger than the signal around it
bandwidth  the spectrum ends early, as after a wrong rate, an upsampling or a low filter
hum        a narrow line at the mains frequency that is no multiple of the shaft speed
short      too few periods of the lowest frequency of interest
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.signal.quality_spectrum import LineFinder, SpectrumEdge

Floats = NDArray[np.floating[Any]]

FLAGS = ("nan", "flat", "clipped", "dropout", "offset", "bandwidth", "hum", "short")


@dataclass(frozen=True)
class Thresholds:
    """From where on something is flagged.

    - `clipped_share`: share of samples at one extreme value, in at least `clipped_samples`: a slow
      sensor may well rest at its maximum.
    - `dropout_samples`: shortest run of equal samples, and `dropout_ratio` times the channel's
      mean run, so that a coarse or held sensor is not blamed.
    - `offset_ratio`: mean over standard deviation.
    - `bandwidth_share`: of half the sample rate, below which the spectrum must not end;
      `bandwidth_drop`: the step at its end [dB].
    - `hum_share`: of the variance in the line; `hum_prominence`: line over its neighbourhood [dB];
      `mains`: frequencies [Hz].
    - `short_cycles`: fewest periods of the lowest frequency.
    """

    clipped_share: float = 1e-3
    clipped_samples: int = 1000
    dropout_samples: int = 32
    dropout_ratio: float = 20.0
    offset_ratio: float = 1.0
    bandwidth_share: float = 0.7
    bandwidth_drop: float = 30.0
    hum_share: float = 0.01
    hum_prominence: float = 25.0
    mains: tuple[float, ...] = (50.0, 60.0)
    short_cycles: float = 10.0


@dataclass(frozen=True)
class Finding:
    """One flag of one channel (its number; None: of all), and what was seen."""

    flag: str
    channel: int | None
    evidence: str


@dataclass
class Meter:
    """Running figures of the channels of one recording.

    - `channels`: how many; `rate`: samples per second [Hz].
    - `zero_mean`: channels that should have no offset; none when empty.
    - `shaft`: shaft speed [Hz] where known, whose multiples are no hum.
    - `lowest`: lowest frequency of interest [Hz] where known.
    """

    channels: int
    rate: float
    thresholds: Thresholds = field(default_factory=Thresholds)
    zero_mean: tuple[int, ...] = ()
    shaft: float | None = None
    lowest: float | None = None

    def __post_init__(self) -> None:
        c = self.channels
        self.n = 0
        self._bad = np.zeros(c, np.int64)
        self._low, self._high = np.full(c, np.inf), np.full(c, -np.inf)
        self._at_low, self._at_high = np.zeros(c, np.int64), np.zeros(c, np.int64)
        self._first: Floats = np.zeros(c, np.float32)
        self._sum, self._squares = np.zeros(c), np.zeros(c)
        self._runs = [_Runs() for _ in range(c)]
        self._edge = SpectrumEdge(c)
        self._line = LineFinder(c, self.rate)

    @np.errstate(over="ignore", invalid="ignore")  # values near the end of float32
    def add(self, block: Floats) -> None:
        """Take in samples `(n, channels)`."""
        if not len(block):
            return
        samples = np.ascontiguousarray(block.T)
        low, high = samples.min(axis=1), samples.max(axis=1)
        finite = samples
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            bad = ~np.isfinite(samples)
            self._bad += bad.sum(axis=1)
            low = np.where(bad, np.inf, samples).min(axis=1)
            high = np.where(bad, -np.inf, samples).max(axis=1)
            finite = np.where(bad, 0, samples)
        if self.n == 0:
            self._first = finite[:, 0].copy()
        self.n += samples.shape[1]
        at_low = np.count_nonzero(samples == low[:, None], axis=1)
        at_high = np.count_nonzero(samples == high[:, None], axis=1)
        self._at_low = _count(self._at_low, at_low, low < self._low, low == self._low)
        self._at_high = _count(self._at_high, at_high, high > self._high, high == self._high)
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        # About the first sample: a pressure of 100 bar that moves by 0.001 keeps its digits.
        around = finite - self._first[:, None]
        self._sum += around.sum(axis=1)
        self._squares += [float(np.dot(channel, channel)) for channel in around]
        for runs, channel in zip(self._runs, samples, strict=True):
            runs.add(channel)
        self._edge.add(samples)
        self._line.add(finite)

    @np.errstate(over="ignore", invalid="ignore")
    def findings(self) -> list[Finding]:
        """What is flagged so far, channel by channel."""
        found: list[Finding] = []
        for k in range(self.channels):
            if self._bad[k]:
                found.append(Finding("nan", k, f"{self._bad[k]} of {self.n} samples"))
            if self._low[k] >= self._high[k]:
                value = (
                    f"always {self._low[k]:.6g}" if self._low[k] == self._high[k] else "no value"
                )
                found.append(Finding("flat", k, value))
                continue
            for judge in (self._clipped, self._dropout, self._offset, self._bandwidth, self._hum):
                finding = judge(k)
                if finding is not None:
                    found.append(finding)
        if (
            self.lowest is not None
            and self.n * self.lowest / self.rate < self.thresholds.short_cycles
        ):
            periods = self.n * self.lowest / self.rate
            found.append(Finding("short", None, f"{periods:.3g} periods of {self.lowest:.3g} Hz"))
        return found

    def _clipped(self, k: int) -> Finding | None:
        t = self.thresholds
        most = int(max(self._at_low[k], self._at_high[k]))
        if self.n < t.clipped_samples or most <= max(1, t.clipped_share * self.n):
            return None
        if most <= self._runs[k].longest + 1 and self._runs[k].longest >= t.dropout_samples:
            return None  # one single visit is a dropout to the rail
        value = self._low[k] if self._at_low[k] == most else self._high[k]
        return Finding("clipped", k, f"{most} of {self.n} samples at {value:.6g}")

    def _dropout(self, k: int) -> Finding | None:
        t = self.thresholds
        runs = self._runs[k]
        mean = self.n / (self.n - runs.equal)
        if runs.longest < max(t.dropout_samples, t.dropout_ratio * mean):
            return None
        extremes = ((self._low[k], self._at_low[k]), (self._high[k], self._at_high[k]))
        if any(runs.value == v and n > 1.05 * runs.longest for v, n in extremes):
            return None  # it visits that extreme again: clipped, or resting there
        return Finding("dropout", k, f"{runs.longest} samples at {runs.value:.6g}")

    def _moments(self, k: int) -> tuple[float, float]:
        n = self.n - int(self._bad[k])
        around = self._sum[k] / n
        variance = max(self._squares[k] / n - around**2, 0.0)
        return float(self._first[k]) + around, math.sqrt(variance)

    def _offset(self, k: int) -> Finding | None:
        if k not in self.zero_mean or self._bad[k]:
            return None
        mean, deviation = self._moments(k)
        if abs(mean) <= self.thresholds.offset_ratio * deviation:
            return None
        return Finding("offset", k, f"mean {mean:.3g}, standard deviation {deviation:.3g}")

    def _bandwidth(self, k: int) -> Finding | None:
        t = self.thresholds
        share = self._edge.share(k, t.bandwidth_drop)
        if share is None or share >= t.bandwidth_share:
            return None
        end = share * self.rate / 2
        return Finding("bandwidth", k, f"nothing above {end:.4g} Hz at {self.rate:g} samples/s")

    def _hum(self, k: int) -> Finding | None:
        t = self.thresholds
        if self._bad[k]:
            return None
        _, deviation = self._moments(k)
        if not deviation > 0:
            return None
        for frequency in t.mains:
            line = self._line.line(k, frequency)
            if line is None or line.prominence < t.hum_prominence:
                continue
            share = line.power / deviation**2
            if share < t.hum_share or self._is_shaft(frequency):
                continue
            text = f"{100 * share:.2g} % of the power at {line.frequency:.2f} Hz"
            return Finding("hum", k, text)
        return None

    def _is_shaft(self, frequency: float) -> bool:
        if not self.shaft:
            return False
        order = round(frequency / self.shaft)
        return abs(frequency - order * self.shaft) < max(0.02 * frequency, 0.5)


class _Runs:
    """Runs of equal samples of one channel: the longest and its value; `equal` neighbours."""

    def __init__(self) -> None:
        self.equal = 0
        self.longest = 1
        self.value = math.nan
        self._last = math.nan
        self._open = 1  # length of the run at the end of what was seen

    def add(self, x: Floats) -> None:
        """Take in samples `(n,)`, n > 0."""
        as_before = np.empty(len(x), bool)
        as_before[0] = x[0] == self._last
        np.equal(x[1:], x[:-1], out=as_before[1:])
        at = np.flatnonzero(as_before)
        self._last = float(x[-1])
        if not len(at):
            self._open = 1
            return
        self.equal += len(at)
        starts = np.concatenate(([0], np.flatnonzero(np.diff(at) > 1) + 1))
        lengths = np.diff(np.concatenate((starts, [len(at)]))) + 1
        if at[0] == 0:
            lengths[0] += self._open - 1
        best = int(lengths.argmax())
        if lengths[best] > self.longest:
            self.longest, self.value = int(lengths[best]), float(x[at[starts[best]]])
        self._open = int(lengths[-1]) if at[-1] == len(x) - 1 else 1


def judge(
    samples: Floats, rate: float, thresholds: Thresholds | None = None, **known: Any
) -> list[Finding]:
    """The findings on a whole recording `(n, channels)`; `known`: as in `Meter`."""
    meter = Meter(samples.shape[1], rate, thresholds or Thresholds(), **known)
    meter.add(samples)
    return meter.findings()


def _count(
    known: NDArray[np.int64], new: NDArray[np.intp], beyond: NDArray[Any], equal: NDArray[Any]
) -> NDArray[np.int64]:
    """Samples at the extreme value: counted anew when it moves, added when it is met again."""
    return np.where(beyond, new, known + np.where(equal, new, 0))
