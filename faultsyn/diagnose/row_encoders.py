"""Encoders of feature rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from faultsyn.diagnose.layer_norm import LayerNorm


class RowsMLP(nn.Module):
    """Perceptron with one hidden layer, beside a linear map, over feature rows.

    The linear map keeps distances between rows roughly as they are before any training (Johnson
    and Lindenstrauss 1984), so that few steps spoil nothing that the features know already.

    `(n, 1, n_features)` -> `(n, dim)`.
    """

    def __init__(self, channels: int, length: int, width: int, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels * length, dim)
        self.hidden = nn.Sequential(
            nn.Linear(channels * length, 2 * width),
            LayerNorm(2 * width),
            nn.ReLU(),
            nn.Linear(2 * width, dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Vectors `(n, dim)` of rows `(n, 1, n_features)`."""
        rows = x.flatten(1)
        made: Tensor = self.linear(rows) + self.hidden(rows)
        return made


class RowsResidual(nn.Module):
    """g * x + W relu(norm(V x)) with g = 1 and W = 0 at first: what it starts from is the rows.

    A learner then starts as the nearest mean in the features' own space and has only to learn what
    is better than that; a random map would have to learn the features' metric anew.

    `(n, 1, n_features)` -> `(n, n_features)`; `dim` does not apply.
    """

    def __init__(self, channels: int, length: int, width: int, dim: int) -> None:
        super().__init__()
        size = channels * length
        self.gain = Gain(size)
        self.hidden = nn.Sequential(
            nn.Linear(size, 2 * width), LayerNorm(2 * width), nn.ReLU(), ZeroLinear(2 * width, size)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Vectors `(n, n_features)` of rows `(n, 1, n_features)`."""
        rows = x.flatten(1)
        made: Tensor = self.gain(rows) + self.hidden(rows)
        return made


class RowsDirection(RowsResidual):
    """As `RowsResidual`, brought to one length: what counts is where a row lies from the centre.

    With rows centred on the normals that is how a fault differs, not how strongly.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Vectors `(n, n_features)` of length sqrt(n_features)."""
        made = super().forward(x)
        return normalize(made, dim=1) * math.sqrt(made.shape[1])


class Gain(nn.Module):
    """A weight for each feature, 1 at first."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))

    def forward(self, x: Tensor) -> Tensor:
        """`(n, size)` -> `(n, size)`."""
        return x * self.weight


class ZeroLinear(nn.Linear):
    """A linear layer that starts at zero."""
