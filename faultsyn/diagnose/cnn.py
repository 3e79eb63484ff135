"""Supervised 1-D CNN with a wide first kernel (WDCNN; Zhang et al., Sensors 17(2):425, 2017)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.encoders import initialised
from faultsyn.diagnose.linear import ClassWeight, softmax
from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.diagnose.train import draw_batch, draw_weights, torch_generator, train
from faultsyn.windows import WindowSet


class CNN(NetworkClassifier):
    """Encoder and linear head, trained on the support by cross-entropy for a fixed number of steps.

    - `width`: channels of the first layer, a multiple of 8; `dim`: length of the embedding.
    - `steps`, `batch`: gradient steps, and windows in each.
    - `learning_rate`, `weight_decay`: AdamW's.
    - `label_smoothing`: share of the target spread over all classes (Szegedy et al. 2016).
    - `class_weight`: "balanced" draws every class equally often, None every window.
    """

    name: ClassVar[str] = "cnn"
    encoder = "wide"

    def __init__(
        self,
        width: int = 32,
        dim: int = 64,
        steps: int = 300,
        batch: int = 64,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        label_smoothing: float = 0.1,
        class_weight: ClassWeight = "balanced",
    ) -> None:
        self.width = width
        self.dim = dim
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(0 <= self.label_smoothing < 1, "label_smoothing", "0 to below 1")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        generator = torch_generator(rng)
        x, codes = self._scaled(support), self._codes(support)
        targets = torch.from_numpy(codes)
        weights = draw_weights(codes, balanced=self.class_weight == "balanced")
        network = initialised(self._network, generator)

        def loss() -> torch.Tensor:
            drawn = draw_batch(weights, self.batch, generator)
            return cross_entropy(
                network(x[drawn]), targets[drawn], label_smoothing=self.label_smoothing
            )

        train(network, loss, self._recipe(self.steps), self.name)
        self.network_ = network

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._evaluate(self.network_, query).numpy())
