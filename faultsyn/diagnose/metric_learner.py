"""What metric learners share: an embedding, and scores of queries given an embedded support."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.encoders import initialised, restored
from faultsyn.diagnose.linear import softmax
from faultsyn.diagnose.meta_network import MetaNetwork
from faultsyn.diagnose.tasks import Tasks
from faultsyn.neural import torch_generator
from faultsyn.windows import WindowSet

_BLOCK = 256  # queries compared at once; bounds memory


@dataclass(kw_only=True, eq=False, repr=False)
class MetricLearner(MetaNetwork):
    """Embeds windows and compares queries with the support; nothing is adapted to a task.

    - `refine`: whether the support is trained on (`steps` episodes) after a base set was.
    - `memory`: embedded support windows of a class that are kept to compare with, at most.

    Other settings as in `MetaNetwork`.
    """

    refine: bool = True
    memory: int = 50

    embedded_: Tensor = field(init=False)
    members_: Tensor = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.memory >= 1, "memory", "an integer >= 1")

    @abstractmethod
    def _scores(
        self, network: nn.Module, support: Tensor, codes: Tensor, n_classes: int, query: Tensor
    ) -> Tensor:
        """Log odds `(n_query, n_classes)` of embedded queries.

        - `support`: `(n_support, dim)`; `codes`: their classes; `query`: `(n_query, dim)`.
        """

    def _embed(self, network: nn.Module, x: Tensor) -> Tensor:
        """Vectors `(n, dim)`; a network of several parts has its encoder first."""
        made: Tensor = network[0](x) if isinstance(network, nn.Sequential) else network(x)
        return made

    def _start(self, rng: np.random.Generator) -> nn.Module:
        return initialised(self._network, torch_generator(rng))

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        x = self._seen(support)
        if self.base_weights_ is None:
            network = self._start(rng)
        else:
            network = restored(self._network, self.base_weights_)
        if self.refine or self.base_weights_ is None:
            self._train_on(network, x, support.labels, None, self.steps, rng)
        self.network_ = network.eval()
        self._remember(support, rng)

    def _extend(self, support: WindowSet, rng: np.random.Generator) -> None:
        self._remember(support, rng)

    def _remember(self, support: WindowSet, rng: np.random.Generator) -> None:
        """Embed what queries are compared with."""
        x = self._seen(support)
        kept = self._kept(self._codes(support), rng)
        with torch.no_grad():
            self.embedded_ = self._embed(self.network_, x[torch.from_numpy(kept)])
        self.members_ = torch.from_numpy(self._codes(support)[kept])

    def _kept(self, codes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
        """Positions of the support windows to compare with."""
        drawn = [
            rng.permutation(np.flatnonzero(codes == code))[: self.memory]
            for code in range(len(self.classes_))
        ]
        return np.concatenate(drawn)

    def _step_loss(
        self, module: nn.Module, x: Tensor, drawn: Tasks, step: int, generator: torch.Generator
    ) -> Tensor:
        at = torch.cat([drawn.support[step].flatten(), drawn.query[step].flatten()])
        embedded = self._embed(module, self._jittered(x[at], generator))
        return self._loss_of(module, embedded, drawn)

    def _held_out_loss(self, module: nn.Module, x: Tensor, drawn: Tasks) -> float:
        both = torch.cat([drawn.support.flatten(1), drawn.query.flatten(1)], dim=1)
        with torch.inference_mode():  # no window depends on others, so each is embedded once
            embedded = self._embed(module, x)
            return float(
                np.mean([float(self._loss_of(module, embedded[at], drawn)) for at in both])
            )

    def _loss_of(self, module: nn.Module, embedded: Tensor, drawn: Tasks) -> Tensor:
        """Loss of one episode of embedded windows, support first."""
        support, query = embedded[: len(drawn.codes)], embedded[len(drawn.codes) :]
        return self._episode_loss(module, support, query, drawn, drawn.targets)

    def _episode_loss(
        self, network: nn.Module, support: Tensor, query: Tensor, tasks: Tasks, targets: Tensor
    ) -> Tensor:
        """Loss of one episode of embedded windows, support and query class by class."""
        scores = self._scores(network, support, tasks.codes, tasks.way, query)
        return cross_entropy(scores, targets)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._logits(query))

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        blocks = []
        self.network_.eval()
        with torch.no_grad():
            for start in range(0, len(query), _BLOCK):
                seen = self._seen(query.take(slice(start, start + _BLOCK)))
                blocks.append(self.scores(seen))
        return np.asarray(torch.cat(blocks).numpy(), np.float64)

    def scores(self, seen: Tensor) -> Tensor:
        """Log odds `(n, n_classes)` of windows as the network sees them."""
        embedded = self._embed(self.network_, seen)
        return self._scores(
            self.network_, self.embedded_, self.members_, len(self.classes_), embedded
        )

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if not hasattr(self, "classes_"):
            return arrays, info
        own = {"embedded": self.embedded_.numpy(), "members": self.members_.numpy()}
        return {**arrays, **own}, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if not hasattr(self, "classes_"):
            return
        self.embedded_ = torch.from_numpy(np.array(arrays["embedded"]))
        self.members_ = torch.from_numpy(np.array(arrays["members"]))


def class_mean(values: Tensor, codes: Tensor, n_classes: int) -> Tensor:
    """Mean of the rows `(n, ...)` of each class, `(n_classes, ...)`."""
    share = torch.nn.functional.one_hot(codes, n_classes).to(values.dtype)
    share = share / share.sum(dim=0)
    return (share.T @ values.flatten(1)).reshape(n_classes, *values.shape[1:])
