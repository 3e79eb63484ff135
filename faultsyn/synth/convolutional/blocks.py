"""Strided convolutions down, transposed ones up; for signals and for images.

After DCGAN (Radford, Metz & Chintala, ICLR 2016) and its form for sound, WaveGAN (Donahue, McAuley
& Puckette, ICLR 2019). Kernels are twice the stride, so that a transposed convolution covers every
sample equally often (Odena, Dumoulin & Olah, Distill 2016). A class speaks through a scale and a
shift of every stage's channels (FiLM: Perez et al., AAAI 2018), which start at one and zero.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from faultsyn.synth.convolutional.kinds import Norm
from faultsyn.synth.convolutional.layout import Layout

_SLOPE = 0.2
_LAST_KERNEL = 7
_MIXED = 5
_TEXTURE = 0.1


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
    """One step down or up: (transposed) convolution, noise, norm, class, leaky rectifier.

    - `textured`: whether noise is added, by a weight that each channel learns.
    """

    def __init__(
        self,
        conv: nn.Module,
        norm: nn.Module | None,
        condition: int,
        width: int,
        textured: bool = False,
    ) -> None:
        super().__init__()
        self.conv, self.norm = _started(conv), norm
        self.modulation = Modulation(condition, width) if condition else None
        self.texture = nn.Parameter(_TEXTURE * torch.randn(width)) if textured else None

    def forward(
        self, hidden: Tensor, condition: Tensor | None, noise: Tensor | None = None
    ) -> Tensor:
        """`(n, in, ...)` -> `(n, out, ...)`; `noise`: `(n, 1, ...)` of the output's axes."""
        hidden = self.conv(hidden)
        if self.texture is not None and noise is not None:
            hidden = hidden + self.texture.view(-1, *(1,) * (hidden.dim() - 2)) * noise
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
        self.mixing = _mixing(layout, condition)

    def forward(self, windows: Tensor, condition: Tensor | None = None) -> Tensor:
        """`(n, C, *size)` -> features `(n, layout.features)`."""
        hidden = _padded(windows, self.layout)
        for stage in self.stages:
            hidden = stage(hidden, condition)
        for stage in self.mixing:
            hidden = stage(hidden, condition)
        return hidden.flatten(1)


class Decoder(nn.Module):
    """The mirror image of `Encoder`: latent vectors to windows of any value.

    - `latent`: length of a latent vector; `condition`: of the condition vector, 0: none.
    - `norm`: "batch" puts batch normalisation before each stage's rectifier.
    - `textured`: whether every stage adds noise of its own (StyleGAN: Karras, Laine & Aila, CVPR
      2019): a latent vector is too short for the noise of a signal.
    """

    def __init__(
        self,
        layout: Layout,
        latent: int,
        condition: int = 0,
        norm: Norm = "none",
        textured: bool = False,
    ) -> None:
        super().__init__()
        self.layout = layout
        dims = len(layout.size)
        self.stem = _started(nn.Linear(latent + condition, layout.features))
        self.mixing = _mixing(layout, condition)
        widths = (*reversed(layout.widths), layout.width)
        self.stages = nn.ModuleList(
            Stage(
                _UP[dims](widths[i], widths[i + 1], 2 * stride, stride, stride // 2),
                _BATCH[dims](widths[i + 1]) if norm == "batch" else None,
                condition,
                widths[i + 1],
                textured,
            )
            for i, stride in enumerate(reversed(layout.strides))
        )
        last = _CONV[dims](layout.width, layout.channels, _LAST_KERNEL, 1, _LAST_KERNEL // 2)
        self.last = _started(last)

    def forward(
        self, latent: Tensor, condition: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """`(n, latent)` -> windows `(n, C, *size)`.

        - `noise`: of all stages, `(n, layout.texture)`, where there are textures.
        """
        layout = self.layout
        both = latent if condition is None else torch.cat([latent, condition], dim=1)
        hidden = leaky_relu(self.stem(both), _SLOPE)
        hidden = hidden.view(len(latent), layout.widths[-1], *layout.bottom)
        for stage in self.mixing:
            hidden = stage(hidden, condition)
        for stage, part in zip(self.stages, _parts(noise, layout), strict=True):
            hidden = stage(hidden, condition, part)
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


def _mixing(layout: Layout, condition: int) -> nn.ModuleList:
    """Layers of stride one at the bottom, no wider than it."""
    width, kind = layout.widths[-1], _CONV[len(layout.size)]
    kernel = min(_MIXED, 2 * ((min(layout.bottom) + 1) // 2) - 1)
    return nn.ModuleList(
        Stage(kind(width, width, kernel, 1, kernel // 2), None, condition, width)
        for _ in range(layout.mixing)
    )


def _started(layer: nn.Module) -> nn.Module:
    """The layer with first weights that keep a signal's power through the rectifiers.

    He, Zhang, Ren & Sun, ICCV 2015. Torch's own first weights let it fade by stages, and a maker
    of next to nothing takes long to be criticised for anything else. Of a transposed convolution
    only a stride-th of the kernel falls on any sample.
    """
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    inputs = weight[0].numel()
    if isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d)):
        inputs = weight.shape[0] * weight[0, 0].numel() // math.prod(layer.stride)
    nn.init.normal_(weight, std=math.sqrt(2 / (1 + _SLOPE**2) / inputs))
    nn.init.zeros_(bias)
    return layer


def _padded(windows: Tensor, layout: Layout) -> Tensor:
    """Zeros on both sides of each axis, up to the padded size."""
    if layout.padded == layout.size:
        return windows
    sides: list[int] = []
    for length, want in reversed(list(zip(layout.size, layout.padded, strict=True))):
        before = (want - length) // 2
        sides += [before, want - length - before]
    return pad(windows, sides)


def _parts(noise: Tensor | None, layout: Layout) -> list[Tensor | None]:
    """Each stage's share of the noise, `(n, 1, ...)`."""
    if noise is None:
        return [None] * len(layout.strides)
    sizes = layout.rising
    parts = torch.split(noise, [math.prod(size) for size in sizes], dim=1)
    return [part.view(len(part), 1, *size) for part, size in zip(parts, sizes, strict=True)]


def _cropped(windows: Tensor, layout: Layout) -> Tensor:
    """The middle, at the window's own size."""
    for axis, (length, have) in enumerate(zip(layout.size, layout.padded, strict=True), start=2):
        windows = windows.narrow(axis, (have - length) // 2, length)
    return windows
