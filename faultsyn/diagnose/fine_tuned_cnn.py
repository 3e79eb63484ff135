"""Pretrain on the base set, then a new head on the support (the baseline of Chen et al. 2019)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.batches import draw_batch, draw_weights
from faultsyn.diagnose.encoders import initialised, restored
from faultsyn.diagnose.network import SupervisedNetwork
from faultsyn.diagnose.pretext import N_KINDS, transformed
from faultsyn.neural import torch_generator, train
from faultsyn.windows import WindowSet

log = logging.getLogger(__name__)

_HELD_OUT = 0.2  # share of the base set that says when to stop pretraining
_LEAST = 20  # windows below which none are held out


@dataclass(kw_only=True, eq=False, repr=False)
class FineTunedCNN(SupervisedNetwork):
    """An encoder pretrained on the base set, fine-tuned or probed with a new linear head.

    Pretraining is supervised where the base set has two classes or more; otherwise (normals only)
    the encoder learns which of five transformations was applied to a window (`pretext`). It stops
    early on held-out recordings of the base set. Without a base set the pretext task runs on the
    support.

    The pretext task means nothing for feature rows, whose order is arbitrary: there the encoder
    is then trained on the support alone.

    - `tune`: "full" trains encoder and head, "linear-probe" the head on the frozen encoder.
    - `base_steps`: gradient steps of pretraining at most.

    Other settings as in `SupervisedNetwork`.
    """

    name: ClassVar[str] = "fine-tuned-cnn"
    costly: ClassVar[bool] = True

    tune: Literal["full", "linear-probe"] = "full"
    base_steps: int = 300
    steps: int = 200

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.tune in ("full", "linear-probe"), "tune", "'full' or 'linear-probe'")
        self._require(self.base_steps >= 0, "base_steps", "an integer >= 0")

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        if self.consumes == "features" and len(set(base.labels.tolist())) < 2:
            log.info("%s: one class of feature rows teaches the encoder nothing", self.name)
            return
        self.base_weights_ = self._pretrained(base, rng).state_dict()

    def _pretrained(self, base: WindowSet, rng: np.random.Generator) -> nn.Module:
        generator = torch_generator(rng)
        names, codes = np.unique(base.labels, return_inverse=True)
        supervised = len(names) > 1
        x, targets = self._seen(base), torch.from_numpy(codes)
        encoder = initialised(self._encoder, generator)
        head = self._head(len(names) if supervised else N_KINDS, generator)
        network = nn.Sequential(encoder, head)
        held = _held_out(base, codes, rng)
        train_at = np.flatnonzero(~held)
        weights = draw_weights(codes[train_at], balanced=True)
        positions = torch.from_numpy(train_at)

        def loss(generator: torch.Generator) -> Tensor:
            drawn = positions[draw_batch(weights, self.batch, generator)]
            made, kinds = (
                (x[drawn], targets[drawn]) if supervised else transformed(x[drawn], generator)
            )
            return cross_entropy(network(made), kinds, label_smoothing=self.label_smoothing)

        validate = None
        if held.any():
            made, kinds = x[torch.from_numpy(held)], targets[torch.from_numpy(held)]
            if not supervised:
                made, kinds = transformed(made, generator)

            def validate() -> float:
                with torch.inference_mode():
                    return float(cross_entropy(network(made), kinds))

        recipe, what = self._recipe(self.base_steps), f"{self.name}, pretraining"
        train(network, loss, generator, recipe, what, held_out=validate)
        return encoder

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        if self.base_weights_ is None and self.consumes == "features":
            encoder = initialised(self._encoder, torch_generator(rng))
        elif self.base_weights_ is None:
            encoder = self._pretrained(support.with_columns(label=""), rng)
        else:
            encoder = restored(self._encoder, self.base_weights_)
        generator = torch_generator(rng)
        head = self._head(len(self.classes_), generator)
        codes = self._codes(support)
        x, targets = self._seen(support), torch.from_numpy(codes)
        weights = draw_weights(codes, balanced=self.class_weight == "balanced")
        self.network_ = nn.Sequential(encoder, head)
        trained: nn.Module = self.network_
        if self.tune == "linear-probe":
            trained = head
            x = self._evaluate(encoder, support).clone()

        def loss(generator: torch.Generator) -> Tensor:
            drawn = draw_batch(weights, self.batch, generator)
            return cross_entropy(
                trained(x[drawn]), targets[drawn], label_smoothing=self.label_smoothing
            )

        train(trained, loss, generator, self._recipe(self.steps), self.name)

    def _head(self, n_classes: int, generator: torch.Generator) -> nn.Module:
        return initialised(lambda: nn.Linear(self._embedding, n_classes), generator)


def _held_out(
    base: WindowSet, codes: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """A fifth of the recordings (windows, where they are not named), never all of a class."""
    if len(base) < _LEAST:
        return np.zeros(len(base), bool)
    _, group = np.unique(base.table.get("recording", np.arange(len(base))), return_inverse=True)
    order = rng.permutation(int(group.max()) + 1)
    held = np.isin(group, order[: int(_HELD_OUT * len(order))])
    kept = np.bincount(codes, ~held)
    return np.asarray(held & (kept[codes] > 0))
