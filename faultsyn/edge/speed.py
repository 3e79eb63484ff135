"""Shaft speed and bearing as inputs of a graph, and how far it may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.signal.bearing import bearings, find_bearing
from faultsyn.windows import WindowSet

_BEYOND = 1.5
"""Speeds up to so many times the fastest of training: sizes in a graph are fixed."""


@dataclass(frozen=True)
class Speed:
    """What the graph gets beside the samples.

    - `rpm`: shaft speed of each window [1/min], `(n,)`.
    - `orders`: BPFO, BPFI, BSF and FTF of its bearing, `(n, 4)`.
    """

    rpm: Tensor
    orders: Tensor


@dataclass(frozen=True)
class Reach:
    """Up to which speed a graph is right, and for which bearings.

    - `rpm`: highest speed. `bearings`: BPFO, BPFI, BSF, FTF by designation.
    """

    rpm: float
    bearings: Mapping[str, tuple[float, float, float, float]]

    @classmethod
    def of(cls, windows: WindowSet) -> Reach:
        """From the windows that were learnt from; the whole bearing table is taken along."""
        speeds = np.asarray(windows.column("rpm"), np.float64)
        if not (np.isfinite(speeds) & (speeds > 0)).all():
            raise InputError(
                "edge: windows without a shaft speed among those that were learnt from"
            )
        named = {str(name) for name in windows.column("bearing").tolist()}
        known = dict(bearings()) | {name: find_bearing(name) for name in sorted(named)}
        found = {}
        for name, bearing in known.items():
            orders = bearing.orders()
            found[name] = (orders.bpfo, orders.bpfi, orders.bsf, orders.ftf)
        return cls(_BEYOND * float(speeds.max()), found)

    @property
    def orders(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Orders of every bearing, `(n_bearings, 4)`."""
        return np.array(list(self.bearings.values()), np.float64)
