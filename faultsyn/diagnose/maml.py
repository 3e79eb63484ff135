"""Model-agnostic meta-learning (Finn, Abbeel, Levine, ICML 2017) and Meta-SGD (Li et al. 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.diagnose.encoders import initialised, restored
from faultsyn.diagnose.inner_loop import (
    HEAD_BIAS,
    HEAD_WEIGHT,
    InnerLoop,
    TaskBatch,
    adapted,
    meta_loss,
)
from faultsyn.diagnose.linear import softmax
from faultsyn.diagnose.meta_network import MetaNetwork
from faultsyn.diagnose.tasks import Tasks
from faultsyn.errors import InputError
from faultsyn.neural import torch_generator
from faultsyn.windows import WindowSet

_HEAD_RATES = ("head", "bias")
_LENGTH = 4.0  # of an embedding: with it inner rates near 0.1 suit every encoder
_CLIP = 2.0  # of gradients in `fit`: a support unlike the base set must not throw the weights away


@dataclass(kw_only=True, eq=False, repr=False)
class MAML(MetaNetwork):
    """Learns weights from which a few gradient steps on the shots lead to a good classifier.

    `fit` takes those steps on the support, every class weighing the same. Without a base set the
    start is learnt from episodes of the support. Embeddings are softly limited ahead of the head.

    - `inner_rate`, `encoder_rate`: alpha, step size in the inner loop, of the head and of the
      encoder, which bears less; `inner_steps`: its steps in meta-training.
    - `steps`: inner steps that `fit` takes on the support.
    - `tasks`: episodes of one meta-training step.
    - `order`: 2, or 1 to leave out the second derivatives (FOMAML).
    - `learn_rates`: learn alpha for each weight (Meta-SGD).
    - `engine`: "torch" for all tasks at once through `torch.func`, "learn2learn" for that package
      (it must be installed).

    Other settings as in `MetaNetwork`; `learning_rate` is the outer loop's.
    """

    name: ClassVar[str] = "maml"
    head_only: ClassVar[bool] = False
    held_out_episodes: ClassVar[int] = 12  # each costs an inner loop

    steps: int = 20
    way: int = 5
    batch: int = 50
    inner_rate: float = 0.1
    encoder_rate: float = 0.01
    inner_steps: int = 3
    tasks: int = 4
    order: Literal[1, 2] = 2
    learn_rates: bool = False
    engine: Literal["torch", "learn2learn"] = "torch"

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense, or without the engine."""
        super().check_config()
        self._require(self.inner_rate > 0, "inner_rate", "a number > 0")
        self._require(self.encoder_rate > 0, "encoder_rate", "a number > 0")
        self._require(self.inner_steps >= 1, "inner_steps", "an integer >= 1")
        self._require(self.tasks >= 1, "tasks", "an integer >= 1")
        self._require(self.order in (1, 2), "order", "1 or 2")
        self._require(self.engine in ("torch", "learn2learn"), "engine", "'torch' or 'learn2learn'")
        if self.engine == "learn2learn":
            from faultsyn.diagnose.learn2learn_engine import require_learn2learn

            require_learn2learn()

    @property
    def _per_step(self) -> int:
        return self.tasks

    def _start(self, rng: np.random.Generator) -> nn.Module:
        learnt = initialised(self._learnt, torch_generator(rng))
        with torch.no_grad():
            for name, rate in learnt.rates.items():
                rate.fill_(self.inner_rate if name in _HEAD_RATES else self.encoder_rate)
        return learnt

    def _step_loss(
        self, module: nn.Module, x: Tensor, drawn: Tasks, step: int, generator: torch.Generator
    ) -> Tensor:
        rows = slice(step * self.tasks, (step + 1) * self.tasks)
        parts = [
            self._jittered(x[at.flatten(1)], generator)
            for at in (drawn.support[rows], drawn.query[rows])
        ]
        batch = TaskBatch(parts[0], drawn.codes, parts[1], drawn.targets, drawn.way)
        assert isinstance(module, Learnt)
        return self._outer_loss(self._skeleton(drawn.way), module, batch)

    def _held_out_loss(self, module: nn.Module, x: Tensor, drawn: Tasks) -> float:
        assert isinstance(module, Learnt)
        support, query = x[drawn.support.flatten(1)], x[drawn.query.flatten(1)]
        batch = TaskBatch(support, drawn.codes, query, drawn.targets, drawn.way)
        start = {name: p.detach() for name, p in module.start().items()}
        rates = module.rates_for(drawn.way, self.inner_rate, self.encoder_rate)
        loop = InnerLoop(self.steps, first_order=True, head_only=self.head_only, clip=_CLIP)
        with torch.no_grad():
            return float(meta_loss(self._skeleton(drawn.way), start, rates, batch, loop))

    def _outer_loss(self, network: nn.Sequential, learnt: Learnt, batch: TaskBatch) -> Tensor:
        loop = InnerLoop(self.inner_steps, self.order == 1, self.head_only)
        rates = learnt.rates_for(batch.way, self.inner_rate, self.encoder_rate)
        if self.engine == "learn2learn":
            from faultsyn.diagnose.learn2learn_engine import meta_loss as other_loss

            return other_loss(learnt.encoder, self._embedding, rates, batch, loop)
        return meta_loss(network, learnt.start(), rates, batch, loop)

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        x, codes = self._seen(support), self._codes(support)
        weights = self.base_weights_
        if weights is None:
            start = self._start(rng)
            self._train_on(start, x, support.labels, None, self.base_steps, rng)
            weights = start.state_dict()
        learnt = restored(self._learnt, weights)
        n_classes = len(self.classes_)
        counts = np.bincount(codes)
        shares = torch.from_numpy((1 / (n_classes * counts[codes])).astype(np.float32))
        made = adapted(
            self._skeleton(n_classes),
            {name: p.detach() for name, p in learnt.start().items()},
            learnt.rates_for(n_classes, self.inner_rate, self.encoder_rate),
            x,
            torch.from_numpy(codes),
            n_classes,
            InnerLoop(self.steps, first_order=True, head_only=self.head_only, clip=_CLIP),
            shares,
        )
        if not all(bool(p.isfinite().all()) for p in made.values()):
            raise InputError(
                f"{self.name}: the inner loop diverged on the support",
                f"lower inner_rate (now {self.inner_rate:g}) or steps (now {self.steps})",
            )
        self.network_ = restored(self._network, {k: p.detach() for k, p in made.items()})

    def _encoder(self) -> nn.Module:
        return nn.Sequential(super()._encoder(), _Limited())

    def _learnt(self) -> Learnt:
        return Learnt(self._encoder(), self._embedding, self.learn_rates, self.head_only)

    def _skeleton(self, way: int) -> nn.Sequential:
        """Encoder and head without values; the inner loop is given them."""
        with torch.device("meta"):
            return nn.Sequential(self._encoder(), nn.Linear(self._embedding, way))

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._logits(query))

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        return np.asarray(self._evaluate(self.network_, query).numpy(), np.float64)


class _Limited(nn.Module):
    """4 arcsinh(f) / sqrt(dim), `(n, dim)`: lengths near 4 however strong the signal.

    Not normalised: classes may differ in nothing but strength.
    """

    def forward(self, f: Tensor) -> Tensor:
        return torch.asinh(f) * (_LENGTH / math.sqrt(f.shape[1]))


class Learnt(nn.Module):
    """What the outer loop learns: the encoder's start and, if wanted, a rate for each weight.

    The head's rates are shared by the classes, so that any number of classes will do.
    """

    def __init__(self, encoder: nn.Module, dim: int, learn_rates: bool, head_only: bool) -> None:
        super().__init__()
        self.encoder = encoder
        shapes: dict[str, Any] = dict(zip(_HEAD_RATES, [(dim,), (1,)], strict=True))
        if not head_only:
            shapes |= {_flat(f"0.{name}"): p.shape for name, p in encoder.named_parameters()}
        made = {name: nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()}
        self.rates = nn.ParameterDict(made if learn_rates else {})

    def start(self) -> dict[str, Tensor]:
        """The encoder's parameters under their names beside a head."""
        return {f"0.{name}": p for name, p in self.encoder.named_parameters()}

    def rates_for(self, way: int, head: float, encoder: float) -> dict[str, Tensor]:
        """Rates of every parameter of encoder and head; `head`, `encoder` where none is learnt."""
        made = dict.fromkeys(self.start(), torch.tensor(encoder))
        made |= {name: self.rates[_flat(name)] for name in made if _flat(name) in self.rates}
        made |= dict.fromkeys((HEAD_WEIGHT, HEAD_BIAS), torch.tensor(head))
        if len(self.rates):
            made[HEAD_WEIGHT] = self.rates[_HEAD_RATES[0]].expand(way, -1)
            made[HEAD_BIAS] = self.rates[_HEAD_RATES[1]].expand(way)
        return made


def _flat(name: str) -> str:
    """A parameter's name without dots, which a `ParameterDict` takes."""
    return name.replace(".", "_")
