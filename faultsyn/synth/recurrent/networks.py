"""TimeGAN's five recurrent networks, each told the class at every step.

Yoon, Jarrett & van der Schaar, "Time-series Generative Adversarial Networks" (NeurIPS 2019),
section 4 and figure 1: windows x and latent codes h, both sequences of S steps,

    embedder x -> h,  recovery h -> x,  generator z -> h,  supervisor h_t -> h_{t+1},
    discriminator h -> real or not, at every step.

The class is the paper's static feature: it joins the input of every step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Sequence(nn.Module):
    """GRU layers and a head at every step.

    - `inputs`, `outputs`: values of a step; `classes`: number of them.
    - `hidden`, `layers`: of the GRU.
    - `squashed`: whether outputs are brought between 0 and 1, as latent codes are.
    """

    def __init__(
        self, inputs: int, outputs: int, classes: int, hidden: int, layers: int, squashed: bool
    ) -> None:
        super().__init__()
        self.classes, self.squashed = classes, squashed
        self.recurrent = nn.GRU(inputs + classes, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        """`(n, S, inputs)`, classes `(n,)` -> `(n, S, outputs)`."""
        told = nn.functional.one_hot(place, self.classes).to(x)
        told = told[:, None].expand(-1, x.shape[1], -1)
        hidden, _ = self.recurrent(torch.cat([x, told], dim=2))
        made: Tensor = self.head(hidden)
        return made.sigmoid() if self.squashed else made


class Networks(nn.Module):
    """All five; `values`: of a step of a window."""

    def __init__(self, values: int, classes: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.hidden = hidden
        sizes = (classes, hidden, layers)
        self.embedder = Sequence(values, hidden, *sizes, squashed=True)
        # The authors squash this one too, for windows that they scale from 0 to 1.
        self.recovery = Sequence(hidden, values, *sizes, squashed=False)
        self.generator = Sequence(hidden, hidden, *sizes, squashed=True)
        fewer = (classes, hidden, max(1, layers - 1))
        self.supervisor = Sequence(hidden, hidden, *fewer, squashed=True)
        self.discriminator = Sequence(hidden, 1, *sizes, squashed=False)

    def noise(self, n: int, steps: int, generator: torch.Generator) -> Tensor:
        """z, `(n, S, hidden)`, uniform from 0 to 1."""
        z = torch.rand(n, steps, self.hidden, generator=generator)
        return z.to(self.embedder.head.weight.device)

    def imagine(self, z: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Latent codes of the generator, before and after the supervisor, `(n, S, hidden)`."""
        drafted = self.generator(z, place)
        return drafted, self.supervisor(drafted, place)


def to_steps(x: Tensor, length: int) -> Tensor:
    """Windows `(n, C, T)` as steps of `length` samples, `(n, S, C * length)`, the end held."""
    more = -x.shape[2] % length
    x = nn.functional.pad(x, (0, more), mode="replicate")
    n, channels, samples = x.shape
    cut = x.view(n, channels, samples // length, length)
    return cut.transpose(1, 2).reshape(n, samples // length, channels * length)


def from_steps(steps: Tensor, channels: int, samples: int) -> Tensor:
    """Windows `(n, C, T)` again."""
    n, count, values = steps.shape
    cut = steps.view(n, count, channels, values // channels)
    return cut.transpose(1, 2).reshape(n, channels, -1)[..., :samples]
