"""What learners share that train on episodes: of a base set first, then of the support."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.diagnose.tasks import Tasks, draw_tasks, pseudo_faults
from faultsyn.neural import History, torch_generator, train
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
    - `held_out`: share of the base classes (made-up ones included) on whose episodes the number of
      meta-training steps is chosen, `base_steps` at most and perhaps none, before it is trained on
      all of them; 0: `base_steps` it is.
    """

    costly: ClassVar[bool] = True
    held_out_episodes: ClassVar[int] = 40

    base_steps: int = 200
    steps: int = 150
    way: int = 20
    batch: int = 100
    shot: int | None = None
    jitter: float = 0.3
    pseudo: int = 0
    held_out: float = 0.0

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.base_steps >= 0, "base_steps", "an integer >= 0")
        self._require(self.way >= 2, "way", "an integer >= 2")
        self._require(self.batch >= 2 * self.way, "batch", f"at least twice way ({2 * self.way})")
        self._require(self.shot is None or self.shot >= 1, "shot", "an integer >= 1 or null")
        self._require(self.jitter >= 0, "jitter", "a number >= 0")
        self._require(self.pseudo >= 0 and self.pseudo != 1, "pseudo", "0 or an integer >= 2")
        self._require(0 <= self.held_out < 1, "held_out", "0 to below 1")

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        groups = base.table.get("recording")
        if len(set(base.labels.tolist())) > 1:
            self.base_weights_ = self._meta_train(self._seen(base), base.labels, groups, rng)
        elif self.pseudo and len(base) > 1:
            known = np.arange(len(base)) if groups is None else groups
            seen, rows = self._seen(base), self.consumes == "features"
            x, codes, of = pseudo_faults(seen, known, self.pseudo, rng, rows=rows)
            self.base_weights_ = self._meta_train(x, codes, of, rng)
        else:
            log.info("%s: a base set of one class, meta-training left out", self.name)

    @abstractmethod
    def _start(self, rng: np.random.Generator) -> nn.Module:
        """The untrained module that episodes train."""

    @abstractmethod
    def _step_loss(
        self, module: nn.Module, x: Tensor, drawn: Tasks, step: int, generator: torch.Generator
    ) -> Tensor:
        """Loss of one step's episodes.

        - `x`: windows `(n, channels, length)` as the network sees them; `drawn`: episodes of them.
        """

    @abstractmethod
    def _held_out_loss(self, module: nn.Module, x: Tensor, drawn: Tasks) -> float:
        """Mean query loss over all episodes drawn, without jitter."""

    @property
    def _per_step(self) -> int:
        """Episodes of a step."""
        return 1

    def _meta_train(
        self,
        x: Tensor,
        labels: NDArray[np.generic],
        groups: NDArray[np.generic] | None,
        rng: np.random.Generator,
    ) -> dict[str, Tensor]:
        """Weights learnt from labelled windows `(n, channels, length)` as the network sees them."""
        module = self._start(rng)
        steps = self.base_steps
        if self.held_out:
            start = {name: p.clone() for name, p in module.state_dict().items()}
            steps = self._chosen_steps(module, x, labels, groups, rng)
            module.load_state_dict(start)
        self._train_on(module, x, labels, groups, steps, rng)
        return module.state_dict()

    def _chosen_steps(
        self,
        module: nn.Module,
        x: Tensor,
        labels: NDArray[np.generic],
        groups: NDArray[np.generic] | None,
        rng: np.random.Generator,
    ) -> int:
        """Steps after which episodes of classes that were not trained on are told apart best."""
        names = rng.permutation(np.unique(labels))
        n_held = max(2, round(self.held_out * len(names)))
        if len(names) - n_held < 2:
            return self.base_steps
        held = np.isin(labels, names[:n_held])
        there = x[torch.from_numpy(held)]
        of = None if groups is None else groups[held]
        drawn = self._tasks(labels[held], of, self.held_out_episodes, rng)

        def validate() -> float:
            return self._held_out_loss(module, there, drawn)

        before = validate()
        left, of = torch.from_numpy(~held), None if groups is None else groups[~held]
        history = self._train_on(module, x[left], labels[~held], of, self.base_steps, rng, validate)
        found = history.best_loss
        steps = history.best if history.best is not None and found < before else 0
        log.info("%s: %d steps chosen, loss %.3f from %.3f", self.name, steps, found, before)
        return steps

    def _train_on(
        self,
        module: nn.Module,
        x: Tensor,
        labels: NDArray[np.generic],
        groups: NDArray[np.generic] | None,
        steps: int,
        rng: np.random.Generator,
        held_out: Callable[[], float] | None = None,
    ) -> History:
        """Train a module on episodes of labelled windows, in place."""
        drawn = self._tasks(labels, groups, steps * self._per_step, rng)
        order = iter(range(steps))  # runs are not resumed, so a counter is no hidden state

        def loss(generator: torch.Generator) -> Tensor:
            return self._step_loss(module, x, drawn, next(order), generator)

        recipe = self._recipe(steps)
        return train(module, loss, torch_generator(rng), recipe, self.name, held_out=held_out)

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
