"""DP-SGD for the diffusion generators: from a budget to the noise, and to what may be stated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.privacy.accountant import Ledger
from faultsyn.privacy.budget import Budget, Unit, units_of
from faultsyn.registry import nearest
from faultsyn.windows import WindowSet

_OF_GROUP = 4
"""Windows of a recording or asset in a step, where that is the unit."""

_LOST = 1.0
"""Noise of all steps together over the most that their gradients can add up to, from which on
little is learnt."""


@dataclass(frozen=True)
class Units:
    """How a step of training is kept private.

    - `units`: unit of each window, numbered from 0, `(n,)`; `of_each`: windows of a unit in a step.
    - `noise`, `clip`, `rate`: of DP-SGD (`faultsyn.neural.private`).
    """

    units: NDArray[np.intp]
    of_each: int
    noise: float
    clip: float
    rate: float


@dataclass(frozen=True)
class PrivateStep:
    """How one step, pretraining or adaptation, is trained privately.

    - `epsilon`, `delta`, `unit`, `secret`: see `faultsyn.privacy.budget.Budget`.
    - `clip`: largest norm of one unit's gradient.
    """

    epsilon: float | None
    delta: float = 1e-5
    unit: Unit = "window"
    secret: bool = True
    clip: float = 1.0

    @classmethod
    def of(
        cls,
        steps: Mapping[str, Mapping[str, Any]] | None,
        step: str,
        known: Sequence[str],
        who: str,
    ) -> PrivateStep | None:
        """One of a generator's `privacy` steps, None where it is not private.

        Raises `InputError` on a step that is not `known`, or a key that is wrong.
        """
        unknown = sorted(set(steps or {}) - set(known))
        if unknown:
            raise InputError(f"{who}: privacy: expected {' or '.join(known)}, got {unknown}")
        told = (steps or {}).get(step)
        return None if told is None else cls.parse(told, f"{who}, {step}, privacy")

    @classmethod
    def parse(cls, given: Mapping[str, Any], who: str) -> PrivateStep:
        """From a configuration; raises `InputError` naming the key that is wrong."""
        known = cls.__dataclass_fields__
        for key in given:
            if key not in known:
                raise InputError(f"{who}: unknown key '{key}'", nearest(key, known))
        if "epsilon" not in given:
            raise InputError(f"{who}: expected epsilon")
        made = cls(**given)
        made.budget.check(who)
        if not made.clip > 0:
            raise InputError(f"{who}: expected clip > 0, got {made.clip}")
        return made

    @property
    def budget(self) -> Budget:
        """The budget alone."""
        return Budget(self.epsilon, self.delta, self.unit, self.secret)

    def units(
        self, windows: WindowSet, batch: int, steps: int, weights: int, public: str, who: str
    ) -> tuple[dict[str, Units], dict[str, Any]]:
        """By class, how it is trained; and the claim for all of them.

        - `batch`: units in a step, on average; `steps`: of each class; `weights`: that are trained;
          `public`: what the claim takes for known.

        A unit with windows of several classes takes part in the training of each, and pays for all.
        """
        unit = units_of(windows, self.unit, who)
        labels = windows.labels
        of_class = {str(c): unit[labels == c] for c in np.unique(labels)}
        rates = {c: min(1.0, batch / len(np.unique(own))) for c, own in of_class.items()}
        largest = max(rates.values())
        times = max(len(np.unique(labels[unit == one])) for one in np.unique(unit))

        def spend(noise: float) -> Ledger:
            return Ledger().subsampled(noise, largest, steps * times)

        noise = self.budget.noise(spend, who)
        of_each = 1 if self.unit == "window" else _OF_GROUP
        found = {}
        for label, own in of_class.items():
            own = np.unique(own, return_inverse=True)[1]
            found[label] = Units(own, of_each, noise, self.clip, rates[label])
        if not noise:
            return found, {}
        fewest = min(len(np.unique(own)) for own in of_class.values())
        share = noise * math.sqrt(weights / steps) / min(batch, fewest) if steps else 0.0
        lost = (
            f"with {fewest} {self.unit}s the noise of all steps is {share:.1f} times the most that "
            "their gradients can add up to: little but noise is learnt"
        )
        claim = self.budget.claim(
            spend(noise),
            len(np.unique(unit)),
            public,
            lost if share > _LOST else "",
            **{"noise multiplier": round(noise, 4), "clip": self.clip, "steps": steps},
            **{"sampling rate": round(largest, 6)},
        )
        return found, claim


def seeded_steps(config: Mapping[str, Any]) -> dict[str, Any]:
    """A generator's `config` whose private steps take their noise from the seed, by default."""
    steps = config.get("privacy")
    if not isinstance(steps, Mapping):
        return dict(config)
    told = {
        name: {"secret": False, **step} if isinstance(step, Mapping) else step
        for name, step in steps.items()
    }
    return {**config, "privacy": told}
