"""Matched difference transfer: the difference of a shot to its own kind of normal, put elsewhere.

Fault = normal + difference, taken literally. For a shot x the reference is the mean of its nearest
normal windows (Euclidean, every sample standardised by the normals), so that the difference holds
the fault and not the operating condition; another normal window n gives the host:

    d = x - mean(nearest normals of x),     x' = n + a d

One shot's difference at a time: averaging, mixing or shrinking differences loses what they carry,
and random references lose it all. Compare the "positive-negative difference" of FaultDiffusion
(Xu et al., arXiv 2511.15174), which learns what is computed here.

In signal space the difference carries the shot's noise, which adds to the host's and makes every
ripple feature too large; smoothing the difference leaves the host's noise alone. In feature space
there is no such trouble.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from faultsyn.errors import InputError
from faultsyn.synth.base import Space
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import FloatArray, WindowSet


class MatchedDifference(ShotGenerator):
    """Normal windows with the differences of the shots added.

    - `neighbours`: how many nearest normals make the reference (all but one, if there are fewer).
    - `scale`: weight `a` of the difference, drawn uniformly between the two numbers.
    - `severity`: name of a column with the severity of an ordered fault, such as "severity" or a
      pressure; None: off. When given, a class also borrows the differences of worse classes,
      scaled by |own - healthy| / |worse - healthy|: from worse to milder only, because the
      reverse would invent what nobody saw. Use it where all classes are grades of one fault.
    - `healthy_severity`: the value of that column in the healthy state.
    - `onto`: host windows are the normals whose columns have these values, such as
      `{cooler: "3"}`: differences seen in other operating states, put onto a new one. None: any.
    - `smooth`: moving average over the difference [s], in signal space; 0: none. It keeps the
      noise level of the hosts and gives up what the fault changes faster than this.
    - `space`: "signal" or "features".

    A host is never one of the shot's own references, unless all normals are. Conditions of the
    made windows: the fault's from the shot, the operating state's from the host.
    Raises `InputError` with fewer than two normals, and when no normal is as `onto` says.
    """

    name = "matched-difference"
    spaces = frozenset({"signal", "features"})
    needs_normal = True
    keeps_normal = True

    differences_: FloatArray
    nearest_: NDArray[np.intp]

    def __init__(
        self,
        neighbours: int = 5,
        scale: tuple[float, float] = (1.0, 1.0),
        severity: str | None = None,
        healthy_severity: float = 0.0,
        onto: Mapping[str, str | float] | None = None,
        smooth: float = 0.0,
        space: Space = "features",
    ) -> None:
        self.neighbours = neighbours
        self.scale = scale
        self.severity = severity
        self.healthy_severity = healthy_severity
        self.onto = onto
        self.smooth = smooth
        self.space = space

    def check_config(self) -> None:
        """Raise `InputError` on no neighbour or a scale that is no interval."""
        super().check_config()
        self._require(self.neighbours >= 1, "neighbours", ">= 1")
        interval = len(self.scale) == 2 and 0 <= self.scale[0] <= self.scale[1]
        self._require(interval, "scale", "(low, high) >= 0")
        if self.smooth < 0 or (self.smooth and self.space == "features"):
            raise InputError(
                f"{self.name}: expected smooth >= 0 seconds, and 0 in feature space, got "
                f"{self.smooth}"
            )

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        if len(normal) < 2:
            raise InputError(f"{self.name}: expected at least 2 normal windows, got {len(normal)}")
        super()._pretrain(normal, rng)
        self._hosts()

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        super()._adapt(shots, rng)
        if self.severity is not None:
            self._distance()
        count = min(self.neighbours, len(self.normal_) - 1)
        self.nearest_ = nearest_rows(shots.rows, self.normal_.rows, count)
        reference = self.normal_.x[self.nearest_].mean(axis=1, dtype=np.float64)
        difference = shots.x - reference
        if self.smooth:
            width = max(1, round(self.smooth * self.rate_))
            difference = uniform_filter1d(difference, width, axis=-1, mode="nearest")
        self.differences_ = difference.astype(np.float32)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source, factor = self._sources(n, rng, label)
        host = self._drawn_hosts(source, rng)
        factor = factor * rng.uniform(self.scale[0], self.scale[1], n)
        x = self.normal_.x[host] + factor[:, None, None] * self.differences_[source]
        made = self._made(x, source, self.normal_.take(host))
        if self.severity is None:
            return made
        own = self.shots_.column(self.severity)[self._rows(label)]
        return made.with_columns(**{self.severity: rng.choice(own, n)})

    def _sources(
        self, n: int, rng: np.random.Generator, label: str
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Rows of the shots used and what their differences are multiplied by."""
        if self.severity is None:
            return self._draw(n, rng, label), np.ones(n)
        distance = self._distance()
        own = float(distance[self._rows(label)].mean())
        rows = np.flatnonzero((self.shots_.labels == label) | (distance > own))
        source = rng.choice(rows, n)
        borrowed = self.shots_.labels[source] != label
        return source, np.where(borrowed, own / np.where(borrowed, distance[source], 1.0), 1.0)

    def _distance(self) -> NDArray[np.float64]:
        """How far each shot's severity is from healthy, `(K,)`."""
        column = self.shots_.column(str(self.severity))
        try:
            values = column.astype(np.float64)
        except ValueError:
            values = np.full(len(column), np.nan)
        distance = np.abs(values - self.healthy_severity)
        if not (distance > 0).all():
            raise InputError(
                f"{self.name}: column '{self.severity}' must hold numbers other than the healthy "
                f"{self.healthy_severity:g}, got {sorted(set(column.tolist()))}"
            )
        return distance

    def _hosts(self) -> NDArray[np.intp]:
        """Rows of the normals that may be hosts."""
        fits = np.ones(len(self.normal_), bool)
        for name, value in (self.onto or {}).items():
            fits &= self.normal_.column(name) == value
        if not fits.any():
            raise InputError(
                f"{self.name}: no normal window has {dict(self.onto or {})}",
                "give pretrain healthy windows of the operating state to transfer onto",
            )
        return np.flatnonzero(fits)

    def _drawn_hosts(self, source: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
        allowed = np.zeros(len(self.normal_), bool)
        allowed[self._hosts()] = True
        drawn = np.empty(len(source), np.intp)
        for shot in np.unique(source):
            free = allowed.copy()
            free[self.nearest_[shot]] = False
            rows = np.flatnonzero(free if free.any() else allowed)
            mine = source == shot
            drawn[mine] = rng.choice(rows, int(mine.sum()))
        return drawn

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if hasattr(self, "differences_"):
            arrays |= {"differences": self.differences_, "nearest": self.nearest_}
        return arrays, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if "differences" in arrays:
            self.differences_, self.nearest_ = arrays["differences"], arrays["nearest"]


def nearest_rows(
    rows: NDArray[np.float32], normal: NDArray[np.float32], count: int
) -> NDArray[np.intp]:
    """Indices `(len(rows), count)` of the nearest normals, every column standardised by them.

    Columns in which the normals do not vary are left out.
    """
    mean, std = normal.mean(axis=0, dtype=np.float64), normal.std(axis=0, dtype=np.float64)
    varies = std > 1e-9 * np.abs(mean)
    a = (rows[:, varies] - mean[varies]) / std[varies]
    b = (normal[:, varies] - mean[varies]) / std[varies]
    distance = (b**2).sum(axis=1) - 2 * a @ b.T
    return np.argsort(distance, axis=1, kind="stable")[:, :count]
