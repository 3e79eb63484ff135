"""The transformer blocks of the trunk, modulated by the diffusion step.

Attention of Vaswani et al. (NeurIPS 2017); the step enters through adaptive layer normalisation,

    AdaLN(h, t) = a(t) LayerNorm(h) + b(t)

as in Diffusion-TS (Yuan & Qiao, ICLR 2024). Hidden states are `(n, T, width)`, the embedded step
`(n, width)`.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from faultsyn.synth.diffusion_ts.fourier import seasonal
from faultsyn.synth.diffusion_ts.trend import Trend


class StepNorm(nn.Module):
    """AdaLN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(width, 2 * width)

    def forward(self, hidden: Tensor, step: Tensor) -> Tensor:
        """Normalised, scaled and shifted."""
        scale, shift = self.modulate(silu(step))[:, None].chunk(2, dim=2)
        normed: Tensor = self.norm(hidden) * (1 + scale) + shift
        return normed


class Attention(nn.Module):
    """Multi-head attention of `query` `(n, T, width)` over `memory` `(n, S, width)`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.memory = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """`(n, T, width)`."""
        keys, values = self.memory(memory).chunk(2, dim=2)
        mixed = scaled_dot_product_attention(
            self._split(self.query(query)), self._split(keys), self._split(values)
        )
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        return x.view(n, length, self.heads, width // self.heads).transpose(1, 2)


def _mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class EncoderBlock(nn.Module):
    """Self-attention and a perceptron, each around a residual path."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(StepNorm(width) for _ in range(2))
        self.attention = Attention(width, heads)
        self.mlp = _mlp(width)

    def forward(self, hidden: Tensor, step: Tensor) -> Tensor:
        """`(n, T, width)` -> the same."""
        normed = self.norms[0](hidden, step)
        hidden = hidden + self.attention(normed, normed)
        out: Tensor = hidden + self.mlp(self.norms[1](hidden, step))
        return out


class Decoded(NamedTuple):
    """What a decoder block gives.

    - `hidden`: `(n, T, width)`, without its mean over time, for the next block.
    - `mean`: that mean, `(n, 1, width)`.
    - `trend`: `(n, T, channels)`.
    - `season`: `(n, T, width)`.
    """

    hidden: Tensor
    mean: Tensor
    trend: Tensor
    season: Tensor


class DecoderBlock(nn.Module):
    """Self-attention, attention over the encoder's output, then trend and seasonal parts.

    - `degree`: of the trend's polynomial; `lines`: frequencies of the seasonal part.

    Their inputs come from a linear map in which the positions in time are the channels, as in
    Diffusion-TS: its weights, and its cost, grow with the square of the window.
    """

    def __init__(
        self, length: int, width: int, channels: int, heads: int, degree: int, lines: int
    ) -> None:
        super().__init__()
        self.lines = lines
        self.norms = nn.ModuleList(StepNorm(width) for _ in range(3))
        self.own = Attention(width, heads)
        self.cross = Attention(width, heads)
        self.parts = nn.Linear(length, 2 * length)
        self.trend = Trend(length, width, channels, degree)
        self.mlp = _mlp(width)

    def forward(self, hidden: Tensor, memory: Tensor, step: Tensor) -> Decoded:
        """`hidden` and `memory` `(n, T, width)`."""
        normed = self.norms[0](hidden, step)
        hidden = hidden + self.own(normed, normed)
        hidden = hidden + self.cross(self.norms[1](hidden, step), memory)
        for_trend, for_season = self.parts(hidden.mT).mT.chunk(2, dim=1)
        hidden = hidden + self.mlp(self.norms[2](hidden, step))
        mean = hidden.mean(dim=1, keepdim=True)
        season = seasonal(for_season, self.lines)
        return Decoded(hidden - mean, mean, self.trend(for_trend), season)
