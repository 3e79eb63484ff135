"""The network of the class-conditional DDPM: a U-Net that is told the noise level and the class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from faultsyn.synth.diffusion.unet import STRIDE, UNet

NO_CLASS = 0
"""The class that stands for any: what the network is told when it is not to know."""
NORMAL_CLASS = 1
"""The class of normal windows; the others follow."""
FIRST_CLASS = 2

_WIDTH_CLASS = 16
_SHORTEST_BOTTOM = 4  # samples that attention still mixes


class ClassUNet(nn.Module):
    """The noise in windows `(n, C, T)` of any length T.

    - `channels`: C; `length`: of the windows that decide how often it halves, twice at a time.
    - `width`: channels at full length, a multiple of 8 and at least 16.
    - `classes`: rows of the class table, `NO_CLASS` and `NORMAL_CLASS` among them.
    """

    def __init__(self, channels: int, length: int, width: int, classes: int) -> None:
        super().__init__()
        depth = 0
        while depth < 3 and length >= _SHORTEST_BOTTOM * STRIDE ** (depth + 1):
            depth += 1
        widths = [width, 2 * width, 4 * width, 4 * width][: depth + 1]
        self.unet = UNet(0, _WIDTH_CLASS, widths, channels)
        self.table = nn.Embedding(classes, _WIDTH_CLASS)

    def forward(self, noisy: Tensor, log_sigma: Tensor, place: Tensor) -> Tensor:
        """The noise, `(n, C, T)`.

        - `log_sigma`: ln of the ratio of noise to signal, `(n,)`; `place`: the class, `(n,)`.
        """
        length = noisy.shape[2]
        more = -length % self.unet.multiple
        x = nn.functional.pad(noisy, (0, more), mode="replicate")
        none = x.new_empty(len(x), 0, x.shape[2])
        # The U-Net's noise input is c_noise of EDM, ln(sigma) / 4.
        noise: Tensor = self.unet(x, log_sigma / 4, none, self.table(place))
        return noise[..., :length]


def extended(weights: dict[str, Tensor], network: ClassUNet) -> dict[str, Tensor]:
    """Weights of a network of fewer classes for `network`, whose further classes stay."""
    table = network.table.weight.detach().clone()
    known = weights["table.weight"]
    table[: len(known)] = torch.as_tensor(known)
    return weights | {"table.weight": table}
