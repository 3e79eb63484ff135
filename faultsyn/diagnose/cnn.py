"""Supervised 1-D CNN with a wide first kernel (WDCNN; Zhang et al., Sensors 17(2):425, 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.batches import draw_batch, draw_weights
from faultsyn.diagnose.encoders import initialised
from faultsyn.diagnose.network import SupervisedNetwork
from faultsyn.neural import torch_generator, train
from faultsyn.windows import WindowSet


@dataclass(kw_only=True, eq=False, repr=False)
class CNN(SupervisedNetwork):
    """Encoder and linear head, trained on the support by cross-entropy for a fixed number of steps.

    Settings as in `SupervisedNetwork`.
    """

    name: ClassVar[str] = "cnn"

    def _train(self, support: WindowSet, rng: Generator) -> None:
        generator = torch_generator(rng)
        x, codes = self._seen(support), self._codes(support)
        targets = torch.from_numpy(codes)
        weights = draw_weights(codes, balanced=self.class_weight == "balanced")
        network = initialised(self._network, generator)

        def loss(generator: torch.Generator) -> Tensor:
            drawn = draw_batch(weights, self.batch, generator)
            return cross_entropy(
                network(x[drawn]), targets[drawn], label_smoothing=self.label_smoothing
            )

        train(network, loss, generator, self._recipe(self.steps), self.name)
        self.network_ = network
