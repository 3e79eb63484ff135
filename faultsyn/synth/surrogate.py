"""Surrogates of the shots: their linear properties, and nothing else.

Phase-randomised: Theiler et al., Physica D 58 (1992) 77, several channels: Prichard & Theiler,
Phys. Rev. Lett. 73 (1994) 951. IAAFT: Schreiber & Schmitz, Phys. Rev. Lett. 77 (1996) 635 and
Physica D 142 (2000) 346. The algorithms are in `faultsyn.signal.surrogates`.

A surrogate keeps the spectrum (IAAFT also the exact values) but scatters impulses in time: it is a
weak generator for bearing faults, and shows which classifiers live on the spectrum alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from faultsyn.signal.surrogates import iaaft, phase_randomise
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet


class Surrogate(ShotGenerator):
    """Surrogates of the shots, each shot used equally often.

    - `method`: "iaaft" or "phase".
    - `common_phases`: turn all channels of a window together, which keeps their cross-spectra;
      otherwise each channel for itself.
    - `iterations`: most steps of IAAFT.
    """

    name = "surrogate"

    def __init__(
        self,
        method: Literal["iaaft", "phase"] = "iaaft",
        common_phases: bool = True,
        iterations: int = 100,
    ) -> None:
        self.method = method
        self.common_phases = common_phases
        self.iterations = iterations

    def check_config(self) -> None:
        """Raise `InputError` on an unknown method or no iteration."""
        super().check_config()
        self._require(self.method in ("iaaft", "phase"), "method", "iaaft or phase")
        self._require(self.iterations >= 1, "iterations", ">= 1")

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        x = self.shots_.x[source]
        together = x if self.common_phases else x.reshape(-1, 1, x.shape[-1])
        if self.method == "phase":
            made = phase_randomise(together, rng)
        else:
            made = iaaft(together, rng, self.iterations)
        return self._made(made.reshape(x.shape), source)
