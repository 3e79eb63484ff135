"""Relation network (Sung, Yang, Zhang, Xiang, Torr, Hospedales, CVPR 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, one_hot

from faultsyn.diagnose.metric_learner import MetricLearner, class_mean
from faultsyn.diagnose.tasks import Tasks

_SHARPNESS = 10.0  # of the scores, which lie in 0..1, when they become probabilities


@dataclass(kw_only=True, eq=False, repr=False)
class Relation(MetricLearner):
    """A learnt comparison r(mean of f over c, f(x)) in 0..1, trained to be 1 for the right class.

    Trained by squared error as in the paper. Unlike there, the embedding is a vector, so that the
    comparison is a perceptron; it sees both vectors and their difference. Probabilities are the
    softmax of 10 r.

    Settings as in `MetricLearner`.
    """

    name: ClassVar[str] = "relation"

    def _network(self) -> nn.Module:
        compare = nn.Sequential(
            nn.Linear(3 * self._embedding, self._embedding),
            nn.LayerNorm(self._embedding),
            nn.ReLU(),
            nn.Linear(self._embedding, 1),
        )
        return nn.Sequential(self._encoder(), compare)

    def _scores(
        self, network: nn.Module, support: Tensor, codes: Tensor, n_classes: int, query: Tensor
    ) -> Tensor:
        assert isinstance(network, nn.Sequential)
        means = class_mean(support, codes, n_classes)
        first = means.expand(query.shape[0], *means.shape)
        second = query[:, None].expand_as(first)
        pairs = torch.cat([first, second, (first - second).abs()], dim=2)
        made: Tensor = _SHARPNESS * torch.sigmoid(network[1](pairs)[..., 0])
        return made

    def _episode_loss(
        self, network: nn.Module, support: Tensor, query: Tensor, tasks: Tasks, targets: Tensor
    ) -> Tensor:
        scores = self._scores(network, support, tasks.codes, tasks.way, query) / _SHARPNESS
        return mse_loss(scores, one_hot(targets, tasks.way).to(scores.dtype)) * tasks.way
