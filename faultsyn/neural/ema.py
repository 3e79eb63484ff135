"""Exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """`a <- d a + (1 - d) w` after each step, over the parameters that are trained.

    `d = min(decay, (1 + t) / (10 + t))` at step t = 1, 2, ..., so that the first, untrained
    weights are soon forgotten in a short run. It starts at the weights it is built with.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self._steps = 0
        self._average = {name: p.detach().clone() for name, p in trained(module).items()}

    def update(self, module: nn.Module) -> None:
        """Take in the weights after one more step."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            for name, parameter in trained(module).items():
                self._average[name].lerp_(parameter, 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """The averages by parameter name; not copies."""
        return self._average

    def restore(self, average: Mapping[str, Tensor], steps: int) -> None:
        """Go on from an average that was saved after `steps` updates."""
        self._steps = steps
        for name, tensor in self._average.items():
            tensor.copy_(average[name])


def trained(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require a gradient."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}
