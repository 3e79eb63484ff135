"""Perceptrons of the private generators; a class speaks as a vector beside the input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SLOPE = 0.2
_BOUND = 8.0
"""Largest value of a made row: 21 deviations of a healthy channel, before it was bent."""


class Maker(nn.Module):
    """Latent vectors and classes to rows."""

    def __init__(self, latent: int, classes: int, width: int, size: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = perceptron(latent + classes, width, size)

    def forward(self, latent: Tensor, place: Tensor) -> Tensor:
        """`(n, latent)` and classes `(n,)` -> rows `(n, size)`."""
        made: Tensor = self.layers(told(latent, place, self.classes))
        return _BOUND * torch.tanh(made / _BOUND)


class Judge(nn.Module):
    """Rows and their class to the log odds that they are real."""

    def __init__(self, size: int, classes: int, width: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = perceptron(size + classes, width, 1)

    def forward(self, rows: Tensor, place: Tensor) -> Tensor:
        """`(n, size)` and classes `(n,)` -> `(n,)`."""
        odds: Tensor = self.layers(told(rows, place, self.classes))[:, 0]
        return odds


class Judges(nn.Module):
    """Several judges side by side, none of which knows of the others."""

    def __init__(self, count: int, size: int, classes: int, width: int) -> None:
        super().__init__()
        self.each = nn.ModuleList(Judge(size, classes, width) for _ in range(count))

    def votes(self, rows: Tensor, place: Tensor) -> Tensor:
        """How many take each row for real, `(n,)`."""
        odds = torch.stack([judge(rows, place) for judge in self.each])
        return (odds > 0).sum(dim=0)


class Coder(nn.Module):
    """Rows to the mean and log variance of their code."""

    def __init__(self, size: int, latent: int, width: int) -> None:
        super().__init__()
        self.layers = perceptron(size, width, 2 * latent)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """`(n, size)` -> two of `(n, latent)`."""
        mean, spread = self.layers(rows).chunk(2, dim=1)
        return mean, spread


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.LeakyReLU(_SLOPE),
        nn.Linear(width, width),
        nn.LeakyReLU(_SLOPE),
        nn.Linear(width, outputs),
    )


def told(rows: Tensor, place: Tensor, classes: int) -> Tensor:
    """Rows `(n, d)` with their class behind, `(n, d + classes)`: one entry of the root of d.

    So the class weighs as much as the row, however long that is.
    """
    # Not `one_hot`, which looks at its input and so has no place under `vmap`.
    of_class = place[:, None] == torch.arange(classes, device=place.device)
    return torch.cat([rows, of_class.to(rows) * rows.shape[1] ** 0.5], dim=1)
