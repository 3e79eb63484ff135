"""Physics injection: real normal windows into which the fault's impulses are written.

A train of impacts at the fault rate (period jitter, lognormal heights, modulation by the shaft for
an inner race; McFadden & Smith, Journal of Sound and Vibration 96, 1984) passes the minimum-phase
filter whose power response is what the shots have more than the normals,

    |H|^2 = max(PSD_shots - PSD_normal, 0.02 PSD_shots)

and is mixed with noise of the same spectrum so that the kurtosis equals the shots':

    x' = n + h * (sqrt(w) train + sqrt(1 - w) noise)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis

from faultsyn.errors import InputError
from faultsyn.signal.impulse import impulse_train, ring
from faultsyn.synth.equaliser import mean_psd, minimum_phase
from faultsyn.synth.fault_rate import check_orders, order_of, require_period, shaft_rate
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

FILTER = 512
"""Length of the minimum-phase filters [samples]; impacts begin this long before the window."""

CALIBRATION = 32
"""Windows made to choose the share of impulses."""

SHARES = np.linspace(0.0, 1.0, 21)
"""Candidates for the share `w` of the fault's power that is impulsive."""


class PhysicsInjection(ShotGenerator):
    """Normal windows with filtered impact trains at the fault rate.

    - `orders`: strikes per revolution by label, for faults that the `bearing` column cannot tell.
    - `slip`: standard deviation of each period as a share of it (it accumulates).
    - `spread`: sigma of the lognormal height of an impact.
    - `modulation`: depth of the modulation at shaft rate, for the label "inner".

    The same train rings all channels, each through its own filter. A made window turns at the
    speed of its normal window where that has an `rpm`, else at its shot's (`source`). Where the
    shots have no excess over the normals, little is injected.
    Raises `InputError` where a window is shorter than a fault period.
    """

    name = "physics-injection"
    needs = frozenset({"rpm"})
    needs_normal = True
    keeps_normal = True

    order_: NDArray[np.float64]
    filter_: NDArray[np.float64]
    share_: NDArray[np.float64]

    def __init__(
        self,
        orders: Mapping[str, float] | None = None,
        slip: float = 0.01,
        spread: float = 0.3,
        modulation: float = 0.5,
    ) -> None:
        self.orders = orders
        self.slip = slip
        self.spread = spread
        self.modulation = modulation

    def check_config(self) -> None:
        """Raise `InputError` on a setting out of range."""
        super().check_config()
        check_orders(self.orders, self.name)
        if not (0 <= self.slip <= 0.1 and self.spread >= 0 and 0 <= self.modulation <= 1):
            raise InputError(
                f"{self.name}: expected slip in [0, 0.1], spread >= 0 and modulation in [0, 1], "
                f"got {self.slip}, {self.spread}, {self.modulation}"
            )

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        super()._adapt(shots, rng)
        rows = range(len(shots))
        self.order_ = np.array([order_of(shots, row, self.orders, self.name) for row in rows])
        slowest = self.rate_ / float((self.order_ * shaft_rate(shots, self.name)).min())
        require_period(self.shape_[1], slowest, self.name)
        normal = mean_psd(self.normal_.x, self.rate_)
        filters = [self._filter(label, normal) for label in self.classes_]
        self.filter_ = np.stack(filters)
        self.share_ = np.array([self._share(label, rng) for label in self.classes_])

    def _filter(self, label: str, normal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Impulse responses `(C, FILTER)`: unit white noise comes out with the excess density."""
        shots = mean_psd(self.shots_.x[self._rows(label)], self.rate_)
        excess = np.maximum(shots - normal, 0.02 * shots)
        excess[:, 0] = excess[:, 1]  # Welch's method removes the mean
        floor = np.finfo(np.float32).tiny
        return minimum_phase(np.sqrt(np.maximum(excess * self.rate_ / 2, floor)), FILTER)

    def _share(self, label: str, rng: np.random.Generator) -> float:
        """The share of impulses at which the median kurtosis is the shots'."""
        target = _median_kurtosis(self.shots_.x[self._rows(label)])
        impulses, noise, host, _ = self._parts(CALIBRATION, rng, label)
        normal = self.normal_.x[host]
        reached = [
            _median_kurtosis(normal + np.sqrt(w) * impulses + np.sqrt(1 - w) * noise)
            for w in SHARES
        ]
        return float(SHARES[np.abs(np.array(reached) - target).argmin()])

    def _parts(
        self, n: int, rng: np.random.Generator, label: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
        """Rung impulses and noise `(n, C, T)`, rows of the hosts `(n,)`, rows of the shots."""
        source = self._draw(n, rng, label)
        host = rng.integers(len(self.normal_), size=n)
        length = self.shape_[1] + FILTER
        shaft = self._shaft(source, host)
        train = impulse_train(
            length,
            self.rate_,
            self.order_[source] * shaft,
            rng,
            slip=self.slip,
            amplitude_spread=self.spread,
            modulation_frequency=shaft,
            modulation_depth=self.modulation if label == "inner" else 0.0,
        )
        train -= train.mean(axis=-1, keepdims=True)
        train /= np.maximum(train.std(axis=-1, keepdims=True), np.finfo(float).tiny)
        response = self.filter_[self.classes_.index(label)]
        impulses = ring(train[:, None], response)[..., FILTER:]
        noise = ring(rng.standard_normal((n, self.shape_[0], length)), response)[..., FILTER:]
        return impulses, noise, host, source

    def _shaft(self, source: NDArray[np.intp], host: NDArray[np.intp]) -> NDArray[np.float64]:
        own = shaft_rate(self.shots_, self.name)[source]
        if "rpm" not in self.normal_.table:
            return own
        rate = self.normal_.column("rpm").astype(np.float64)[host] / 60.0
        return np.where(rate > 0, rate, own)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        if n == 0:
            return self._made(self.shots_.x[:0], np.empty(0, np.intp))
        impulses, noise, host, source = self._parts(n, rng, label)
        share = self.share_[self.classes_.index(label)]
        x = self.normal_.x[host] + np.sqrt(share) * impulses + np.sqrt(1 - share) * noise
        made = self._made(x, source, self.normal_.take(host))
        return made.with_columns(rpm=60.0 * self._shaft(source, host))

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if hasattr(self, "share_"):
            arrays |= {"order": self.order_, "filter": self.filter_, "share": self.share_}
        return arrays, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if "share" in arrays:
            self.order_, self.filter_ = arrays["order"], arrays["filter"]
            self.share_ = arrays["share"]


def _median_kurtosis(x: NDArray[Any]) -> float:
    """Median over windows and channels `(n, C, T)`; a constant channel counts as Gaussian."""
    wide = x.astype(np.float64)
    varies = wide.std(axis=-1) > 1e-9 * np.abs(wide).max(axis=-1)
    if not varies.any():
        return 3.0
    return float(np.median(kurtosis(wide[varies], axis=-1, fisher=False)))
