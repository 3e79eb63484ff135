"""What classifiers built on a network share: settings, scaling, batched evaluation, saving."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.encoders import ENCODERS, FEATURES, SAME_SHAPE, build_encoder, restored
from faultsyn.diagnose.front_ends import FRONT_ENDS, ROW_FRONT_ENDS, FrontEnd
from faultsyn.diagnose.linear import ClassWeight, class_means, softmax
from faultsyn.diagnose.logistic_regression import LogisticRegression
from faultsyn.neural import Recipe, from_arrays, to_arrays
from faultsyn.windows import WindowSet

_BLOCK = 256  # windows evaluated at once; bounds memory


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkClassifier(FewShotClassifier):
    """A classifier whose learnt part is a `torch.nn.Module` behind a fixed front end.

    Scaling comes from the base set where there is one, else from the support. A subclass is a
    dataclass too: its fields are its settings, those that are not arguments are what it learns.

    - `encoder`: "wide", "residual" or "transformer" for windows, "features", "rows" or "directions"
      for feature rows; `width`: channels of its first layer, a multiple of 8; `dim`: length of the
      embedding, which of "rows" and "directions" is that of the rows.
    - `front`: what a window goes through before ("none", "log-spectrum", "envelope",
      "order-spectrum", "scalogram"), or a feature row ("none", "whiten": to unit covariance
      within the classes of the base set).
    - `steps`, `batch`: gradient steps on the support, and windows in each.
    - `learning_rate`, `weight_decay`: AdamW's.
    """

    encoder: str = "wide"
    front: str = "none"
    width: int = 32
    dim: int = 64
    steps: int = 300
    batch: int = 64
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2

    front_: FrontEnd = field(init=False)
    network_: nn.Module = field(init=False)
    base_front_: FrontEnd | None = field(init=False, default=None)
    base_weights_: Mapping[str, Tensor] | None = field(init=False, default=None)

    @property
    def consumes(self) -> Consumes:
        """Feature rows with an encoder of rows, else windows."""
        return "features" if self.encoder in FEATURES else "windows"

    @property
    def meta_fitted(self) -> bool:
        """Whether a base set has scaled the windows and, in most methods, trained the encoder."""
        return self.costly and self.base_front_ is not None

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        self._require(self.encoder in ENCODERS, "encoder", f"one of {sorted(ENCODERS)}")
        fronts = sorted(ROW_FRONT_ENDS if self.encoder in FEATURES else FRONT_ENDS)
        self._require(self.front in fronts, "front", f"one of {fronts}")
        self._require(self.width >= 8 and self.width % 8 == 0, "width", "a multiple of 8")
        self._require(self.dim >= 1, "dim", "an integer >= 1")
        self._require(self.steps >= 0, "steps", "an integer >= 0")
        self._require(self.batch >= 1, "batch", "an integer >= 1")
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")
        self._require(self.weight_decay >= 0, "weight_decay", "a number >= 0")

    def _meta_fit(self, base: WindowSet, rng: Generator) -> None:
        self.front_ = self.base_front_ = self._front_end(base)
        self.base_weights_ = None
        self._seen(base.take(slice(1)))  # fixes the shape behind the front end
        self._pretrain(base, rng)

    def _fit(self, support: WindowSet, rng: Generator) -> None:
        self.front_ = self.base_front_ or self._front_end(support)
        self._train(support, rng)

    def _front_end(self, windows: WindowSet) -> FrontEnd:
        if self.encoder in FEATURES:
            return FrontEnd.for_rows(windows, self.front)
        return FrontEnd.fit(windows, self.front)

    def _pretrain(self, base: WindowSet, rng: Generator) -> None:
        """Learn `base_weights_` of the encoder from the base set, where a method does so."""

    @abstractmethod
    def _train(self, support: WindowSet, rng: Generator) -> None:
        """Learn `network_` from the support, `front_` being set."""

    def _recipe(self, steps: int) -> Recipe:
        return Recipe(steps, self.learning_rate, self.weight_decay)

    def _encoder(self) -> nn.Module:
        channels, length = self._seen_shape()
        return build_encoder(self.encoder, channels, length, self.width, self.dim)

    @property
    def _embedding(self) -> int:
        """Length of an embedding."""
        return math.prod(self._seen_shape()) if self.encoder in SAME_SHAPE else self.dim

    def _seen_shape(self) -> tuple[int, int]:
        """Channels and length behind the front end."""
        return self.seen_ if self.front != "none" else self.shape_

    def _seen(self, windows: WindowSet) -> Tensor:
        """What the network sees of windows, `(n, channels, length)`."""
        made = torch.from_numpy(self.front_.apply(windows))
        self.seen_ = (made.shape[1], made.shape[2])
        return made

    def _evaluate(self, network: nn.Module, windows: WindowSet) -> Tensor:
        """What `network` gives for each window, `(n_windows, ...)`."""
        network.eval()
        with torch.inference_mode():
            blocks = [
                network(self._seen(windows.take(slice(start, start + _BLOCK))))
                for start in range(0, len(windows), _BLOCK)
            ]
        return torch.cat(blocks)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = self.front_.state() | to_arrays("base.", self.base_weights_ or {})
        if hasattr(self, "classes_"):
            arrays |= to_arrays("network.", self.network_.state_dict())
        return arrays, {"scaled_by_base": self.base_front_ is not None, "seen": self._seen_shape()}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.front_ = FrontEnd.restore(arrays, self.front)
        self.base_front_ = self.front_ if info["scaled_by_base"] else None
        self.base_weights_ = from_arrays("base.", arrays) or None
        self.seen_ = (info["seen"][0], info["seen"][1])
        if hasattr(self, "classes_"):
            self.network_ = restored(self._network, from_arrays("network.", arrays))

    def _network(self) -> nn.Module:
        """The network that the support trains: encoder and linear head."""
        return nn.Sequential(self._encoder(), nn.Linear(self._embedding, len(self.classes_)))


@dataclass(kw_only=True, eq=False, repr=False)
class SupervisedNetwork(NetworkClassifier):
    """A network that gives class scores and is trained by cross-entropy.

    - `label_smoothing`: share of the target spread over all classes (Szegedy et al. 2016).
    - `class_weight`: "balanced" draws every class equally often, None every window.
    """

    label_smoothing: float = 0.1
    class_weight: ClassWeight = "balanced"

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(0 <= self.label_smoothing < 1, "label_smoothing", "0 to below 1")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")

    def _extend(self, support: WindowSet, rng: Generator) -> None:
        """A new linear head on the encoder as it is: logistic regression, or class means."""
        parts = list(self.network_.children())
        if not isinstance(self.network_, nn.Sequential) or not isinstance(parts[-1], nn.Linear):
            self._fit(support, rng)
            return
        encoder = nn.Sequential(*parts[:-1])
        embedded, codes = self._evaluate(encoder, support).numpy(), self._codes(support)
        head = deepcopy(parts[-1])  # a linear layer, or one of cosines
        if getattr(head, "bias", None) is None:
            long = embedded / np.maximum(np.linalg.norm(embedded, axis=1, keepdims=True), 1e-12)
            weight = class_means(long, codes, len(self.classes_))
        else:
            fitted = LogisticRegression(class_weight=self.class_weight)
            fitted.fit(support.as_features(embedded), rng)
            weight = fitted.coef_.T
            head.bias = nn.Parameter(torch.from_numpy(fitted.intercept_.astype(np.float32)))
        head.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))
        head.out_features = len(self.classes_)
        self.network_ = nn.Sequential(*parts[:-1], head)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._logits(query))

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        return np.asarray(self._evaluate(self.network_, query).numpy(), np.float64)
