"""Prototypical network (Snell, Swersky, Zemel, NeurIPS 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from faultsyn.diagnose.linear import class_means
from faultsyn.diagnose.metric_learner import MetricLearner, class_mean
from faultsyn.diagnose.tasks import Tasks
from faultsyn.windows import WindowSet

_SHARPNESS = 10.0  # of the cosine; its range alone would leave every class about as probable


@dataclass(kw_only=True, eq=False, repr=False)
class Prototypical(MetricLearner):
    """Nearest prototype in a learnt space: p(c | x) = softmax of -d(f(x), mean of f over c).

    - `distance`: d, "euclidean": the squared distance divided by `dim`; "cosine": 10 (1 - cos).

    Other settings as in `MetricLearner`; prototypes are the means of all support windows,
    `memory` does not limit them.
    """

    name: ClassVar[str] = "prototypical"

    distance: Literal["euclidean", "cosine"] = "euclidean"

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        known = ("euclidean", "cosine")
        self._require(self.distance in known, "distance", "'euclidean' or 'cosine'")

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        super()._train(support, rng)
        embedded = self._evaluate(self.network_, support).numpy()
        prototypes = class_means(embedded, self._codes(support), len(self.classes_))
        self.embedded_ = torch.from_numpy(prototypes.astype(np.float32))
        self.members_ = torch.arange(len(self.classes_))

    def _network(self) -> nn.Module:
        return self._encoder()

    def _scores(
        self, network: nn.Module, support: Tensor, codes: Tensor, n_classes: int, query: Tensor
    ) -> Tensor:
        return self._nearness(query, class_mean(support, codes, n_classes))

    def _nearness(self, query: Tensor, prototypes: Tensor) -> Tensor:
        """Minus the distance, `(n_query, n_classes)`."""
        if self.distance == "cosine":
            return _SHARPNESS * (normalize(query, dim=1) @ normalize(prototypes, dim=1).T - 1)
        return -((query[:, None] - prototypes) ** 2).mean(dim=2)

    def _episode_loss(
        self, network: nn.Module, support: Tensor, query: Tensor, tasks: Tasks, targets: Tensor
    ) -> Tensor:
        prototypes = support.reshape(tasks.way, tasks.shot, -1).mean(dim=1)
        return cross_entropy(self._nearness(query, prototypes), targets)
