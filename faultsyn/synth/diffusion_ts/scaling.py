"""Channels in units of their normal deviation, large excursions compressed.

The papers scale to a fixed range, which a fault leaves: on a process, channels can move by tens of
normal deviations. So (ours) each channel is standardised on the normal windows and then bent,
`z -> c asinh(z / c)`, linear near zero and logarithmic beyond c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.windows import FloatArray

BEND = 3.0
"""c, in normal deviations."""


@dataclass(frozen=True)
class NormalScaler:
    """`mean`, `deviation`: of each channel over normal windows, float64 `(C,)`."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def fit(cls, x: FloatArray) -> Self:
        """From normal windows `(n, C, T)`; a constant channel has deviation 1."""
        mean = x.mean(axis=(0, 2), dtype=np.float64)
        deviation = x.std(axis=(0, 2), dtype=np.float64)
        # Below this a deviation is the rounding of float32, not a signal.
        constant = deviation <= 1e-6 * np.abs(mean)
        return cls(mean, np.where(constant | (deviation == 0), 1.0, deviation))

    def apply(self, x: FloatArray) -> FloatArray:
        """Windows `(n, C, T)`, scaled."""
        z = (x - self.mean[:, None]) / self.deviation[:, None]
        return np.asarray(BEND * np.arcsinh(z / BEND), np.float32)

    def undo(self, z: FloatArray) -> FloatArray:
        """Windows in their own units again."""
        x = BEND * np.sinh(z.astype(np.float64) / BEND) * self.deviation[:, None]
        return np.ascontiguousarray(x + self.mean[:, None], np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """For an artefact."""
        return {"scaler.mean": self.mean, "scaler.deviation": self.deviation}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read back what `state` gave."""
        return cls(arrays["scaler.mean"], arrays["scaler.deviation"])
