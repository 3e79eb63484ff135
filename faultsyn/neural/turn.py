"""Networks that train against each other take turns within a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural.private import PrivateLoss, Privately

Loss = Callable[[torch.Generator], Tensor]
"""Draws a batch with the generator it is handed and returns its scalar loss."""


@dataclass(frozen=True)
class Turn:
    """One player's part of a training step, with an optimiser of its own.

    - `name`: in the history and in errors; no dots.
    - `player`: the part of the trained module whose parameters it updates. Parts may overlap.
    - `loss`: as of `train`; gradients reach the player alone.
    - `repeats`: updates in a row.
    - `rate`: its learning rate as a share of the recipe's.
    - `after`: called after each update, to clip weights for instance.
    - `private`: trained by DP-SGD; the loss is then a `PrivateLoss`. The recipe's `clip` has no
      part in it.
    """

    name: str
    player: nn.Module
    loss: Loss | PrivateLoss
    repeats: int = 1
    rate: float = 1.0
    after: Callable[[], None] | None = None
    private: Privately | None = None

    def __post_init__(self) -> None:
        if not self.name or "." in self.name:
            raise InputError(f"turn: expected a name without dots, got '{self.name}'")
        if self.repeats < 1:
            raise InputError(f"turn '{self.name}': expected repeats >= 1, got {self.repeats}")
        if not self.rate > 0:
            raise InputError(f"turn '{self.name}': expected rate > 0, got {self.rate}")
        if (self.private is None) != callable(self.loss):
            raise InputError(f"turn '{self.name}': a private loss and `private` go together")
