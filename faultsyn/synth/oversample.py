"""Random oversampling: duplicates of the shots.

Japkowicz & Stephen, "The class imbalance problem: a systematic study", Intelligent Data Analysis 6
(2002): for a classifier that weighs samples it equals class weights.
"""

from __future__ import annotations

import numpy as np

from faultsyn.synth.base import Space
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet


class Oversample(ShotGenerator):
    """Copies of the shots, each used equally often.

    - `space`: "signal" or "features"; copies are copies in both.
    """

    name = "oversample"
    spaces = frozenset({"signal", "features"})

    def __init__(self, space: Space = "signal") -> None:
        self.space = space

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        return self._made(self.shots_.x[source], source)
