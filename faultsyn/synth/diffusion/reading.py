"""What a set of shots says: windows of unit RMS, their levels, guides and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.cycle_bootstrap import comb
from faultsyn.synth.diffusion.describe import MINIMUM, envelope, kind_of, shape, told
from faultsyn.synth.diffusion.skeleton import guides, render, shaft_angle, strikes
from faultsyn.synth.fault_rate import order_of
from faultsyn.windows import NORMAL, WindowSet

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """K windows of C channels and T samples, taken apart.

    - `x`: `(K, C, T)`, zero mean and unit RMS (zero where a channel is constant).
    - `mean`, `rms`: of each channel, `(K, C)`, physical units.
    - `figures`: `describe.shape` of each channel, `(K, C, N_SHAPE)`.
    - `kind`: number of the fault in `describe.KINDS`, `(K,)`.
    - `period`, `shaft`: samples between strikes and per revolution, `(K,)`, NaN where unknown.
    - `phase`: place of a strike [samples], `angle`: of the shaft [rad] at the first sample, `(K,)`.
    """

    x: Floats
    mean: Floats
    rms: Floats
    figures: Floats
    kind: NDArray[np.intp]
    period: Floats
    shaft: Floats
    phase: Floats
    angle: Floats

    def guides(self) -> NDArray[np.float32]:
        """Guides of each window, `(K, 3, T)`."""
        made = comb_guides(
            self.period, self.shaft, self.phase, self.angle, self.x.shape[2], slip=0.0
        )
        return made.astype(np.float32)

    def told(self) -> NDArray[np.float32]:
        """Conditions of each window and channel, `(K, C, N_TOLD)`."""
        channels = range(self.x.shape[1])
        rows = [told(self.kind, self.period, self.shaft, self.figures[:, c]) for c in channels]
        return np.stack(rows, axis=1)

    def with_condition(self, period: Floats, shaft: Floats, figures: Floats) -> Self:
        """The same windows, told to be otherwise."""
        return replace(self, period=period, shaft=shaft, figures=figures)

    def take(self, rows: NDArray[Any]) -> Self:
        """Some of the windows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def read(
    windows: WindowSet, orders: Mapping[str, float] | None, tolerance: float, what: str
) -> Reading:
    """Take windows apart.

    - `orders`: strikes per revolution by label; others are looked up by the column `bearing`.
    - `tolerance`: how far (a share) a period may lie from its nominal one.

    Where `rpm` is no positive number, or a fault has no order, there is no skeleton.
    Raises `InputError` on windows of fewer than 128 samples.
    """
    if windows.n_samples < MINIMUM:
        raise InputError(
            f"{what}: windows of {windows.n_samples} samples are too short: expected >= {MINIMUM}",
            "cut longer windows",
        )
    raw = windows.x.astype(np.float64)
    mean = raw.mean(axis=2, keepdims=True)
    rms = raw.std(axis=2, keepdims=True)
    rms[rms <= 1e-6 * np.abs(raw).max(axis=2, keepdims=True)] = 0.0
    x = np.where(rms > 0, (raw - mean) / np.where(rms > 0, rms, 1.0), 0.0)
    curves = np.stack([envelope(x[:, c]) for c in range(x.shape[1])], axis=1)
    together = curves.mean(axis=1)
    shaft = _shaft_period(windows)
    fits = [
        _fit(together[row], shaft[row] / _order(windows, row, orders, what), tolerance)
        for row in range(len(windows))
    ]
    phase, period = np.array(fits, np.float64).reshape(-1, 2).T
    figures = [shape(x[:, c], curves[:, c], period, shaft) for c in range(x.shape[1])]
    return Reading(
        x,
        mean[..., 0],
        rms[..., 0],
        np.stack(figures, axis=1),
        np.array([0 if v == NORMAL else kind_of(str(v)) for v in windows.labels], np.intp),
        period,
        shaft,
        phase,
        shaft_angle(together, shaft),
    )


def comb_guides(
    period: Floats,
    shaft: Floats,
    phase: Floats | None,
    angle: Floats,
    n_samples: int,
    slip: float,
    rng: np.random.Generator | None = None,
) -> Floats:
    """Guides `(n, 3, T)` of strikes at `period`, from `phase` on (None: random)."""
    known = np.isfinite(period)
    rng = np.random.default_rng(0) if rng is None else rng
    at = strikes(np.where(known, period, n_samples), n_samples, rng, slip, phase)
    skeleton = render(at, 1.0, n_samples) * known[:, None]
    return guides(skeleton, shaft, angle)


def _fit(curve: Floats, period: float, tolerance: float) -> tuple[float, float]:
    """Phase and period of the comb that fits an envelope best; (0, NaN) where there is none."""
    if not np.isfinite(period) or not 4 <= period <= len(curve):
        return 0.0, float("nan")
    return comb(curve, period, tolerance)


def _shaft_period(windows: WindowSet) -> Floats:
    rpm = windows.column("rpm").astype(np.float64)
    known = np.isfinite(rpm) & (rpm > 0)
    return np.where(known, windows.rate * 60.0 / np.where(known, rpm, 1.0), np.nan)


def _order(windows: WindowSet, row: int, orders: Mapping[str, float] | None, what: str) -> float:
    """Strikes per revolution, NaN where unknown."""
    try:
        return order_of(windows, row, orders, what)
    except InputError:
        return float("nan")
