"""Siamese network (Koch, Zemel, Salakhutdinov, ICML Deep Learning Workshop 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from faultsyn.diagnose.metric_learner import MetricLearner, class_mean
from faultsyn.diagnose.tasks import Tasks

_SLOPE = 10.0  # of the log odds over the mean difference of two embeddings


@dataclass(kw_only=True, eq=False, repr=False)
class Siamese(MetricLearner):
    """Probability that two windows are of one class: sigmoid(a . |f(x) - f(x_i)| + b).

    Trained on all pairs of support and query of an episode; pairs of one class weigh as much in
    total as the others. A query's score for a class is its mean log odds over the class's windows.

    Settings as in `MetricLearner`.
    """

    name: ClassVar[str] = "siamese"

    def _network(self) -> nn.Module:
        return nn.Sequential(self._encoder(), nn.Linear(self._embedding, 1))

    def _start(self, rng: np.random.Generator) -> nn.Module:
        network = super()._start(rng)
        assert isinstance(network, nn.Sequential)
        head = network[1]
        assert isinstance(head, nn.Linear)
        with torch.no_grad():  # at first the mean difference decides: near is alike
            head.weight.fill_(-_SLOPE / self._embedding)
            head.bias.fill_(_SLOPE / 2)
        return network

    def _pairs(self, network: nn.Module, support: Tensor, query: Tensor) -> Tensor:
        """Log odds that query and support window are of one class, `(n_query, n_support)`."""
        assert isinstance(network, nn.Sequential)
        made: Tensor = network[1]((query[:, None] - support).abs())[..., 0]
        return made

    def _scores(
        self, network: nn.Module, support: Tensor, codes: Tensor, n_classes: int, query: Tensor
    ) -> Tensor:
        return class_mean(self._pairs(network, support, query).T, codes, n_classes).T

    def _episode_loss(
        self, network: nn.Module, support: Tensor, query: Tensor, tasks: Tasks, targets: Tensor
    ) -> Tensor:
        odds = self._pairs(network, support, query)
        same = one_hot(targets, tasks.way)[:, tasks.codes].to(odds.dtype)
        weight = same * (tasks.way - 1) + (1 - same)
        return binary_cross_entropy_with_logits(odds, same, weight)
