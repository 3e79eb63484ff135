"""Perceptrons of the private generators; a class speaks as a vector beside the input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

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
    """Several judges side by side, none of which knows of the others.

    Their weights are stacked, `(count, ...)`, and multiplied in one go.
    """

    def __init__(self, count: int, size: int, classes: int, width: int) -> None:
        super().__init__()
        self.count, self.classes = count, classes
        each = [perceptron(size + classes, width, 1) for _ in range(count)]
        layers = [[m for m in one if isinstance(m, nn.Linear)] for one in each]
        self.weights = nn.ParameterList(
            torch.stack([layer.weight.detach().T for layer in same])
            for same in zip(*layers, strict=True)
        )
        self.biases = nn.ParameterList(
            torch.stack([layer.bias.detach()[None] for layer in same])
            for same in zip(*layers, strict=True)
        )

    def forward(self, rows: Tensor, place: Tensor) -> Tensor:
        """Log odds of each judge on rows of its own, `(count, n, size)` -> `(count, n)`."""
        flat = told(rows.flatten(0, 1), place.flatten(), self.classes)
        hidden = flat.view(*place.shape, -1)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if i < last:
                hidden = leaky_relu(hidden, _SLOPE)
        odds: Tensor = hidden[..., 0]
        return odds

    def votes(self, rows: Tensor, place: Tensor) -> Tensor:
        """How many take each row for real, `(n, size)` and `(n,)` -> `(n,)`."""
        odds = self(rows.expand(self.count, -1, -1), place.expand(self.count, -1))
        count: Tensor = (odds > 0).sum(dim=0)
        return count


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
