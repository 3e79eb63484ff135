"""The two players of a conditional Wasserstein GAN: a maker of windows and a critic of them.

Mirza & Osindero, "Conditional Generative Adversarial Nets" (2014); the critic takes the class by
projection, f(x, y) = w . phi(x) + v_y . phi(x) (Miyato & Koyama, ICLR 2018), and has no norm over
the batch, which the gradient penalty of single windows forbids (Gulrajani et al., NeurIPS 2017).

Both are told the class and (ours) how much faster than usual the shaft turns, where that is known:
a fault's lines move with it. `told` holds both, `(n, 2)`; the speed speaks along one learnt
direction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from faultsyn.synth.convolutional.blocks import Decoder, Encoder
from faultsyn.synth.convolutional.kinds import Norm
from faultsyn.synth.convolutional.layout import Layout


@dataclass(frozen=True)
class Sizes:
    """Sizes of both players.

    - `layout`: of windows and stages; `latent`: length of the noise that the maker starts from;
      `condition`: length of the vector that a class speaks through; `norm`: in the maker.
    """

    layout: Layout
    latent: int
    condition: int
    norm: Norm

    @property
    def noise(self) -> int:
        """Numbers of noise for a window: the latent vector, and the texture of every stage."""
        return self.latent + self.layout.texture


class Maker(nn.Module):
    """Noise, a class and a speed to windows; the "generator" of the GAN papers."""

    def __init__(self, sizes: Sizes, classes: int) -> None:
        super().__init__()
        self.classes = nn.Embedding(classes, sizes.condition)
        self.speed = nn.Parameter(torch.zeros(sizes.condition))
        # Twice as wide as the critic, which is what it is behind in by the number of its steps.
        layout = replace(sizes.layout, width=2 * sizes.layout.width, widest=2 * sizes.layout.widest)
        self.decoder = Decoder(layout, sizes.latent, sizes.condition, sizes.norm, textured=True)
        self.latent = sizes.latent

    def forward(self, noise: Tensor, told: Tensor) -> Tensor:
        """`(n, sizes.noise)` and `told` `(n, 2)` -> windows `(n, C, *size)`."""
        latent, texture = noise[:, : self.latent], noise[:, self.latent :]
        condition = self.classes(told[:, 0].long()) + told[:, 1:] * self.speed
        made: Tensor = self.decoder(latent, condition, texture)
        return made


class Critic(nn.Module):
    """Windows, their class and speed to a score, high for real ones."""

    def __init__(self, sizes: Sizes, classes: int) -> None:
        super().__init__()
        self.encoder = Encoder(sizes.layout)
        self.all = nn.Linear(sizes.layout.features, 1)
        self.classes = nn.Embedding(classes, sizes.layout.features)
        nn.init.zeros_(self.classes.weight)
        self.speed = nn.Parameter(torch.zeros(sizes.layout.features))

    def forward(self, windows: Tensor, told: Tensor) -> Tensor:
        """`(n, C, *size)` and `told` `(n, 2)` -> scores `(n,)`."""
        features = self.encoder(windows)
        direction = self.classes(told[:, 0].long()) + told[:, 1:] * self.speed
        score: Tensor = self.all(features)[:, 0] + (direction * features).sum(dim=1)
        return score


class Adversaries(nn.Module):
    """Both players, for `classes` classes."""

    def __init__(self, sizes: Sizes, classes: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.maker = Maker(sizes, classes)
        self.critic = Critic(sizes, classes)

    def grow(self, classes: int) -> None:
        """Make room for `classes` classes; each new one starts as the first, which is normal."""
        with torch.no_grad():
            for player in (self.maker, self.critic):
                old = player.classes.weight
                more = old[:1].expand(classes - len(old), -1)
                grown = nn.Embedding(classes, old.shape[1], device=old.device)
                grown.weight.copy_(torch.cat([old, more]))
                player.classes = grown
