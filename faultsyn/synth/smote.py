"""SMOTE: interpolation between a shot and one of its nearest shots of the same class.

Chawla, Bowyer, Hall & Kegelmeyer, JAIR 16 (2002) 321, section 4.2:

    x' = x_i + u (x_j - x_i),   u ~ U(0, 1),  j among the k nearest of i
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.base import Space
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet


class Smote(ShotGenerator):
    """Points on the lines between neighbouring shots of a class.

    - `neighbours`: how many nearest shots may be the partner (Euclidean distance, each channel in
      units of its own spread over the shots).
    - `space`: "features" or "signal". Interpolated waveforms of vibration are a sum of two
      unsynchronised signals; in signal space it suits clocked cycles.

    A class with one shot gives copies of it.
    """

    name = "smote"
    spaces = frozenset({"signal", "features"})

    def __init__(self, neighbours: int = 5, space: Space = "features") -> None:
        self.neighbours = neighbours
        self.space = space

    def check_config(self) -> None:
        """Raise `InputError` on no neighbour."""
        super().check_config()
        self._require(self.neighbours >= 1, "neighbours", ">= 1")

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        partner = self._partners(source, rng, label)
        share = rng.random((n, 1, 1))
        x = self.shots_.x
        return self._made(x[source] + share * (x[partner] - x[source]), source)

    def _partners(
        self, source: NDArray[np.intp], rng: np.random.Generator, label: str
    ) -> NDArray[np.intp]:
        rows = self._rows(label)
        count = min(self.neighbours, len(rows) - 1)
        if count == 0:
            return source
        x = self.shots_.x.astype(np.float64)
        spread = x.std(axis=(0, 2), keepdims=True)
        flat = (x[rows] / np.where(spread > 0, spread, 1.0)).reshape(len(rows), -1)
        square = (flat**2).sum(axis=1)
        distance = square[:, None] + square - 2 * flat @ flat.T
        np.fill_diagonal(distance, np.inf)
        nearest = rows[np.argsort(distance, axis=1, kind="stable")[:, :count]]
        position = np.searchsorted(rows, source)
        return np.asarray(nearest[position, rng.integers(count, size=len(source))])
