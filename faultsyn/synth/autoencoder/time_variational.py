"""TimeVAE's network: a VAE whose decoder adds trend, seasons and what is left.

Desai, Freeman, Wang & Beaver, "TimeVAE: A Variational Auto-Encoder for Multivariate Time Series
Generation" (arXiv 2111.08095, 2021), section 4:

    trend      theta(z) R,  R = (1, r, ..., r^P),  r = 0, 1/T, ..., (T - 1)/T
    season j   of m_j seasons of d_j samples: theta_j(z)[floor(t / d_j) mod m_j]
    rest       a deconvolutional decoder
    loss       weight * sum (x - made)^2 + KL

The class joins the code. Encoder and rest are the project's convolutional blocks; the authors' have
strides of 2 throughout.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from faultsyn.synth.autoencoder.elbo import divergence
from faultsyn.synth.autoencoder.networks import Variational
from faultsyn.synth.convolutional.layout import Layout

Season = tuple[int, int]
"""Number of seasons, and samples of each."""


class Trend(nn.Module):
    """Codes `(n, inputs)` to polynomials of degree `degree`, `(n, C, T)`."""

    powers: Tensor

    def __init__(self, inputs: int, channels: int, length: int, degree: int) -> None:
        super().__init__()
        self.channels = channels
        terms = degree + 1
        self.weigh = _two_layers(inputs, channels * terms)
        time = torch.arange(length) / length
        powers = torch.stack([time**p for p in range(terms)])
        self.register_buffer("powers", powers, persistent=False)

    def forward(self, code: Tensor) -> Tensor:
        """Level and trend."""
        weights = self.weigh(code).view(len(code), self.channels, -1)
        made: Tensor = weights @ self.powers
        return made


class Seasons(nn.Module):
    """Codes to one value for each season, held for its samples, again and again."""

    which: Tensor

    def __init__(self, inputs: int, channels: int, length: int, season: Season) -> None:
        super().__init__()
        count, samples = season
        self.channels = channels
        self.weigh = nn.Linear(inputs, channels * count)
        which = torch.arange(length) // samples % count
        self.register_buffer("which", which, persistent=False)

    def forward(self, code: Tensor) -> Tensor:
        """`(n, inputs)` -> `(n, C, T)`."""
        weights = self.weigh(code).view(len(code), self.channels, -1)
        made: Tensor = weights[..., self.which]
        return made


class TimeVariational(Variational):
    """TimeVAE.

    - `degree`: of the trend; `seasons`: of every seasonal part.
    - `weight`: of the squared error.
    """

    def __init__(
        self,
        layout: Layout,
        latent: int,
        classes: int,
        degree: int,
        seasons: Sequence[Season],
        weight: float,
        noisy: bool,
    ) -> None:
        super().__init__(layout, latent, classes, beta=1.0, noisy=noisy)
        self.weight = weight
        inputs, shape = latent + classes, (layout.channels, layout.size[0])
        self.trend = Trend(inputs, *shape, degree)
        self.seasons = nn.ModuleList(Seasons(inputs, *shape, season) for season in seasons)

    def parts(self, code: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Trend, all seasons, rest around the level of the class, `(n, C, T)` each."""
        told = self.told(place)
        both = torch.cat([code, told], dim=1)
        trend: Tensor = self.trend(both)
        seasonal = torch.zeros_like(trend)
        for season in self.seasons:
            seasonal = seasonal + season(both)
        return trend, seasonal, self.decoder(code, told)

    def decode(self, code: Tensor, place: Tensor) -> Tensor:
        """The sum of the parts and the level."""
        trend, seasonal, rest = self.parts(code, place)
        return self.level[place] + trend + seasonal + rest

    def bound(self, x: Tensor, made: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """TimeVAE's loss of each window."""
        error = (x - made).square().sum(dim=(1, 2))
        return self.weight * error + divergence(mean, log_variance)


def _two_layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.Linear(outputs, outputs))
