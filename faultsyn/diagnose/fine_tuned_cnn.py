"""Pretrain on the base set, then a new head on the support (the baseline of Chen et al. 2019)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.encoders import initialised, restored
from faultsyn.diagnose.linear import ClassWeight, softmax
from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.diagnose.pretext import N_KINDS, transformed
from faultsyn.diagnose.train import draw_batch, draw_weights, torch_generator, train
from faultsyn.windows import WindowSet

_HELD_OUT = 0.2  # share of the base set that says when to stop pretraining
_LEAST = 20  # windows below which none are held out


class FineTunedCNN(NetworkClassifier):
    """An encoder pretrained on the base set, fine-tuned or probed with a new linear head.

    Pretraining is supervised where the base set has two classes or more; otherwise (normals only)
    the encoder learns which of five transformations was applied to a window (`pretext`). It stops
    early on held-out recordings of the base set. Without a base set the pretext task runs on the
    support.

    - `encoder`: "wide" or "residual"; `width`: channels of its first layer, a multiple of 8;
      `dim`: length of the embedding.
    - `tune`: "full" trains encoder and head, "linear-probe" the head on the frozen encoder.
    - `base_steps`, `steps`: gradient steps of pretraining at most, and on the support.
    - `batch`: windows in a step; `learning_rate`, `weight_decay`: AdamW's.
    - `label_smoothing`: share of the target spread over all classes (Szegedy et al. 2016).
    - `class_weight`: "balanced" draws every class equally often, None every window.
    """

    name: ClassVar[str] = "fine-tuned-cnn"

    def __init__(
        self,
        encoder: str = "wide",
        width: int = 32,
        dim: int = 64,
        tune: Literal["full", "linear-probe"] = "full",
        base_steps: int = 300,
        steps: int = 200,
        batch: int = 64,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        label_smoothing: float = 0.1,
        class_weight: ClassWeight = "balanced",
    ) -> None:
        self.encoder = encoder
        self.width = width
        self.dim = dim
        self.tune = tune
        self.base_steps = base_steps
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.tune in ("full", "linear-probe"), "tune", "'full' or 'linear-probe'")
        self._require(self.base_steps >= 0, "base_steps", "an integer >= 0")
        self._require(0 <= self.label_smoothing < 1, "label_smoothing", "0 to below 1")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        self.base_weights_ = self._pretrained(base, rng).state_dict()

    def _pretrained(self, base: WindowSet, rng: np.random.Generator) -> nn.Module:
        generator = torch_generator(rng)
        names, codes = np.unique(base.labels, return_inverse=True)
        supervised = len(names) > 1
        x, targets = self._scaled(base), torch.from_numpy(codes)
        encoder = initialised(self._encoder, generator)
        head = self._head(len(names) if supervised else N_KINDS, generator)
        network = nn.Sequential(encoder, head)
        held = _held_out(base, codes, rng)
        train_at = np.flatnonzero(~held)
        weights = draw_weights(codes[train_at], balanced=True)
        positions = torch.from_numpy(train_at)

        def loss() -> Tensor:
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

        train(network, loss, self._recipe(self.base_steps), f"{self.name}, pretraining", validate)
        return encoder

    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        if self.base_weights_ is None:
            encoder = self._pretrained(support.with_columns(label=""), rng)
        else:
            encoder = restored(self._encoder, self.base_weights_)
        generator = torch_generator(rng)
        head = self._head(len(self.classes_), generator)
        codes = self._codes(support)
        x, targets = self._scaled(support), torch.from_numpy(codes)
        weights = draw_weights(codes, balanced=self.class_weight == "balanced")
        self.network_ = nn.Sequential(encoder, head)
        trained: nn.Module = self.network_
        if self.tune == "linear-probe":
            trained = head
            x = self._evaluate(encoder, support).clone()

        def loss() -> Tensor:
            drawn = draw_batch(weights, self.batch, generator)
            return cross_entropy(
                trained(x[drawn]), targets[drawn], label_smoothing=self.label_smoothing
            )

        train(trained, loss, self._recipe(self.steps), self.name)

    def _head(self, n_classes: int, generator: torch.Generator) -> nn.Linear:
        return initialised(lambda: nn.Linear(self.dim, n_classes), generator)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._evaluate(self.network_, query).numpy())


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
