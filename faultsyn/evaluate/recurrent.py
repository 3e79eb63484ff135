"""The small recurrent network behind the literature's discriminative and predictive scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from faultsyn.neural import built_with

HIDDEN = 24
BATCH = 64


class Recurrent(nn.Module):
    """Two GRU layers and a linear head, `(n, steps, inputs)` -> `(n, steps, 1)`."""

    def __init__(self, inputs: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.layers = nn.GRU(inputs, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """One output per step."""
        hidden, _ = self.layers(x)
        out: Tensor = self.head(hidden)
        return out


def seeded_network(inputs: int, rng: np.random.Generator) -> Recurrent:
    """A new network whose weights depend on `rng` alone; torch's global state is left alone."""
    return built_with(int(rng.integers(2**31)), lambda: Recurrent(inputs))


def train_step(network: Recurrent, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One clipped gradient step."""
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
