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
from torch.nn.functional import leaky_relu

from faultsyn.synth.convolutional.blocks import Decoder, Encoder
from faultsyn.synth.convolutional.kinds import Norm
from faultsyn.synth.convolutional.layout import Layout

_ENVELOPE = 64
_SOFT = 1e-4  # added to a line's power, below which its root would be steep


@dataclass(frozen=True)
class Sizes:
    """Sizes of both players.

    - `layout`: of windows and stages; `latent`: length of the noise that the maker starts from;
      `condition`: length of the vector that a class speaks through; `norm`: in the maker;
      `envelope`: whether the critic sees the envelope spectrum of a signal too.
    """

    layout: Layout
    latent: int
    condition: int
    norm: Norm
    envelope: bool = False

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


class EnvelopeView(nn.Module):
    """Features of the envelope spectrum, where a fault that strikes regularly has its lines.

    Roots of the magnitudes of the Fourier transform of squared samples, up to half the highest
    frequency: they do not change when a window is shifted, and grow like the window does.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.lines = max(1, layout.size[0] // 4)
        self.layer = nn.Linear(layout.channels * self.lines, _ENVELOPE)

    def forward(self, windows: Tensor) -> Tensor:
        """`(n, C, T)` -> `(n, 64)`."""
        power = windows.square()
        lines = torch.fft.rfft(power - power.mean(dim=2, keepdim=True), norm="ortho")
        lines = lines[:, :, 1 : self.lines + 1]
        size = (lines.real.square() + lines.imag.square() + _SOFT).pow(0.25)
        features: Tensor = leaky_relu(self.layer(size.flatten(1)), 0.2)
        return features


class Critic(nn.Module):
    """Windows, their class and speed to a score, high for real ones."""

    def __init__(self, sizes: Sizes, classes: int) -> None:
        super().__init__()
        self.encoder = Encoder(sizes.layout)
        self.envelope = EnvelopeView(sizes.layout) if sizes.envelope else None
        features = sizes.layout.features + (_ENVELOPE if sizes.envelope else 0)
        self.all = nn.Linear(features, 1)
        self.classes = nn.Embedding(classes, features)
        nn.init.zeros_(self.classes.weight)
        self.speed = nn.Parameter(torch.zeros(features))

    def forward(self, windows: Tensor, told: Tensor) -> Tensor:
        """`(n, C, *size)` and `told` `(n, 2)` -> scores `(n,)`."""
        features = self.encoder(windows)
        if self.envelope is not None:
            features = torch.cat([features, self.envelope(windows)], dim=1)
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
