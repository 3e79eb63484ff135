"""Lessons of the adversarial private generators."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from faultsyn.synth.private.lessons import Protected
from faultsyn.synth.private.networks import Judge, Maker


class JudgeLesson:
    """A judge's loss by unit: one of its windows against one made beside it (a `PrivateLoss`)."""

    def __init__(self, protected: Protected, maker: Maker, latent: int) -> None:
        self._protected, self._maker, self._latent = protected, maker, latent
        self.units = protected.units

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """A real row, a made one of the same class, and the class, for each chosen unit."""
        rows, places = self._protected.draw(chosen, generator)
        z = torch.randn(len(rows), self._latent, generator=generator)
        with torch.no_grad():
            made = self._maker(z, places)
        return rows, made, places

    def loss(self, network: Callable[..., Tensor], *drawn: Tensor) -> Tensor:
        """Of one unit."""
        real, made, place = (part[None] for part in drawn)
        return (softplus(-network(real, place)) + softplus(network(made, place))).mean()


def maker_loss(
    maker: Maker, judge: Judge, latent: int, classes: int, batch: int, blur: float = 0.0
) -> Callable[[torch.Generator], Tensor]:
    """The maker's loss: its windows, of all classes alike, should be taken for real.

    - `blur`: see `blurred`.
    """

    def loss(generator: torch.Generator) -> Tensor:
        z = torch.randn(batch, latent, generator=generator)
        place = torch.randint(classes, (batch,), generator=generator)
        made = blurred(maker(z, place), blur, generator)
        return softplus(-judge(made, place)).mean()

    return loss


def blurred(rows: Tensor, blur: float, generator: torch.Generator) -> Tensor:
    """Rows `(n, d)` under noise, of each row of a size between 0 and `blur`.

    Where made and real rows do not overlap, a judge is right about all of them and shows the maker
    no way; under noise they do (Arjovsky and Bottou, ICLR 2017; noise of random size: Wang et al.,
    "Diffusion-GAN", ICLR 2023).
    """
    if blur == 0:
        return rows
    size = blur * torch.rand(len(rows), 1, generator=generator)
    return rows + size * torch.randn(rows.shape, generator=generator)
