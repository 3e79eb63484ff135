"""What a private generator may spend, for whom, and what it states afterwards."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.privacy.accountant import Ledger, noise_for
from faultsyn.windows import WindowSet

Unit = Literal["window", "recording", "asset"]
"""Whose presence is hidden: one window, or all windows of one recording or asset together."""

_FROM_SEED = (
    "the noise follows from the seed, which is kept beside this claim: it hides nothing from "
    "whoever has the seed or tries small numbers (secret: true)"
)


@dataclass(frozen=True)
class Budget:
    """An (epsilon, delta) for a unit.

    - `epsilon`: None: infinity, that is no noise and no claim.
    - `delta`: well below one over the number of units.
    - `unit`: see `Unit`.
    - `secret`: noise from the operating system, as a release needs; False: from the seed, so that a
      study can be repeated, and whoever knows or guesses the seed can take the noise off.
    """

    epsilon: float | None
    delta: float = 1e-5
    unit: Unit = "window"
    secret: bool = True

    def check(self, who: str) -> None:
        """Raise `InputError` on a value that makes no sense."""
        if self.epsilon is not None and not (self.epsilon > 0 and math.isfinite(self.epsilon)):
            raise InputError(
                f"{who}: expected epsilon a number > 0 or null, got {self.epsilon}",
                "null is infinity: no noise, no claim",
            )
        if not 0 < self.delta < 1:
            raise InputError(f"{who}: expected delta between 0 and 1, got {self.delta}")
        if self.unit not in get_args(Unit):
            raise InputError(f"{who}: expected unit in {get_args(Unit)}, got '{self.unit}'")

    @property
    def private(self) -> bool:
        """Whether there is a bound at all."""
        return self.epsilon is not None

    def noise(self, spend: Callable[[float], Ledger], who: str) -> float:
        """The noise that keeps the budget; 0 without one."""
        if self.epsilon is None:
            return 0.0
        return noise_for(self.epsilon, self.delta, spend, who)

    def claim(
        self, ledger: Ledger, units: int, public: str, warning: str = "", **more: Any
    ) -> dict[str, Any]:
        """What may be stated, in plain JSON types; nothing without a bound.

        - `units`: how many there are; `public`: what the claim takes for known to everybody.
        - `warning`: what whoever trusts the claim must know.
        """
        if self.epsilon is None:
            return {}
        warnings = [text for text in (warning, "" if self.secret else _FROM_SEED) if text]
        told = {"warning": "; ".join(warnings)} if warnings else {}
        return {
            "epsilon": round(ledger.epsilon(self.delta), 4),
            "delta": self.delta,
            "unit": self.unit,
            "units": units,
            "neighbours": f"one {self.unit} there or left empty, their number known",
            "accountant": "Rényi",
            "public": public,
            "noise from": "the operating system" if self.secret else "the seed",
            **more,
            **told,
        }

    def rng(self, rng: np.random.Generator) -> np.random.Generator:
        """Where noise and sampling come from; takes one number from `rng` in any case."""
        seed = int(rng.integers(2**63))
        return np.random.default_rng(secrets.randbits(128) if self.secret else seed)


def units_of(windows: WindowSet, unit: Unit, who: str) -> NDArray[np.intp]:
    """The unit of each window, numbered from 0, `(n,)`.

    Raises `InputError` where the windows do not name their recording or asset.
    """
    if unit == "window":
        return np.arange(len(windows))
    names = windows.table.get(unit)
    if names is None or (names.astype(str) == "").any():
        raise InputError(
            f"{who}: the unit of privacy is the {unit}, but windows do not say theirs",
            "set unit: window, or ingest them with that column",
        )
    return np.unique(names.astype(str), return_inverse=True)[1]
