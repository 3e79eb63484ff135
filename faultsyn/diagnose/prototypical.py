"""Prototypical network (Snell, Swersky, Zemel, NeurIPS 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from faultsyn.diagnose.encoders import restored
from faultsyn.diagnose.linear import class_means
from faultsyn.diagnose.metric_learner import MetricLearner, class_mean
from faultsyn.diagnose.tasks import Tasks
from faultsyn.windows import WindowSet

_SHARPNESS = 10.0  # of the cosine; its range alone would leave every class about as probable


@dataclass(kw_only=True, eq=False, repr=False)
class Prototypical(MetricLearner):
    """Nearest prototype in a learnt space: p(c | x) = softmax of -d(f(x), mean of f over c).

    - `distance`: d, "euclidean": the squared distance divided by `dim`; "cosine": 10 (1 - cos).
    - `prior`: so many shots the base set's class of the same name counts for in a prototype; 0: the
      shots alone. With simulated machines as base set their prototypes are drawn towards the few
      real shots. It needs `refine` = False, which leaves the space as it was.

    Other settings as in `MetricLearner`; prototypes are the means of all support windows,
    `memory` does not limit them.
    """

    name: ClassVar[str] = "prototypical"

    distance: Literal["euclidean", "cosine"] = "euclidean"
    prior: float = 0.0

    base_classes_: tuple[str, ...] = field(init=False, default=())
    base_means_: NDArray[np.float64] = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        known = ("euclidean", "cosine")
        self._require(self.distance in known, "distance", "'euclidean' or 'cosine'")
        fits = self.prior == 0 or (self.prior > 0 and not self.refine)
        self._require(fits, "prior", "0, or a number > 0 with refine = False")

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        super()._pretrain(base, rng)
        self.base_classes_ = ()
        if self.prior and self.base_weights_ is not None:
            names, codes = np.unique(base.labels, return_inverse=True)
            embedded = self._evaluate(restored(self._network, self.base_weights_), base).numpy()
            self.base_classes_ = tuple(str(name) for name in names)
            self.base_means_ = class_means(embedded, codes, len(names))

    def _remember(self, support: WindowSet, rng: np.random.Generator) -> None:
        embedded = self._evaluate(self.network_, support).numpy()
        codes = self._codes(support)
        prototypes = class_means(embedded, codes, len(self.classes_))
        for code, name in enumerate(self.classes_):
            if name in self.base_classes_:
                known = self.base_means_[self.base_classes_.index(name)]
                n = np.count_nonzero(codes == code)
                prototypes[code] = (n * prototypes[code] + self.prior * known) / (n + self.prior)
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

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if self.base_classes_:
            arrays = {**arrays, "base_means": self.base_means_}
        return arrays, {**info, "base_classes": list(self.base_classes_)}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        self.base_classes_ = tuple(info["base_classes"])
        if self.base_classes_:
            self.base_means_ = np.array(arrays["base_means"])
