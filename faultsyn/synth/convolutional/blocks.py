"""Strided convolutions down, transposed ones up; for signals and for images.

After DCGAN (Radford, Metz & Chintala, ICLR 2016) and its form for sound, WaveGAN (Donahue, McAuley
& Puckette, ICLR 2019). Kernels are twice the stride, so that a transposed convolution covers every
sample equally often (Odena, Dumoulin & Olah, Distill 2016). A class speaks through a scale and a
shift of every stage's channels (FiLM: Perez et al., AAAI 2018), which start at one and zero.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from faultsyn.synth.convolutional.layout import Layout

Norm = Literal["none", "batch"]

_SLOPE = 0.2
_LAST_KERNEL = 7


class Modulation(nn.Module):
    """`h (1 + s(y)) + b(y)`, a scale and shift of each channel by a condition vector y.

    - `condition`: length of y; `width`: channels. It starts as the identity.
    """

    def __init__(self, condition: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """`(n, width, ...)` and `(n, condition)` -> `(n, width, ...)`."""
        both: Tensor = self.linear(condition)
        scale, shift = both.view(*both.shape, *(1,) * (hidden.dim() - 2)).chunk(2, dim=1)
        return hidden * (1 + scale) + shift


class Stage(nn.Module):
    """One step down or up: (transposed) convolution, norm, class, leaky rectifier."""

    def __init__(self, conv: nn.Module, norm: nn.Module | None, condition: int, width: int) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm
        self.modulation = Modulation(condition, width) if condition else None

    def forward(self, hidden: Tensor, condition: Tensor | None) -> Tensor:
        """`(n, in, ...)` -> `(n, out, ...)`."""
        hidden = self.conv(hidden)
        if self.norm is not None:
            hidden = self.norm(hidden)
        if self.modulation is not None and condition is not None:
            hidden = self.modulation(hidden, condition)
        return leaky_relu(hidden, _SLOPE)


class Encoder(nn.Module):
    """Windows to features, stage by stage, without any norm over the batch.

    - `condition`: length of the condition vector; 0: none.
    """

    def __init__(self, layout: Layout, condition: int = 0) -> None:
        super().__init__()
        self.layout = layout
        kind = _CONV[len(layout.size)]
        inputs = (layout.channels, *layout.widths)
        self.stages = nn.ModuleList(
            Stage(kind(inputs[i], width, 2 * stride, stride, stride // 2), None, condition, width)
            for i, (stride, width) in enumerate(zip(layout.strides, layout.widths, strict=True))
        )

    def forward(self, windows: Tensor, condition: Tensor | None = None) -> Tensor:
        """`(n, C, *size)` -> features `(n, layout.features)`."""
        hidden = _padded(windows, self.layout)
        for stage in self.stages:
            hidden = stage(hidden, condition)
        return hidden.flatten(1)


class Decoder(nn.Module):
    """The mirror image of `Encoder`: latent vectors to windows of any value.

    - `latent`: length of a latent vector; `condition`: of the condition vector, 0: none.
    - `norm`: "batch" puts batch normalisation before each stage's rectifier.
    """

    def __init__(
        self, layout: Layout, latent: int, condition: int = 0, norm: Norm = "none"
    ) -> None:
        super().__init__()
        self.layout = layout
        dims = len(layout.size)
        self.stem = nn.Linear(latent + condition, layout.features)
        widths = (*reversed(layout.widths), layout.width)
        self.stages = nn.ModuleList(
            Stage(
                _UP[dims](widths[i], widths[i + 1], 2 * stride, stride, stride // 2),
                _BATCH[dims](widths[i + 1]) if norm == "batch" else None,
                condition,
                widths[i + 1],
            )
            for i, stride in enumerate(reversed(layout.strides))
        )
        self.last = _CONV[dims](layout.width, layout.channels, _LAST_KERNEL, 1, _LAST_KERNEL // 2)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """`(n, latent)` -> windows `(n, C, *size)`."""
        layout = self.layout
        both = latent if condition is None else torch.cat([latent, condition], dim=1)
        hidden = leaky_relu(self.stem(both), _SLOPE)
        hidden = hidden.view(len(latent), layout.widths[-1], *layout.bottom)
        for stage in self.stages:
            hidden = stage(hidden, condition)
        return _cropped(self.last(hidden), layout)


_CONV: dict[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
_UP: dict[int, type[nn.ConvTranspose1d] | type[nn.ConvTranspose2d]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
}
_BATCH: dict[int, type[nn.BatchNorm1d] | type[nn.BatchNorm2d]] = {
    1: nn.BatchNorm1d,
    2: nn.BatchNorm2d,
}


def _padded(windows: Tensor, layout: Layout) -> Tensor:
    """Zeros on both sides of each axis, up to the padded size."""
    if layout.padded == layout.size:
        return windows
    sides: list[int] = []
    for length, want in reversed(list(zip(layout.size, layout.padded, strict=True))):
        before = (want - length) // 2
        sides += [before, want - length - before]
    return pad(windows, sides)


def _cropped(windows: Tensor, layout: Layout) -> Tensor:
    """The middle, at the window's own size."""
    for axis, (length, have) in enumerate(zip(layout.size, layout.padded, strict=True), start=2):
        windows = windows.narrow(axis, (have - length) // 2, length)
    return windows
