"""What a set of shots says: windows of unit RMS, their levels, guides and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.cycle_bootstrap import comb
from faultsyn.synth.diffusion.describe import MINIMUM, envelope, kind_of, shape, told
from faultsyn.synth.diffusion.skeleton import Rhythm, shaft_angle
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
    - `rhythm`: strikes and shaft of each window.
    """

    x: Floats
    mean: Floats
    rms: Floats
    figures: Floats
    kind: NDArray[np.intp]
    rhythm: Rhythm

    def told(self) -> NDArray[np.float32]:
        """Conditions of each window and channel, `(K, C, N_TOLD)`."""
        return tell(self.kind, self.rhythm, self.figures)

    def at(self, rhythm: Rhythm) -> Reading:
        """The same windows with (sharpened) places of strikes, and figures to match."""
        return replace(self, rhythm=rhythm, figures=_figures(self.x, rhythm))

    def take(self, rows: NDArray[Any]) -> Reading:
        """Some of the windows."""
        x, mean, rms, figures, kind = (part[rows] for part in self._arrays())
        return Reading(x, mean, rms, figures, kind, self.rhythm.take(rows))

    def put(self, rows: NDArray[Any], other: Reading) -> None:
        """Replace some of the windows, in place."""
        mine = (*self._arrays(), *self.rhythm.arrays())
        theirs = (*other._arrays(), *other.rhythm.arrays())
        for part, new in zip(mine, theirs, strict=True):
            part[rows] = new

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All but the samples, by name, to be saved."""
        names = ("mean", "rms", "figures", "kind")
        parts = zip(names, self._arrays()[1:], strict=True)
        places = zip(("period", "shaft", "phase", "angle"), self.rhythm.arrays(), strict=True)
        return {**dict(parts), **dict(places)}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Reading:
        """Read back what `arrays` gave; without samples."""
        mean, rms, figures, kind = (arrays[name] for name in ("mean", "rms", "figures", "kind"))
        period, shaft, phase, angle = (
            arrays[name] for name in ("period", "shaft", "phase", "angle")
        )
        rhythm = Rhythm(period, shaft, phase, angle)
        return cls(np.zeros((*mean.shape, 0)), mean, rms, figures, kind, rhythm)

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self.x, self.mean, self.rms, self.figures, self.kind


def tell(kind: NDArray[np.intp], rhythm: Rhythm, figures: Floats) -> NDArray[np.float32]:
    """Conditions of windows `(n,)` and channels, `(n, C, N_TOLD)`; `figures` `(n, C, N_SHAPE)`."""
    channels = range(figures.shape[1])
    rows = [told(kind, rhythm.period, rhythm.shaft, figures[:, c]) for c in channels]
    return np.stack(rows, axis=1)


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
    rms[rms <= 1e-7 * np.abs(raw).max(axis=2, keepdims=True)] = 0.0
    x = np.where(rms > 0, (raw - mean) / np.where(rms > 0, rms, 1.0), 0.0)
    together = np.mean([envelope(x[:, c]) for c in range(x.shape[1])], axis=0)
    shaft = _shaft_period(windows)
    fits = [
        _fit(together[row], shaft[row] / _order(windows, row, orders, what), tolerance)
        for row in range(len(windows))
    ]
    phase, period = np.array(fits, np.float64).reshape(-1, 2).T.copy()
    rhythm = Rhythm(period, shaft, phase, shaft_angle(together, shaft))
    kind = [0 if v == NORMAL else kind_of(str(v)) for v in windows.labels]
    return Reading(
        x,
        mean[..., 0],
        rms[..., 0],
        _figures(x, rhythm),
        np.array(kind, np.intp),
        rhythm,
    )


@dataclass(frozen=True)
class Readable:
    """Windows, which may lie on disk, that are read when they are drawn; see `read`."""

    windows: WindowSet
    orders: Mapping[str, float] | None
    tolerance: float
    what: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Windows, channels and samples."""
        count, channels, n_samples = self.windows.x.shape
        return count, channels, n_samples

    def read(self, rows: NDArray[np.intp]) -> Reading:
        """What the windows at `rows` say."""
        return read(self.windows.take(rows), self.orders, self.tolerance, self.what)


def _figures(x: Floats, rhythm: Rhythm) -> Floats:
    channels = [x[:, c] for c in range(x.shape[1])]
    made = [shape(part, envelope(part), rhythm.period, rhythm.shaft) for part in channels]
    return np.stack(made, axis=1)


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
