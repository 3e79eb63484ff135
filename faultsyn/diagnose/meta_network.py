"""What learners share that train on episodes: of a base set first, then of the support."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.diagnose.tasks import Tasks, draw_tasks, pseudo_faults
from faultsyn.windows import WindowSet

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class MetaNetwork(NetworkClassifier):
    """A network that learns to learn from episodes.

    Where the base set has two classes or more, episodes are drawn from it, support and query from
    different recordings where every class has several. A base set of one class (normals) gives
    episodes of `pseudo` made-up faults (see `faultsyn.diagnose.tasks.pseudo_faults`), or, with
    `pseudo` = 0, none: meta-training is then left out, and episodes come from the support alone.
    There a class with a single window stands on both sides of an episode, jittered twice: at K = 1
    the network learns to undo the jitter, no more.

    - `base_steps`: meta-training steps.
    - `way`: classes in an episode, at most; `batch`: windows in an episode, at most; `shot`:
      support windows of a class in it, None: half of them.
    - `jitter`: deviation of the noise added in training, in deviations of each channel.
    - `pseudo`: made-up faults where the base set has one class.
    """

    costly: ClassVar[bool] = True

    base_steps: int = 200
    steps: int = 150
    way: int = 20
    batch: int = 100
    shot: int | None = None
    jitter: float = 0.3
    pseudo: int = 0

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.base_steps >= 0, "base_steps", "an integer >= 0")
        self._require(self.way >= 2, "way", "an integer >= 2")
        self._require(self.batch >= 2 * self.way, "batch", f"at least twice way ({2 * self.way})")
        self._require(self.shot is None or self.shot >= 1, "shot", "an integer >= 1 or null")
        self._require(self.jitter >= 0, "jitter", "a number >= 0")
        self._require(self.pseudo >= 0 and self.pseudo != 1, "pseudo", "0 or an integer >= 2")

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        groups = base.table.get("recording")
        if len(set(base.labels.tolist())) > 1:
            self._meta_train(self._seen(base), base.labels, groups, rng)
        elif self.pseudo and len(base) > 1:
            known = np.arange(len(base)) if groups is None else groups
            seen, rows = self._seen(base), self.consumes == "features"
            x, codes, of = pseudo_faults(seen, known, self.pseudo, rng, rows=rows)
            self._meta_train(x, codes, of, rng)
        else:
            log.info("%s: a base set of one class, meta-training left out", self.name)

    @abstractmethod
    def _meta_train(
        self,
        x: Tensor,
        labels: NDArray[np.generic],
        groups: NDArray[np.generic] | None,
        rng: np.random.Generator,
    ) -> None:
        """Learn `base_weights_` from labelled windows `(n, channels, length)` as the network sees
        them."""

    def _tasks(
        self,
        labels: NDArray[np.generic],
        groups: NDArray[np.generic] | None,
        n: int,
        rng: np.random.Generator,
    ) -> Tasks:
        return draw_tasks(
            labels, groups, n, way=self.way, batch=self.batch, shot=self.shot, rng=rng
        )

    def _jittered(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x + self.jitter * torch.randn(x.shape, generator=generator)
