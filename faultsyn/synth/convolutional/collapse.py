"""Whether a generator that trains has collapsed, copies its shots, or lost its critic.

A GAN that is fed a few shots often ends in one of three ways: it makes one window whatever the
noise (mode collapse), it makes its shots (memorisation), or the critic runs away from it
(divergence). The first two are read from circular cross-correlations, so that a rotated copy is a
copy. What is alike among real windows is the yardstick: cycles of a machine may resemble each other
closely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.signal.likeness import circular_likeness, unit_windows

FEWEST_DIVERSE = 0.2
"""Least spread among made windows, as a share of that among real ones."""
MOST_COPIES = 0.5
"""Largest share of made windows that are copies."""
MOST_LOSS = 10.0
"""Largest loss of a 1-Lipschitz critic, in mean norms of real and made windows together.

Without numerical error its estimate of the distance is at most one."""
_MOST_REAL = 64


@dataclass(frozen=True)
class Finding:
    """What was found of one class.

    - `diversity`: mean of 1 - likeness between made windows over that between real ones.
    - `copied`: share of made windows nearer to a shot than half-way between the most alike real
      windows and a copy.
    """

    diversity: float
    copied: float

    def trouble(self) -> str:
        """What is wrong, "" when nothing is."""
        if not np.isfinite(self.diversity):
            return "windows that are not finite"
        if self.diversity < FEWEST_DIVERSE:
            return f"collapsed (diversity {self.diversity:.2f} of the real)"
        if self.copied > MOST_COPIES:
            return f"memorised ({100 * self.copied:.0f} % copies of shots)"
        return ""


class Yardstick:
    """How alike real windows of one class are.

    - `shots`: of the class, `(k, C, T)`; `normals`: healthy windows `(n, C, T)`, looked at where
      there is one shot; both scaled alike.
    """

    def __init__(self, shots: NDArray[np.float32], normals: NDArray[np.float32] | None) -> None:
        self._shots = unit_windows(_few(shots).astype(np.float64))
        others = self._shots
        if len(others) < 2 and normals is not None and len(normals) > 1:
            others = unit_windows(_few(normals).astype(np.float64))
        self._spread, likest = 1.0, 0.0
        if len(others) > 1:
            alike = circular_likeness(others, others)[0]
            apart = ~np.eye(len(others), dtype=bool)
            self._spread, likest = float(1 - alike[apart].mean()), float(alike[apart].max())
        self._limit = 0.5 * (1 + likest)

    def judge(self, made: NDArray[np.float32]) -> Finding:
        """Judge made windows `(n, C, T)`, at least two."""
        if not np.isfinite(made).all():
            return Finding(float("nan"), 0.0)
        units = unit_windows(made.astype(np.float64))
        apart = ~np.eye(len(units), dtype=bool)
        spread = 1 - circular_likeness(units, units)[0][apart].mean()
        nearest = circular_likeness(units, self._shots)[0].max(axis=1)
        # Real windows that are all the same leave no yardstick but rounding.
        diversity = float(spread / max(self._spread, 1e-6))
        return Finding(diversity, float((nearest > self._limit).mean()))


def _few(x: NDArray[np.float32]) -> NDArray[np.float32]:
    kept = np.linspace(0, len(x) - 1, min(len(x), _MOST_REAL)).round().astype(int)
    few: NDArray[np.float32] = x[kept]
    return few
