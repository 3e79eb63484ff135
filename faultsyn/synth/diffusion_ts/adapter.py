"""The positive-negative difference adapter: what a fault adds to the hidden states of a normal.

Xu et al., "FaultDiffusion" (arXiv 2511.15174): the trunk, which knows normal windows only, is
frozen; beside each block l an adapter carries the difference of fault and normal,

    h_in       = h_backbone[l] + sum_{k<l} h_local[k]
    h_local[l] = Adapter_l(h_in)
    h_backbone[l+1] = Block_l(h_backbone[l]) + alpha h_local[l]

with multi-head attention of every position over its window of W neighbours: the sequence is padded
by floor(W / 2), each window attends within itself, its centre is kept.

Ours, where the paper says nothing: layer normalisation before the attention, and an output that
starts at zero, so that adaptation starts exactly at the normal model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from faultsyn.synth.diffusion_ts.settings import Layout


class WindowedAttention(nn.Module):
    """Multi-head attention of each position over its `window` neighbours, an odd number.

    Beyond the ends there are positions of zeros, which are attended to like any other. Only the
    centre of a window is kept, so only the centre asks: cost and memory are linear in length.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.query = nn.Linear(width, width)
        self.memory = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """`(n, T, width)` -> the same."""
        half = self.window // 2
        padded = pad(hidden, (0, 0, half, half))
        memory = self.memory(padded)
        # Not `unfold`, whose gradient `vmap` takes sample by sample.
        shifted = [memory[:, i : i + hidden.shape[1]] for i in range(self.window)]
        neighbours = torch.stack(shifted, dim=-1)  # (n, T, 2 width, W)
        keys, values = neighbours.reshape(*hidden.shape[:2], 2, self.heads, -1, self.window).unbind(
            dim=2
        )
        query = self.query(hidden).unflatten(2, (self.heads, -1))
        scores = torch.einsum("nthd,nthdw->nthw", query, keys) / math.sqrt(query.shape[-1])
        mixed = torch.einsum("nthw,nthdw->nthd", scores.softmax(dim=-1), values)
        out: Tensor = self.out(mixed.flatten(2))
        return out


class Adapter(nn.Module):
    """One block's adapter: normalise, attend to the neighbours; zero before training."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = WindowedAttention(width, heads, window)
        nn.init.zeros_(self.attention.out.weight)
        nn.init.zeros_(self.attention.out.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """`(n, T, width)` -> the local state `(n, T, width)`."""
        local: Tensor = self.attention(self.norm(hidden))
        return local


class Adapters(nn.Module):
    """The adapters of one fault class, one for each block of a stack.

    - `alpha`: weight of the local states; 1 in the paper.
    """

    def __init__(self, blocks: int, width: int, heads: int, window: int, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.each = nn.ModuleList(Adapter(width, heads, window) for _ in range(blocks))

    def run(self) -> Run:
        """One pass through the stack."""
        return Run(self)


class Run:
    """Keeps the sum of the local states while one batch passes through the blocks."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters, self._block = adapters, 0
        self._sum: Tensor | float = 0.0

    def addend(self, hidden: Tensor) -> Tensor:
        """alpha h_local[l] of the next block l, from h_backbone[l] `(n, T, width)`."""
        local: Tensor = self._adapters.each[self._block](hidden + self._sum)
        self._block += 1
        self._sum = self._sum + local
        return self._adapters.alpha * local


class ClassAdapters(nn.Module):
    """All adapters of one fault class: beside the decoder, and beside the encoder if wanted.

    Local states are summed within each stack, as the decoder reads the window afresh (ours).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        sizes = (layout.width, layout.heads, layout.window, layout.alpha)
        self.decoder = Adapters(layout.decoder, *sizes)
        self.encoder = Adapters(layout.encoder, *sizes) if layout.everywhere else None
