"""What healthy looks like at each operating state, and how far a recording is from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.plant.states import ALL, States
from faultsyn.signal.statistics import KINDS, time_statistics
from faultsyn.windows import FloatArray, WindowSet

WATCHED = ("mean", "rms", "crest", "kurtosis")
"""Statistics of a channel that are watched (`faultsyn.signal.statistics`)."""
SHARE = 0.99
"""Share of healthy training windows that lie within the limit."""
_COLUMNS = [KINDS.index(kind) for kind in WATCHED]
_FEWEST = 5
"""Windows below which a state has no baseline of its own."""
_FLOOR = 0.01
"""Least deviation, as a share of the level: a constant channel must not alarm on rounding."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Baseline:
    """Medians and deviations of healthy windows.

    - `names`: states, `ALL` first; `counts`: windows of each.
    - `centre`, `spread`: `(n_states, C, 4)`, in the order of `WATCHED`; a spread is the larger of
      the deviations that the quartiles and the 0.5 and 99.5 % quantiles have in a Gaussian.
    - `limit`: deviations that the furthest statistic of a healthy window seldom exceeds.
    - `reference`: mean healthy window `(C, n_samples)`, for occlusion.
    """

    states: States
    names: tuple[str, ...]
    counts: tuple[int, ...]
    centre: Floats
    spread: Floats
    limit: float
    reference: FloatArray

    @classmethod
    def learn(cls, healthy: WindowSet, states: States) -> Self:
        """From healthy windows in physical units; raises `InputError` on none."""
        if len(healthy) == 0:
            raise InputError("baseline: no healthy windows")
        values = watched(healthy.x)
        of = states.names(healthy.table, len(healthy))
        names, counts, centres, spreads = [ALL], [len(healthy)], [], []
        members = [np.ones(len(healthy), bool)]
        for name in sorted(set(of.tolist()) - {ALL}):
            mine = of == name
            if mine.sum() >= _FEWEST:
                names.append(name)
                counts.append(int(mine.sum()))
                members.append(mine)
        scores = np.full(len(healthy), np.nan)
        for mine in members:
            centre, spread = _levels(values[mine])
            centres.append(centre)
            spreads.append(spread)
            scores[mine] = np.abs((values[mine] - centre) / spread).max(axis=(1, 2))
        reference = np.asarray(healthy.x.mean(axis=0), np.float32)
        limit = float(np.quantile(scores, SHARE))
        return cls(
            states, tuple(names), tuple(counts), np.stack(centres), np.stack(spreads), limit,
            reference,
        )  # fmt: skip

    def at(self, columns: Mapping[str, Any]) -> int:
        """Index of the state of a recording; 0, all states together, where it has none."""
        name = self.states.name(columns)
        return self.names.index(name) if name in self.names else 0

    def deviations(self, levels: Floats, columns: Mapping[str, Any]) -> tuple[Floats, int]:
        """How far `level_statistics` of a recording are from its state's, and which state it is."""
        state = self.at(columns)
        return (levels - self.centre[state]) / self.spread[state], state

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON that `restore` puts back."""
        arrays: dict[str, NDArray[Any]] = {
            "baseline.centre": self.centre,
            "baseline.spread": self.spread,
            "baseline.reference": self.reference,
        }
        info = {
            "states": self.states.as_json(),
            "names": list(self.names),
            "counts": list(self.counts),
            "limit": self.limit,
        }
        return arrays, info

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> Self:
        """Rebuild what `state` took apart; raises `InputError` when its parts do not fit."""
        names, centre = tuple(map(str, info["names"])), arrays["baseline.centre"]
        channels = len(arrays["baseline.reference"])
        if centre.shape != (len(names), channels, len(WATCHED)):
            raise InputError(
                f"baseline: {len(names)} states of {channels} channels, levels {centre.shape}"
            )
        return cls(
            states=States.from_json(info["states"]),
            names=names,
            counts=tuple(map(int, info["counts"])),
            centre=centre,
            spread=arrays["baseline.spread"],
            limit=float(info["limit"]),
            reference=arrays["baseline.reference"],
        )


def watched(x: FloatArray) -> Floats:
    """The watched statistics of windows, `(n, C, 4)`."""
    values = time_statistics(x).reshape(len(x), x.shape[1], len(KINDS))
    return np.asarray(values[:, :, _COLUMNS], np.float64)


def level_statistics(x: FloatArray) -> Floats:
    """The watched statistics of a recording `(C, 4)`: medians over its windows."""
    return np.asarray(np.median(watched(x), axis=0), np.float64)


def _levels(values: Floats) -> tuple[Floats, Floats]:
    least, low, centre, high, most = np.quantile(values, (0.005, 0.25, 0.5, 0.75, 0.995), axis=0)
    floor = _FLOOR * np.abs(centre) + 1e-12
    floor[:, 0] = np.maximum(floor[:, 0], _FLOOR * np.abs(centre[:, 1]))  # a mean may be zero
    # Both are the deviation of a Gaussian; of a sensor that is still most of the time, and moves in
    # some healthy windows, the quartiles say 0.
    spread = np.maximum((high - low) / 1.349, (most - least) / 5.152)
    return centre, np.maximum(spread, floor)
