"""The trunk: an encoder-decoder transformer that takes a noisy window apart and gives a clean one.

Yuan & Qiao, "Diffusion-TS: Interpretable Diffusion for General Time Series Generation" (ICLR 2024),
eq. 4 to 7: the clean window is the sum of every decoder block's polynomial trend and seasonal part,
of the means that the blocks take off, and of what the last block leaves.

    x0 = sum_i [C w_i + mean_i] + sum_i S_i + R
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from faultsyn.synth.diffusion_ts.adapter import ClassAdapters
from faultsyn.synth.diffusion_ts.settings import Layout
from faultsyn.synth.diffusion_ts.transformer import DecoderBlock, EncoderBlock


class Trunk(nn.Module):
    """Noisy windows and their step to clean windows; see the module."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        width, length = layout.width, layout.length
        self.layout = layout
        self.embed = nn.Conv1d(layout.channels, width, 5, padding=2)
        self.place = nn.ParameterList(
            nn.Parameter(0.02 * torch.randn(length, width)) for _ in range(2)
        )
        self.step = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.encoder = nn.ModuleList(
            EncoderBlock(width, layout.heads) for _ in range(layout.encoder)
        )
        parts = (length, width, layout.channels, layout.heads, layout.degree, layout.lines)
        self.decoder = nn.ModuleList(DecoderBlock(*parts) for _ in range(layout.decoder))
        self.mean = nn.Linear(width, layout.channels, bias=False)
        self.season = nn.Conv1d(width, layout.channels, 5, padding=2, bias=False)
        self.rest = nn.Linear(width, layout.channels)
        rates = torch.exp(-math.log(1e4) * torch.arange(width // 2) / (width // 2))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, noisy: Tensor, step: Tensor, adapters: ClassAdapters | None = None) -> Tensor:
        """`noisy` `(n, C, T)`, `step` integers `(n,)` -> clean windows `(n, C, T)`."""
        angles = step.to(noisy)[:, None] * torch.as_tensor(self.rates)
        at = self.step(torch.cat([angles.sin(), angles.cos()], dim=1))
        embedded = self.embed(noisy).mT
        memory = self._encode(embedded + self.place[0], at, adapters)
        hidden = embedded + self.place[1]
        run = adapters.decoder.run() if adapters is not None else None
        trend, mean, season = noisy.new_zeros(()), noisy.new_zeros(()), noisy.new_zeros(())
        for block in self.decoder:
            made = block(hidden, memory, at)
            hidden = made.hidden if run is None else made.hidden + run.addend(hidden)
            trend, mean, season = trend + made.trend, mean + made.mean, season + made.season
        levels = trend + self.mean(mean) + self.rest(hidden)
        clean: Tensor = levels.mT + self.season(season.mT)
        return clean

    def _encode(self, hidden: Tensor, at: Tensor, adapters: ClassAdapters | None) -> Tensor:
        beside = adapters.encoder if adapters is not None else None
        run = beside.run() if beside is not None else None
        for block in self.encoder:
            made = block(hidden, at)
            hidden = made if run is None else made + run.addend(hidden)
        return hidden


class Adapted(nn.Module):
    """A frozen trunk with the adapters of one class; only these are trained."""

    def __init__(self, trunk: Trunk, adapters: ClassAdapters) -> None:
        super().__init__()
        self.trunk = trunk.requires_grad_(False)
        self.adapters = adapters

    def forward(self, noisy: Tensor, step: Tensor) -> Tensor:
        """As `Trunk`."""
        clean: Tensor = self.trunk(noisy, step, self.adapters)
        return clean
