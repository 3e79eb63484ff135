"""How long and how hard to train."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from faultsyn.errors import InputError

Decay = Literal["cosine", "constant"]

_START = 0.1  # share of the peak rate that warm-up begins with


@dataclass(frozen=True)
class Recipe:
    """The knobs of the training loop; every one is checked when the recipe is made.

    - `steps`: gradient steps at most.
    - `learning_rate`: peak rate of AdamW (Loshchilov and Hutter, ICLR 2019); with a decay of zero
      that is Adam.
    - `weight_decay`: AdamW's decay.
    - `betas`: decay of its first and second moments.
    - `warm_up`: share of the training over which the rate rises linearly from a tenth to its peak.
    - `decay`: after warm-up half a cosine down to zero, or constant.
    - `clip`: largest Euclidean norm of a gradient; None: not clipped.
    - `ema`: decay of the exponential moving average of the weights, which are what training ends
      with; None: the last weights.
    - `check_every`: steps between looks at the held-out loss, and between progress reports.
    - `patience`: checks without improvement before stopping, with a held-out loss.
    - `seconds`: wall-clock budget; training ends with the step that exceeds it, and the rate decays
      towards whichever end is nearer. None: no budget. With one, equal seeds no longer promise
      equal weights.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    warm_up: float = 0.1
    decay: Decay = "cosine"
    clip: float | None = 1.0
    ema: float | None = None
    check_every: int = 20
    patience: int = 5
    seconds: float | None = None

    def __post_init__(self) -> None:
        _require(self.steps >= 0, "steps", "an integer >= 0", self.steps)
        _require(self.learning_rate > 0, "learning_rate", "a number > 0", self.learning_rate)
        _require(self.weight_decay >= 0, "weight_decay", "a number >= 0", self.weight_decay)
        _require(all(0 <= b < 1 for b in self.betas), "betas", "two from 0 to below 1", self.betas)
        _require(0 <= self.warm_up < 1, "warm_up", "a share from 0 to below 1", self.warm_up)
        _require(self.decay in ("cosine", "constant"), "decay", "cosine or constant", self.decay)
        _require(self.clip is None or self.clip > 0, "clip", "a number > 0 or None", self.clip)
        _require(self.ema is None or 0 < self.ema < 1, "ema", "between 0 and 1, or None", self.ema)
        _require(self.check_every >= 1, "check_every", "an integer >= 1", self.check_every)
        _require(self.patience >= 1, "patience", "an integer >= 1", self.patience)
        good = self.seconds is None or self.seconds > 0
        _require(good, "seconds", "a number > 0 or None", self.seconds)

    def rate(self, step: int, seconds: float) -> float:
        """Learning rate of `step` (from 0), `seconds` after the start."""
        done = step / self.steps
        if self.seconds is not None:
            done = min(1.0, max(done, seconds / self.seconds))
        if done < self.warm_up:
            return self.learning_rate * (_START + (1 - _START) * done / self.warm_up)
        if self.decay == "constant":
            return self.learning_rate
        left = (done - self.warm_up) / (1 - self.warm_up)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * left))


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise InputError(f"training recipe: expected {name} {expected}, got {got}")
