"""The adversarial autoencoder: a discriminator, not a divergence, shapes the codes.

Makhzani, Shlens, Jaitly, Goodfellow & Frey, "Adversarial Autoencoders" (ICLR workshop 2016),
section 2 and, for the class, section 4 (supervised: the decoder is told it, the code keeps what
else there is). Three updates a batch, each with an optimiser of its own:

    reconstruction   encoder, decoder   |x - made(z, y)|^2,  z = encoder(x)
    discriminator    discriminator      tell z ~ N(0, 1) from encoder(x)
    regularisation   encoder            fool it
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from faultsyn.neural import Turn
from faultsyn.synth.autoencoder.networks import Autoencoder
from faultsyn.synth.convolutional.blocks import Decoder, Encoder
from faultsyn.synth.convolutional.layout import Layout
from faultsyn.synth.gaussian_diffusion.batches import Batches

_WIDTH = 128  # of the discriminator


class AdversarialAutoencoder(Autoencoder):
    """Encoder, decoder and the discriminator of codes.

    - `rate`: of discriminator and regularisation, as a share of the learning rate.
    """

    def __init__(self, layout: Layout, latent: int, classes: int, rate: float) -> None:
        super().__init__(layout.channels, latent, classes)
        self.rate = rate
        self.encoder = nn.Sequential(Encoder(layout), nn.Linear(layout.features, latent))
        self.decoder = Decoder(layout, latent, classes)
        self.discriminator = nn.Sequential(
            nn.Linear(latent, _WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(_WIDTH, _WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(_WIDTH, 1),
        )

    def encode(self, x: Tensor, place: Tensor) -> Tensor:
        """Codes of windows."""
        code: Tensor = self.encoder(x - self.level[place])
        return code

    def decode(self, code: Tensor, place: Tensor) -> Tensor:
        """Windows of codes."""
        made: Tensor = self.decoder(code, self.told(place)) + self.level[place]
        return made

    def lessons(self, batches: Batches) -> Sequence[Turn]:
        """The three updates."""

        def reconstruction(generator: torch.Generator) -> Tensor:
            x, place = batches.draw(generator)
            return mse_loss(self.decode(self.encode(x, place), place), x)

        def discrimination(generator: torch.Generator) -> Tensor:
            with torch.no_grad():
                codes = self.encode(*batches.draw(generator))
            prior = torch.randn(codes.shape, generator=generator).to(codes)
            return discrimination_loss(self.discriminator(prior), self.discriminator(codes))

        def regularisation(generator: torch.Generator) -> Tensor:
            said = self.discriminator(self.encode(*batches.draw(generator)))
            return binary_cross_entropy_with_logits(said, torch.ones_like(said))

        both = nn.ModuleList([self.encoder, self.decoder])
        return (
            Turn("reconstruction", both, reconstruction),
            Turn("discriminator", self.discriminator, discrimination, rate=self.rate),
            Turn("regularisation", self.encoder, regularisation, rate=self.rate),
        )


def discrimination_loss(prior: Tensor, codes: Tensor) -> Tensor:
    """Mean cross-entropy of the discriminator's logits for draws of the prior and for codes."""
    real = binary_cross_entropy_with_logits(prior, torch.ones_like(prior))
    return 0.5 * (real + binary_cross_entropy_with_logits(codes, torch.zeros_like(codes)))
