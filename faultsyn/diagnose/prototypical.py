"""Prototypical network (Snell, Swersky, Zemel, NeurIPS 2017)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.encoders import initialised, restored
from faultsyn.diagnose.episodes import EpisodeSampler
from faultsyn.diagnose.linear import class_means, softmax
from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.diagnose.train import torch_generator, train
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

logger = logging.getLogger(__name__)


class Prototypical(NetworkClassifier):
    """Nearest prototype in a learnt space: p(c | x) = softmax of -|f(x) - mean of f over c|^2.

    The encoder f is trained on episodes: first from the base set where that has two classes or
    more (support and query from different recordings where every class has several), then from
    the support. Its windows are jittered in training. A class with a single window stands on both
    sides of an episode, jittered twice: at K = 1 the network learns to undo the jitter, no more.

    - `encoder`: "wide" or "residual"; `width`: channels of its first layer, a multiple of 8;
      `dim`: length of the embedding. Squared distances are divided by `dim`.
    - `base_steps`, `steps`: episodes from the base set, and from the support.
    - `way`: classes in an episode, at most; `batch`: windows in an episode, at most.
    - `jitter`: deviation of the noise, in deviations of each channel.
    - `learning_rate`, `weight_decay`: AdamW's.
    """

    name: ClassVar[str] = "prototypical"

    def __init__(
        self,
        encoder: str = "wide",
        width: int = 32,
        dim: int = 64,
        base_steps: int = 200,
        steps: int = 150,
        way: int = 20,
        batch: int = 100,
        jitter: float = 0.3,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
    ) -> None:
        self.encoder = encoder
        self.width = width
        self.dim = dim
        self.base_steps = base_steps
        self.steps = steps
        self.way = way
        self.batch = batch
        self.jitter = jitter
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.base_steps >= 0, "base_steps", "an integer >= 0")
        self._require(self.way >= 2, "way", "an integer >= 2")
        self._require(self.batch >= 2 * self.way, "batch", f"at least twice way ({2 * self.way})")
        self._require(self.jitter >= 0, "jitter", "a number >= 0")

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        if len(set(base.labels.tolist())) < 2:
            return
        encoder = initialised(self._encoder, torch_generator(rng))
        groups = base.table.get("recording")
        self._train_on(encoder, base, groups, self.base_steps, rng)
        self.base_weights_ = encoder.state_dict()

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        if self.base_weights_ is None:
            encoder = initialised(self._encoder, torch_generator(rng))
        else:
            encoder = restored(self._encoder, self.base_weights_)
        self._train_on(encoder, support, None, self.steps, rng)
        self.network_ = encoder
        embedded = self._evaluate(encoder, support).numpy()
        self.prototypes_ = class_means(embedded, self._codes(support), len(self.classes_))

    def _train_on(
        self,
        encoder: nn.Module,
        windows: WindowSet,
        groups: NDArray[Any] | None,
        steps: int,
        rng: np.random.Generator,
    ) -> None:
        names, codes, counts = np.unique(windows.labels, return_inverse=True, return_counts=True)
        index = np.concatenate([np.arange(len(codes)), np.flatnonzero(counts[codes] == 1)])
        way = min(self.way, len(names))
        each = min(self.batch // way, int(max(counts.min(), 2)))
        sampler = self._sampler(codes[index], way, each, None if groups is None else groups[index])
        episodes = sampler.draw(steps, rng)
        shots, queries = (
            torch.from_numpy(index[episodes.support]),
            torch.from_numpy(index[episodes.query]),
        )
        generator = torch_generator(rng)
        x = self._scaled(windows)
        targets = torch.arange(way).repeat_interleave(sampler.query)
        order = iter(range(steps))

        def loss() -> Tensor:
            step = next(order)
            drawn = x[torch.cat([shots[step].flatten(), queries[step].flatten()])]
            noise = torch.randn(drawn.shape, generator=generator)
            embedded = encoder(drawn + self.jitter * noise)
            support, query = embedded.split([way * sampler.shot, way * sampler.query])
            prototypes = support.reshape(way, sampler.shot, -1).mean(dim=1)
            return cross_entropy(_scores(query, prototypes), targets)

        train(encoder, loss, self._recipe(steps), self.name)

    @staticmethod
    def _sampler(
        codes: NDArray[np.intp], way: int, each: int, groups: NDArray[Any] | None
    ) -> EpisodeSampler:
        shot, query = each // 2, each - each // 2
        if groups is not None:
            try:
                return EpisodeSampler(codes, way=way, shot=shot, query=query, groups=groups)
            except InputError as error:
                logger.info("episodes by window instead of by recording: %s", error)
        return EpisodeSampler(codes, way=way, shot=shot, query=query)

    def _network(self) -> nn.Module:
        return self._encoder()

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        embedded = self._evaluate(self.network_, query)
        prototypes = torch.from_numpy(self.prototypes_).to(embedded.dtype)
        return softmax(_scores(embedded, prototypes).numpy())

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        return {**arrays, "prototypes": self.prototypes_}, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        self.prototypes_ = arrays["prototypes"]


def _scores(embedded: Tensor, prototypes: Tensor) -> Tensor:
    """Minus the mean squared difference, `(n, n_classes)`."""
    return -((embedded[:, None] - prototypes) ** 2).mean(dim=2)
