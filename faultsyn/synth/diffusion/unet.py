"""The denoising network of vibration and of the plain DDPM: a one-dimensional U-Net.

A U-Net (Ronneberger, Fischer & Brox, MICCAI 2015) of residual blocks with group normalisation and
feature-wise modulation by the condition (FiLM; Perez et al., AAAI 2018), self-attention at the
bottom only, so that cost is near linear in length. No layer couples windows of a batch.

    x, guides (n, C + G, T) -> 24 x T -> 48 x T/4 -> 96 x T/16 -> 96 x T/64, and back

Guides are further input channels that say where things happen (`skeleton.py`); the condition says
what they are (`describe.py`). Where a block ends, an adapter may add to it
(`adapter.py`). Inside, channels lie beside each other in memory (`channels_last.py`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from faultsyn.synth.diffusion.channels_last import Convolution, Growth, laid, per_channel

Hook = Callable[[int, Tensor], Tensor]
"""What becomes of the output of block i: `(i, hidden (n, width, 1, T')) -> (n, width, 1, T')`."""

STRIDE = 4
_WIDTH_CONDITION = 128
_FREQUENCIES = 16


class Block(nn.Module):
    """Two convolutions of 5 with a residual path; the condition scales and shifts in between."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(8, into)
        self.first = Convolution(into, out, 5)
        self.film = nn.Linear(_WIDTH_CONDITION, 2 * out)
        self.norm_out = nn.GroupNorm(8, out)
        self.second = Convolution(out, out, 5)
        self.past = Convolution(into, out, 1) if into != out else nn.Identity()
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`(n, into, 1, T)`, `(n, 128)` -> `(n, out, 1, T)`."""
        scale, shift = per_channel(self.film(condition)).chunk(2, dim=1)
        hidden = self.first(silu(self.norm_in(x)))
        hidden = self.second(silu(self.norm_out(hidden) * (1 + scale) + shift))
        out: Tensor = self.past(x) + hidden
        return out


class Attention(nn.Module):
    """Residual self-attention over time, `(n, width, 1, T)` -> the same."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, width)
        self.mix = Convolution(width, 3 * width, 1)
        self.out = Convolution(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Mix positions."""
        n, width, _, length = x.shape
        parts = self.mix(self.norm(x)).view(n, 3, self.heads, width // self.heads, length)
        query, key, value = parts.transpose(-1, -2).unbind(dim=1)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = x + self.out(laid(mixed.transpose(-1, -2).reshape(n, width, length)))
        return out


class UNet(nn.Module):
    """The raw network F of EDM, or that of a DDPM's noise; see the module.

    - `n_guides`: further input channels; `n_condition`: length of the condition vector.
    - `widths`: channels at T, T/4, T/16, ...; multiples of 8.
    - `channels`: of a window.
    """

    rates: Tensor

    def __init__(
        self,
        n_guides: int,
        n_condition: int,
        widths: Sequence[int] = (24, 48, 96, 96),
        channels: int = 1,
    ) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.multiple = STRIDE ** len(pairs)
        self.noise = nn.Linear(2 * _FREQUENCIES, _WIDTH_CONDITION)
        self.told = nn.Linear(n_condition, _WIDTH_CONDITION)
        self.join = nn.Linear(_WIDTH_CONDITION, _WIDTH_CONDITION)
        self.stem = Convolution(channels + n_guides, widths[0], 5)
        self.down = nn.ModuleList(Block(w, w) for w in widths[:-1])
        self.shrink = nn.ModuleList(Convolution(a, b, STRIDE, STRIDE) for a, b in pairs)
        self.bottom = nn.ModuleList(Block(widths[-1], widths[-1]) for _ in range(2))
        self.attention = Attention(widths[-1])
        self.grow = nn.ModuleList(Growth(b, a, STRIDE) for a, b in pairs[::-1])
        self.up = nn.ModuleList(Block(2 * w, w) for w in widths[-2::-1])
        self.norm = nn.GroupNorm(8, widths[0])
        self.out = Convolution(widths[0], channels, 5)
        nn.init.zeros_(self.out.weight)
        rates = torch.exp(torch.linspace(math.log(0.25), math.log(16.0), _FREQUENCIES))
        self.register_buffer("rates", rates, persistent=False)
        self.hook_widths = (*widths[:-1], widths[-1], widths[-1], *widths[-2::-1])

    def forward(
        self, x: Tensor, noise: Tensor, guides: Tensor, told: Tensor, hook: Hook | None = None
    ) -> Tensor:
        """Raw output `(n, C, T)`.

        - `x`: `(n, C, T)`, T a multiple of `multiple`; `noise`: c_noise, `(n,)`.
        - `guides`: `(n, G, T)`; `told`: the condition, `(n, n_condition)`.
        - `hook`: called after each block, numbered from the input on; widths: `hook_widths`.
        """
        condition = self._condition(noise, told)
        hooked = _Hooked(hook)
        hidden = self.stem(laid(torch.cat([x, guides], dim=1)))
        kept = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            hidden = hooked(block(hidden, condition))
            kept.append(hidden)
            hidden = shrink(hidden)
        hidden = self.attention(hooked(self.bottom[0](hidden, condition)))
        hidden = hooked(self.bottom[1](hidden, condition))
        for block, grow in zip(self.up, self.grow, strict=True):
            hidden = hooked(block(torch.cat([grow(hidden), kept.pop()], dim=1), condition))
        made: Tensor = self.out(silu(self.norm(hidden)))
        return made.flatten(2)

    def _condition(self, noise: Tensor, told: Tensor) -> Tensor:
        angles = noise[:, None] * self.rates
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        joined: Tensor = silu(self.join(silu(self.noise(waves) + self.told(told))))
        return joined


class _Hooked:
    """Hands each block's output to the hook, counting."""

    def __init__(self, hook: Hook | None) -> None:
        self._hook, self._at = hook, -1

    def __call__(self, hidden: Tensor) -> Tensor:
        self._at += 1
        return hidden if self._hook is None else self._hook(self._at, hidden)
