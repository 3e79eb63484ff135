"""Channels in units of their deviation, large excursions compressed where that is wanted.

The papers scale to a fixed range, which a fault leaves: on a process, channels can move by tens of
normal deviations. So (ours) each channel is standardised, on normal windows or on the shots of a
class, and then may be bent, `z -> c asinh(z / c)`, linear near zero and logarithmic beyond c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.windows import FloatArray

BEND = 3.0
"""c, in deviations."""


@dataclass(frozen=True)
class ChannelScaler:
    """`mean`, `deviation`: of each channel, float64 `(C,)`; `bend`: c, None: not bent."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    bend: float | None = BEND

    @classmethod
    def fit(cls, x: FloatArray, bend: float | None = BEND) -> Self:
        """From windows `(n, C, T)`; a constant channel has deviation 1."""
        mean = x.mean(axis=(0, 2), dtype=np.float64)
        deviation = x.std(axis=(0, 2), dtype=np.float64)
        # Below this a deviation is the rounding of float32, not a signal.
        constant = deviation <= 1e-6 * np.abs(mean)
        return cls(mean, np.where(constant | (deviation == 0), 1.0, deviation), bend)

    def apply(self, x: FloatArray) -> FloatArray:
        """Windows `(n, C, T)`, scaled."""
        z = (x - self.mean[:, None]) / self.deviation[:, None]
        if self.bend is not None:
            z = self.bend * np.arcsinh(z / self.bend)
        return np.asarray(z, np.float32)

    def undo(self, z: FloatArray) -> FloatArray:
        """Windows in their own units again."""
        x = z.astype(np.float64)
        if self.bend is not None:
            x = self.bend * np.sinh(x / self.bend)
        x = x * self.deviation[:, None] + self.mean[:, None]
        return np.ascontiguousarray(x, np.float32)

    def state(self, prefix: str = "scaler.") -> dict[str, NDArray[Any]]:
        """For an artefact; whether it bends is the owner's to remember."""
        return {f"{prefix}mean": self.mean, f"{prefix}deviation": self.deviation}

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        prefix: str = "scaler.",
        bend: float | None = BEND,
    ) -> Self:
        """Read back what `state` gave."""
        return cls(arrays[f"{prefix}mean"], arrays[f"{prefix}deviation"], bend)
