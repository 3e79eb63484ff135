"""No synthesis at all: the arm that every other generator is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.base import Generator, Space
from faultsyn.windows import WindowSet


class NoSynthesis(Generator):
    """Returns no window, however many are asked for, so that the shots stand alone.

    - `space`: "signal" or "features".
    """

    name = "none"
    spaces = frozenset({"signal", "features"})

    def __init__(self, space: Space = "signal") -> None:
        self.space = space

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        pass

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        table = {"label": np.empty(0, str), "source": np.empty(0, np.intp)}
        x = np.empty((0, *self.shape_), np.float32)
        return WindowSet(x, table, self.rate_, self.channels_)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {}, {}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        pass
