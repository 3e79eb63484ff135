"""What every autoencoding generator is to the training loop, and the convolutional VAE.

Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014); beta: Higgins et al., "beta-VAE"
(ICLR 2017), eq. 4; told the class: Sohn, Lee & Yan, "Learning Structured Output Representation
using Deep Conditional Generative Models" (NeurIPS 2015):

    x, y -> q(z | x, y) = N(m, diag exp v);   z, y -> p(x | z, y) = N(made, s^2);   z ~ N(0, 1)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from faultsyn.neural import Turn
from faultsyn.neural.turn import Loss
from faultsyn.synth.autoencoder.elbo import channel_variance, divergence, drawn, surprise
from faultsyn.synth.convolutional.blocks import Decoder, Encoder
from faultsyn.synth.convolutional.layout import Layout
from faultsyn.synth.gaussian_diffusion.batches import Batches

_CALMEST, _WILDEST = -12.0, 6.0  # log variances of a posterior


class Autoencoder(nn.Module):
    """A network that codes windows and makes windows from codes.

    What it codes is how a window differs from the level of its class, the mean of each channel over
    the class's windows (ours): otherwise codes tell the class, which the prior does not know, and
    few shots do not teach them not to.

    - `channels`: of a window; `latent`: length of a code; `classes`: number of classes.
    """

    level: Tensor

    def __init__(self, channels: int, latent: int, classes: int) -> None:
        super().__init__()
        self.latent, self.classes = latent, classes
        self.register_buffer("level", torch.zeros(classes, channels, 1))

    def prepare(self, x: Tensor, place: Tensor) -> None:
        """Called once before training, with all windows `(n, C, T)` and their classes `(n,)`."""
        for row in set(place.tolist()):
            self.level[row] = x[place == row].mean(dim=(0, 2))[:, None]

    @abstractmethod
    def lessons(self, batches: Batches) -> Loss | Sequence[Turn]:
        """What it is trained with."""

    @abstractmethod
    def decode(self, code: Tensor, place: Tensor) -> Tensor:
        """Codes `(n, latent)` of the classes `place` `(n,)` -> windows `(n, C, T)`."""

    def finish(self, x: Tensor, place: Tensor, generator: torch.Generator) -> None:
        """Called once after training, with all windows."""

    def generate(self, place: Tensor, generator: torch.Generator) -> Tensor:
        """New windows of the classes `place` `(n,)`."""
        code = torch.randn(len(place), self.latent, generator=generator)
        return self.decode(code.to(place.device), place)

    def told(self, place: Tensor) -> Tensor:
        """The condition vector, `(n, classes)`."""
        return nn.functional.one_hot(place, self.classes).float()


class Variational(Autoencoder):
    """A VAE; `lessons` is the evidence lower bound for each value of a window.

    - `beta`: weight of the divergence; 1: the VAE.
    - `noisy`: whether windows are drawn from p(x | z, y) with its noise, white, of each channel's
      own size; otherwise its mean is taken, as is usual.
    """

    deviation: Tensor

    def __init__(self, layout: Layout, latent: int, classes: int, beta: float, noisy: bool) -> None:
        super().__init__(layout.channels, latent, classes)
        self.layout, self.beta, self.noisy = layout, beta, noisy
        self.encoder = Encoder(layout, classes)
        self.posterior = nn.Linear(layout.features, 2 * latent)
        self.decoder = Decoder(layout, latent, classes)
        self.register_buffer("deviation", torch.ones(layout.channels))

    def encode(self, x: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x, y), `(n, latent)` each."""
        differing = x - self.level[place]
        hidden: Tensor = self.posterior(self.encoder(differing, self.told(place)))
        mean, log_variance = hidden.chunk(2, dim=1)
        return mean, log_variance.clamp(_CALMEST, _WILDEST)

    def decode(self, code: Tensor, place: Tensor) -> Tensor:
        """The mean of p(x | z, y)."""
        made: Tensor = self.decoder(code, self.told(place)) + self.level[place]
        return made

    def lessons(self, batches: Batches) -> Loss:
        """The negative bound of a batch."""

        def loss(generator: torch.Generator) -> Tensor:
            x, place = batches.draw(generator)
            mean, log_variance = self.encode(x, place)
            made = self.decode(drawn(mean, log_variance, generator), place)
            return self.bound(x, made, mean, log_variance).mean() / x[0].numel()

        return loss

    def bound(self, x: Tensor, made: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Minus the evidence lower bound of each window, `(n,)`, the divergence times beta."""
        error = surprise(x, made, channel_variance(x, made))
        return error + self.beta * divergence(mean, log_variance)

    def finish(self, x: Tensor, place: Tensor, generator: torch.Generator) -> None:
        """Measure s on all windows, for the noise."""
        with torch.no_grad():
            made = self.decode(drawn(*self.encode(x, place), generator), place)
            self.deviation.copy_(channel_variance(x, made).sqrt())

    def generate(self, place: Tensor, generator: torch.Generator) -> Tensor:
        """Windows from codes of the prior."""
        made = super().generate(place, generator)
        if not self.noisy:
            return made
        noise = torch.randn(made.shape, generator=generator).to(made.device)
        return made + self.deviation[:, None] * noise
