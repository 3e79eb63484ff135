"""The acceptance gate: a made window is kept when it could be a real one and is no copy.

Every limit comes from the shots and the healthy windows. A figure of a window must lie in the range
of the shots, widened on either side by the spread of that figure over healthy windows, and by twice
that when there is one shot (a factor of 1 + 1/K): with a few shots of one machine the range of the
fault is not known, and healthy windows tell how much machine, load and chance alone can change. The
gate is there to catch what is broken (wrong level, lost
impulses, a spectrum from elsewhere, copies); it is no judge of quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.kurtosis import window_kurtosis
from faultsyn.evaluate.memorisation import copy_limit, similarity
from faultsyn.evaluate.normal_components import EDGES, normal_components
from faultsyn.signal.spectrum import welch_psd
from faultsyn.windows import WindowSet

Floats = NDArray[np.float64]

COPY, LEVEL, KURTOSIS, SPECTRUM, COMPONENTS = (
    "copy of a shot", "level", "kurtosis", "spectrum", "normal components",
)  # fmt: skip
REASONS = (COPY, LEVEL, KURTOSIS, SPECTRUM, COMPONENTS)
"""Why a window is rejected; the first that holds is counted."""

FEWEST_COPY = 0.9
"""A window less similar to every shot than this is never called a copy."""
UNKNOWN_COPY = 0.97
"""Limit of similarity where one shot and no healthy windows leave nothing to read it from."""
SLOW_HZ = 50.0
"""Windows at up to this rate are process values: judged in normal components, not by kurtosis."""
MOST_NORMALS = 200
"""Healthy windows that are looked at, evenly spread."""
FEWEST_NORMALS = 12
"""Fewer say nothing about a spread."""

_FEWEST_REFERENCES = 12
"""Healthy windows against which others are held to see how alike real ones can be."""
_MARGINS = {LEVEL: 0.7, KURTOSIS: 0.7, COMPONENTS: 1.4}
"""Least widening of a range, in natural logarithm: a factor of 2 in amplitude, 4 in power."""
_LEAST_SPECTRUM = 6.0  # dB
_BANDS = 32
_RANGE_DB = 60.0
_QUIET = 1e-6
"""Power of a still channel, of that of a lively one: 60 dB below."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says of each window.

    - `reason`: one of `REASONS`, or "" where the window is accepted, `(n_windows,)`.
    - `figures`: by name, what was looked at, `(n_windows,)` each.
    """

    reason: NDArray[np.str_]
    figures: Mapping[str, Floats]

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """True where a window is kept."""
        kept: NDArray[np.bool_] = self.reason == ""
        return kept


class Gate:
    """Limits for the windows of one class.

    - `shots`: real windows of the class, at least one.
    - `normals`: healthy windows; may be None or few, the limits are then wider.
    """

    def __init__(self, shots: WindowSet, normals: WindowSet | None) -> None:
        self._shots = shots
        healthy = None if normals is None else _spread(normals, MOST_NORMALS)
        self._healthy = None
        if healthy is not None and len(healthy) >= FEWEST_NORMALS:
            self._healthy = healthy
        # The same divisor for every window, so that similarities can be compared.
        self._scale = shots if self._healthy is None else self._healthy
        self._widening = 1.0 + 1.0 / len(shots)
        self._slow = shots.rate <= SLOW_HZ
        self._basis = None if self._healthy is None or not self._slow else _Basis(self._healthy)
        spread = self._scale.x.std(axis=(0, 2), dtype=np.float64)
        self._live = spread > 0
        self._gain = 1.0 / np.where(self._live, spread, 1.0)
        loudest = self._band_powers(self._scale).max(axis=(0, 2), keepdims=True)
        self._bottom = np.maximum(loudest, 1e-30) * 10 ** (-_RANGE_DB / 10)
        self._levels = self._band_levels(shots)
        self.limits = self._find_limits()

    def judge(self, windows: WindowSet) -> Verdict:
        """Accept or reject each window of the class."""
        if len(windows) == 0:
            return Verdict(np.zeros(0, str), {})
        limits = self.limits
        near = similarity(windows, self._shots, self._scale).best
        gap = _nearest(self._band_levels(windows), self._levels)
        figures: dict[str, Floats] = {"similarity": near, "psd_distance": gap}
        broken = {COPY: near > limits["copy"][1], SPECTRUM: gap > limits["spectrum"][1]}
        for name, values in self._ranged(windows).items():
            low, high = limits[name]
            outside = (values < low) | (values > high)
            kind = name.partition(" ")[0] if name.partition(" ")[0] in REASONS else COMPONENTS
            broken[kind] = broken.get(kind, np.zeros(len(windows), bool)) | outside
            figures[_column(name)] = values
        reason = np.full(len(windows), "", dtype="<U24")
        for name in reversed(REASONS):
            if name in broken:
                reason[broken[name]] = name
        return Verdict(reason, figures)

    def _find_limits(self) -> dict[str, tuple[float, float]]:
        """The accepted range of every figure."""
        limits = {"copy": (-1.0, self._copy_limit()), "spectrum": (0.0, self._spectrum_limit())}
        mine = self._ranged(self._shots)
        theirs = {} if self._healthy is None else self._ranged(self._healthy)
        for name, values in mine.items():
            margin = _MARGINS.get(name, _MARGINS[COMPONENTS])
            if name in theirs:
                low, high = np.quantile(theirs[name], [0.01, 0.99])
                margin = max(margin, float(high - low))
            margin *= self._widening
            limits[name] = (float(values.min()) - margin, float(values.max()) + margin)
        return limits

    def _copy_limit(self) -> float:
        """Half-way between the nearest two real windows and a copy, but `FEWEST_COPY` at least.

        Real windows are the shots among themselves, and healthy ones against a dozen others.
        """
        known = []
        if len(self._shots) > 1:
            known.append(_among(self._shots, self._scale))
        if self._healthy is not None:
            of = _references(self._healthy, max(len(self._shots), _FEWEST_REFERENCES))
            others = np.setdiff1d(np.arange(len(self._healthy)), of)
            references, rest = self._healthy.take(of), self._healthy.take(others)
            known.append(similarity(rest, references, self._scale).best)
        if not known:
            return UNKNOWN_COPY
        return max(FEWEST_COPY, copy_limit(np.concatenate(known)))

    def _spectrum_limit(self) -> float:
        """Half as much again as real windows lie apart, but `_LEAST_SPECTRUM` at least [dB].

        Real windows are the shots among themselves, and healthy ones against as many others.
        """
        known = [_LEAST_SPECTRUM * self._widening]
        if len(self._shots) > 1:
            apart = [
                _nearest(self._levels[[i]], np.delete(self._levels, i, axis=0))[0]
                for i in range(len(self._levels))
            ]
            known.append(1.5 * float(max(apart)))
        if self._healthy is not None:
            levels = self._band_levels(self._healthy)
            of = _references(self._healthy, len(self._shots))
            rest = np.delete(levels, of, axis=0)
            known.append(1.5 * float(np.quantile(_nearest(rest, levels[of]), 0.99)))
        return max(known)

    def _ranged(self, windows: WindowSet) -> dict[str, Floats]:
        """Figures that must lie in a range, each in natural logarithm, `(n_windows,)`."""
        moved = windows.x - windows.x.mean(axis=-1, keepdims=True, dtype=np.float64)
        power = (moved**2).mean(axis=-1) * self._gain**2
        found = {LEVEL: 0.5 * np.log(power[:, self._live] + _QUIET).mean(axis=1)}
        if self._basis is not None:
            found |= self._basis.energies(windows)
        if not self._slow:
            kurtosis = np.nan_to_num(window_kurtosis(windows), nan=1.0)
            found[KURTOSIS] = np.log(np.maximum(kurtosis, 1.0)).mean(axis=1)
        return found

    def _band_powers(self, windows: WindowSet) -> Floats:
        """Power of each window in equal bands, `(n_windows, n_channels, n_bands)`.

        Of the channels that move, each divided by its spread.
        """
        x = (windows.x * self._gain[:, None])[:, self._live]
        _, density = welch_psd(x, windows.rate)
        lines = density[..., 1:]
        n_bands = min(_BANDS, lines.shape[-1])
        starts = np.arange(n_bands) * lines.shape[-1] // n_bands
        power: Floats = np.add.reduceat(lines, starts, axis=-1)
        return power

    def _band_levels(self, windows: WindowSet) -> Floats:
        """The same in dB, at least 60 below the loudest of the channel in real windows."""
        decibel: Floats = 10.0 * np.log10(np.maximum(self._band_powers(windows), self._bottom))
        return decibel


class _Basis:
    """Energy in blocks of the healthy windows' principal components, about their mean."""

    def __init__(self, healthy: WindowSet) -> None:
        self._gain, self._components = normal_components(healthy)
        self._mean = (healthy.x / self._gain).reshape(len(healthy), -1).mean(axis=0)

    def energies(self, windows: WindowSet) -> dict[str, Floats]:
        rows = (windows.x / self._gain).reshape(len(windows), -1) - self._mean
        scores = rows @ self._components.T
        found = {}
        for low, high in pairwise(EDGES):
            block = scores[:, low:high]
            if block.shape[1] >= min(high - low, FEWEST_NORMALS):
                found[f"components {low}-{low + block.shape[1]}"] = np.log(
                    (block**2).mean(axis=1) + 1e-12
                )
        return found


def _column(name: str) -> str:
    """The name of a figure as a column of the passport."""
    return "log_" + name.replace(" ", "_").replace("-", "_")


def _spread(windows: WindowSet, most: int) -> WindowSet:
    if len(windows) <= most:
        return windows
    return windows.take(np.linspace(0, len(windows) - 1, most).round().astype(int))


def _references(windows: WindowSet, k: int) -> NDArray[np.intp]:
    """K of the windows, evenly spread, at most half of them."""
    count = min(k, len(windows) // 2)
    return np.unique(np.linspace(0, len(windows) - 1, count).round().astype(np.intp))


def _among(windows: WindowSet, scale: WindowSet) -> Floats:
    """Similarity of each window to the nearest of the others."""
    rows = np.arange(len(windows))
    return np.array(
        [
            similarity(windows.take([i]), windows.take(rows[rows != i]), scale).best[0]
            for i in range(len(windows))
        ]
    )


def _nearest(levels: Floats, references: Floats) -> Floats:
    """Mean absolute gap to the nearest reference [dB], `(n_windows,)`."""
    gaps = [np.abs(levels - one).mean(axis=(1, 2)) for one in references]
    found: Floats = np.min(gaps, axis=0)
    return found
