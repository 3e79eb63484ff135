"""Difference augmentation: a shot plus the difference of two normal windows.

The spread of the normal class is lent to the fault class, as in the delta-encoder (Schwartz et al.,
NeurIPS 2018) but with the difference taken literally:

    x' = x_shot + scale (n_i - n_j),   i != j
"""

from __future__ import annotations

import numpy as np

from faultsyn.errors import InputError
from faultsyn.synth.base import Space
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet


class DiffAug(ShotGenerator):
    """A shot plus a scaled difference of two random normals.

    - `scale`: weight of the difference; 0 gives copies of the shots.
    - `space`: "features" (rows standardised on the training rows) or "signal". In signal space
      the noise of two normals is added, so that it suits slow signals better than vibration.

    Raises `InputError` with fewer than two normal windows.
    """

    name = "diff-aug"
    spaces = frozenset({"signal", "features"})
    needs_normal = True
    keeps_normal = True

    def __init__(self, scale: float = 0.7, space: Space = "features") -> None:
        self.scale = scale
        self.space = space

    def check_config(self) -> None:
        """Raise `InputError` on a negative scale."""
        super().check_config()
        self._require(self.scale >= 0, "scale", ">= 0")

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        if len(normal) < 2:
            raise InputError(f"{self.name}: expected at least 2 normal windows, got {len(normal)}")
        super()._pretrain(normal, rng)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        normal = self.normal_.x
        first = rng.integers(len(normal), size=n)
        second = (first + rng.integers(1, len(normal), size=n)) % len(normal)
        x = self.shots_.x[source] + np.float32(self.scale) * (normal[first] - normal[second])
        return self._made(x, source)
