"""Which unknown score is used and from where on: learnt from faults that were withheld in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.novelty import Scale, auroc
from faultsyn.plant.crossfit import SCORES, HeldOut
from faultsyn.plant.limits import FEWEST_STATES, Limits, Scored, fit_limits

Floats = NDArray[np.float64]

COMBINED = ("outlier", "energy")
PLAIN = "diagonal"
_SQUARED = (PLAIN, "mahalanobis")
"""Scores that are squared distances to class means, the plainer first."""
_KINDS = (*SCORES, "combined")
_CLEARLY = 0.02
"""AUROC by which a score must lead a distance to be taken instead."""


@dataclass(frozen=True, eq=False)
class Unknown:
    """The unknown score in use.

    - `kind`: its name; `scales`: of those that "combined" adds; `limits`; `measured`: figures on
      the held-out parts.
    """

    kind: str
    scales: Mapping[str, Scale]
    limits: Limits
    measured: dict[str, Any]

    @classmethod
    def fit(cls, held: HeldOut, met: HeldOut, share: float) -> Self:
        """Choose the score and learn its limits.

        - `held`: what was held out, perhaps at operating states of its own; `met`: the same at
          states that every fit had met.
        - `share`: of known windows that the limits shall let pass.

        A score is judged at states that were met, and at new ones too where the limits are.
        """
        scales = {part: Scale.fit(met.strange[part]) for part in COMBINED}
        sides = {"met": _Side.of(met, scales)}
        n_states = len(np.unique(held.fold[held.new_state]))
        if n_states >= FEWEST_STATES and held is not met:
            sides["new"] = _Side.of(held, scales)
        areas = {name: side.areas() for name, side in sides.items()}
        told = [area for area in areas.values() if area]
        mean = {k: float(np.mean([area[k] for area in told])) for k in areas["met"]}
        kind = _chosen(mean)
        known, strangers = sides["met"].known[kind], sides["met"].withheld[kind]
        elsewhere = held.strange | {"combined": combined(held.strange, scales)}
        limits = fit_limits(
            Scored(known, met.unit, met.fold),
            Scored(elsewhere[kind], held.unit, held.fold).take(held.new_state),
            strangers, met.withheld_unit, share, kind in _SQUARED,
        )  # fmt: skip
        measured = {
            "unknown_auroc": mean,
            "unknown_withheld": len(strangers),
            "states_held_out": limits.states,
            "known_called_unknown": float((known > limits.window).mean()),
            "withheld_called_unknown": float((strangers > limits.window).mean())
            if len(strangers)
            else None,
        }
        return cls(kind, scales, limits, measured)


@dataclass(frozen=True, eq=False)
class _Side:
    """Scores by kind of held-out windows, known and withheld."""

    known: dict[str, Floats]
    withheld: dict[str, Floats]

    @classmethod
    def of(cls, held: HeldOut, scales: Mapping[str, Scale]) -> Self:
        return cls(
            held.strange | {"combined": combined(held.strange, scales)},
            held.withheld | {"combined": combined(held.withheld, scales)},
        )

    def areas(self) -> dict[str, float]:
        """AUROC by kind; empty where nothing was withheld."""
        found = {kind: auroc(self.known[kind], self.withheld[kind]) for kind in _KINDS}
        return {kind: area for kind, area in found.items() if area is not None}


def combined(scores: Mapping[str, Floats], scales: Mapping[str, Scale]) -> Floats:
    """The sum of the scores in `COMBINED`, each in its own deviations, `(n,)`."""
    return np.asarray(sum(scales[part](scores[part]) for part in COMBINED))


def _chosen(areas: Mapping[str, float]) -> str:
    """The plainest distance that no score leads clearly on withheld faults, else what leads."""
    best = max(areas, key=lambda kind: areas[kind], default=PLAIN)
    near = areas.get(best, 0.0) - _CLEARLY
    return next((kind for kind in _SQUARED if areas.get(kind, -1.0) >= near), best)
