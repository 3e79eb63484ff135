"""What a few shots teach: a bank of small convolutions beside the frozen trunk.

The idea of FaultDiffusion's positive-negative difference adapter (Xu et al., arXiv 2511.15174): the
trunk stays as it is, and what an adapter adds is the difference between what it knows and the
fault. Ours adds, from the bottom of the U-Net on
and as there beside the decoder only, after each block

    h + Up(gelu(FiLM(Conv5(Down h), c)))

through a bottleneck, `Up` starting at zero, so that adaptation starts exactly at the trunk. One
bank serves all classes, channels and operating conditions: they are the condition c.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import gelu

from faultsyn.synth.diffusion.channels_last import Convolution, per_channel
from faultsyn.synth.diffusion.unet import Hook


class Place(nn.Module):
    """One bottleneck, `(n, width, 1, T)`, `(n, n_condition)` -> a difference; zero at first."""

    def __init__(self, width: int, bottleneck: int, n_condition: int) -> None:
        super().__init__()
        self.down = Convolution(width, bottleneck, 1)
        self.mix = Convolution(bottleneck, bottleneck, 5)
        self.film = nn.Linear(n_condition, 2 * bottleneck)
        self.up = Convolution(bottleneck, width, 1)
        for layer in (self.film, self.up):
            for zero in layer.parameters():
                nn.init.zeros_(zero)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """What is added to `hidden`."""
        scale, shift = per_channel(self.film(condition)).chunk(2, dim=1)
        made: Tensor = self.up(gelu(self.mix(self.down(hidden)) * (1 + scale) + shift))
        return made


class AdapterBank(nn.Module):
    """One `Place` for each place of a trunk.

    - `widths`: the trunk's `hook_widths`; the first half but the bottom is left alone, so that
      training need not go back through the encoder.
    - `n_condition`: length of the condition of `hook`.
    """

    def __init__(self, widths: Sequence[int], bottleneck: int, n_condition: int) -> None:
        super().__init__()
        self.first = len(widths) // 2 - 1
        made = (Place(w, bottleneck, n_condition) for w in widths[self.first :])
        self.places = nn.ModuleList(made)

    def hook(self, condition: Tensor) -> Hook:
        """The hook for `UNet.forward`, for windows with `condition` `(n, n_condition)`."""

        def add(at: int, hidden: Tensor) -> Tensor:
            if at < self.first:
                return hidden
            made: Tensor = hidden + self.places[at - self.first](hidden, condition)
            return made

        return add
