"""Cycle bootstrap: the fault periods of the shots, redrawn.

A bearing fault repeats with period T = rate / (order x shaft rate), and what happens in one period
is a draw of its own (second-order cyclostationarity, Antoni, Mechanical Systems and Signal
Processing 21, 2007). So: in each shot find the phase of the comb of period T with the largest mean
envelope; cut it into segments of one period; lay randomly drawn segments on a grid of period T
with a little jitter, cross-faded with square-root ramps (which keep the power of unrelated
signals); equalise the power spectral density to that of the shots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.envelope import hilbert_envelope
from faultsyn.synth.equaliser import apply_gain, matching_gain, mean_psd
from faultsyn.synth.fault_rate import check_orders, fault_rate
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import FloatArray, WindowSet

CALIBRATION = 128
"""Windows made to measure their spectrum before equalising."""


class CycleBootstrap(ShotGenerator):
    """Windows built from single fault periods of the shots.

    - `orders`: strikes per revolution by label, for faults that the `bearing` column cannot tell.
    - `fade`: length of a cross-fade [samples] (at most half a period).
    - `jitter`: standard deviation of a segment's start around the grid, as a share of the period.
    - `equalise`: match the power spectral density of the shots.
    - `tolerance`: how far (a share) a shot's period may lie from its nominal one; the comb with
      the largest envelope is taken, so that a wrong rpm or steady slip does not smear long windows.
    - `run`: mean number of successive periods drawn together (Politis & Romano's stationary
      bootstrap, JASA 89, 1994). 1 is the most diverse; more keeps what ties neighbouring periods
      together, such as modulation by the shaft, and is closer to a copy.

    All channels of a segment stay together. A window takes the speed and conditions of one shot
    (`source`); its segments come from all shots of the class.
    Raises `InputError` where a window is shorter than two fault periods and a cross-fade.
    """

    name = "cycle-bootstrap"
    needs = frozenset({"rpm"})

    period_: NDArray[np.float64]
    starts_: NDArray[np.intp]
    gain_: NDArray[np.float64]

    def __init__(
        self,
        orders: Mapping[str, float] | None = None,
        fade: int = 20,
        jitter: float = 0.005,
        equalise: bool = True,
        tolerance: float = 0.01,
        run: float = 1.0,
    ) -> None:
        self.orders = orders
        self.fade = fade
        self.jitter = jitter
        self.equalise = equalise
        self.tolerance = tolerance
        self.run = run

    def check_config(self) -> None:
        """Raise `InputError` on a fade, jitter or order out of range."""
        super().check_config()
        check_orders(self.orders, self.name)
        if self.fade < 1 or self.run < 1:
            raise InputError(
                f"{self.name}: expected fade >= 1 and run >= 1, got {self.fade}, {self.run}"
            )
        if not (0 <= self.jitter <= 0.1 and 0 <= self.tolerance <= 0.1):
            raise InputError(
                f"{self.name}: expected jitter and tolerance in [0, 0.1], got {self.jitter}, "
                f"{self.tolerance}"
            )

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        super()._adapt(shots, rng)
        self.period_ = self.rate_ / fault_rate(shots, self.orders, self.name)
        self._check_length()
        curves = _envelope_sum(shots.x)
        fits = [comb(c, t, self.tolerance) for c, t in zip(curves, self.period_, strict=True)]
        self.period_ = np.array([period for _, period in fits])
        self.starts_ = np.concatenate(
            [self._cuts(row, phase) for row, (phase, _) in enumerate(fits)]
        )
        self.gain_ = np.ones((len(self.classes_), self.shape_[0], 1))
        if self.equalise:
            self.gain_ = np.stack([self._matched(label, rng) for label in self.classes_])

    def _check_length(self) -> None:
        longest = float(self.period_.max())
        needed = int(np.ceil(2 * longest * (1 + self.tolerance))) + self.fade + 4
        if self.shape_[1] < needed:
            raise InputError(
                f"{self.name}: windows of {self.shape_[1]} samples hold fewer than two fault "
                f"periods of {longest:.1f} samples and a cross-fade: expected >= {needed} samples",
                "cut longer windows",
            )
        if self.period_.min() < 4:
            raise InputError(
                f"{self.name}: a fault period of {self.period_.min():.1f} samples is too short to "
                "cut: expected >= 4",
                "check rpm and order, or use a higher sample rate",
            )

    def _cuts(self, row: int, phase: float) -> NDArray[np.intp]:
        """Where the periods of a shot begin: rows (shot, first sample)."""
        same = self._rows(str(self.shots_.labels[row]))
        last = self.shape_[1] - self._segment(float(self.period_[same].max())) - 1
        period = self.period_[row]
        # The border between segments lies half-way between two strikes.
        grid = np.arange((phase - period / 2) % period, last, period)
        return np.stack([np.full(len(grid), row), np.round(grid).astype(np.intp)], axis=1)

    def _segment(self, period: float) -> int:
        """Samples cut for a segment: a period, both cross-fades' overlap, and room for jitter."""
        return min(int(np.ceil(period * (1 + 4 * self.jitter))) + self.fade, self.shape_[1] // 2)

    def _matched(self, label: str, rng: np.random.Generator) -> NDArray[np.float64]:
        made = self._build(self._draw(CALIBRATION, rng, label), rng, label)
        target = mean_psd(self.shots_.x[self._rows(label)], self.rate_)
        return matching_gain(target, mean_psd(made, self.rate_))

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        x = self._build(source, rng, label)
        if self.equalise:
            x = apply_gain(x, self.gain_[self.classes_.index(label)])
        return self._made(x, source)

    def _build(
        self, source: NDArray[np.intp], rng: np.random.Generator, label: str
    ) -> NDArray[np.float64]:
        """Windows `(n, C, T)` of redrawn segments at the speed of the shots at `source`."""
        rows = self._rows(label)
        cuts = self.starts_[np.isin(self.starts_[:, 0], rows)]
        longest = float(self.period_[rows].max())
        fade = min(self.fade, int(self.period_[rows].min() // 2))
        begin = self._grid(self.period_[source], rng)
        order = np.arange(self.shape_[1])
        current = _current(begin, self.shape_[1])
        drawn = self._drawn(cuts, begin.shape, rng)
        reach = self._segment(longest) - 1
        made = np.zeros((len(source), *self.shape_))
        into = order - np.take_along_axis(begin, current, axis=1)
        rising = np.sqrt(np.clip((into + 0.5) / fade, 0.0, 1.0))
        falling = np.sqrt(1 - rising**2)
        for back, weight in ((0, rising), (1, falling)):
            at = order - np.take_along_axis(begin, current - back, axis=1)
            shot, start = np.moveaxis(cuts[np.take_along_axis(drawn, current - back, axis=1)], 2, 0)
            values = self.shots_.x[shot, :, start + np.minimum(at, reach)]
            made += weight[:, None] * values.transpose(0, 2, 1)
        return made

    def _drawn(
        self, cuts: NDArray[np.intp], shape: tuple[int, ...], rng: np.random.Generator
    ) -> NDArray[np.intp]:
        """Rows of `cuts` for each segment: random runs of successive periods of one shot."""
        drawn = rng.integers(len(cuts), size=shape)
        follows = np.append(cuts[1:, 0] == cuts[:-1, 0], False)
        goes_on = rng.random(shape) < 1 - 1 / self.run
        for at in range(1, shape[1]):
            before = drawn[:, at - 1]
            stays = goes_on[:, at] & follows[before]
            drawn[stays, at] = before[stays] + 1
        return drawn

    def _grid(self, period: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
        """First sample of each segment `(n, m)`, the first two before the window."""
        count = int(np.ceil(self.shape_[1] / period.min())) + 4 if len(period) else 4
        slot = np.arange(count) - 1 - rng.random((len(period), 1))
        slot = slot - 1 + self.jitter * np.clip(rng.standard_normal(slot.shape), -3, 3)
        return np.round(slot * period[:, None]).astype(np.intp)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if hasattr(self, "gain_"):
            arrays |= {"period": self.period_, "starts": self.starts_, "gain": self.gain_}
        return arrays, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if "gain" in arrays:
            self.period_, self.starts_ = arrays["period"], arrays["starts"]
            self.gain_ = arrays["gain"]


def _envelope_sum(x: FloatArray) -> NDArray[np.float64]:
    """Hilbert envelopes of `(K, C, T)`, each channel in units of its mean, summed: `(K, T)`."""
    curve = x.astype(np.float64)
    curve = hilbert_envelope(curve - curve.mean(axis=-1, keepdims=True))
    loud = curve.mean(axis=-1, keepdims=True)
    return np.asarray(np.divide(curve, loud, out=np.zeros_like(curve), where=loud > 0).sum(axis=1))


def _current(begin: NDArray[np.intp], samples: int) -> NDArray[np.intp]:
    """For every sample `(n, T)` the segment it falls in: the last that began at or before it."""
    begun = np.zeros((len(begin), samples), np.intp)
    row, segment = np.nonzero(begin < samples)
    np.add.at(begun, (row, np.maximum(begin[row, segment], 0)), 1)
    return begun.cumsum(axis=1) - 1


def comb(curve: NDArray[np.float64], period: float, tolerance: float) -> tuple[float, float]:
    """Offset and period [samples] of the comb under which the mean of `curve` `(T,)` is largest.

    Periods within `tolerance` (a share) of the given one are tried, finely enough that the last
    tooth moves by half a sample at most, and offsets every half sample.
    """
    steps = int(np.ceil(2 * tolerance * len(curve)))
    tried = period * (1 + tolerance * np.linspace(-1, 1, 2 * steps + 1))
    phases = np.arange(0.0, period, 0.5)
    teeth = np.arange(int(len(curve) / tried[0]) + 1)
    at = np.round(phases[:, None] + (tried[:, None] * teeth)[:, None, :]).astype(np.intp)
    inside = at < len(curve)
    heights = np.where(inside, curve[np.minimum(at, len(curve) - 1)], 0.0)
    best = (heights.sum(axis=-1) / inside.sum(axis=-1)).argmax()
    row, column = np.unravel_index(best, (len(tried), len(phases)))
    return float(phases[column]), float(tried[row])
