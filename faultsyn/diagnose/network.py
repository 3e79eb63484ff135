"""What classifiers built on a network share: scaling, building, batched evaluation, saving."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.encoders import ENCODERS, build_encoder, restored
from faultsyn.diagnose.scaling import ChannelScaler
from faultsyn.diagnose.train import Recipe
from faultsyn.windows import WindowSet

_BLOCK = 256  # windows evaluated at once; bounds memory


class NetworkClassifier(FewShotClassifier):
    """A classifier whose learnt part is a `torch.nn.Module` behind a per-channel scaler.

    Scaling comes from the base set where there is one, else from the support.
    """

    consumes: ClassVar[Consumes] = "windows"

    encoder: str
    width: int
    dim: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float

    scaler_: ChannelScaler
    network_: nn.Module
    base_scaler_: ChannelScaler | None = None
    base_weights_: Mapping[str, Tensor] | None = None

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        self._require(self.encoder in ENCODERS, "encoder", f"one of {sorted(ENCODERS)}")
        self._require(self.width >= 8 and self.width % 8 == 0, "width", "a multiple of 8")
        self._require(self.dim >= 1, "dim", "an integer >= 1")
        self._require(self.steps >= 0, "steps", "an integer >= 0")
        self._require(self.batch >= 1, "batch", "an integer >= 1")
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")
        self._require(self.weight_decay >= 0, "weight_decay", "a number >= 0")

    def _meta_fit(self, base: WindowSet, rng: np.random.Generator) -> None:
        self.scaler_ = self.base_scaler_ = ChannelScaler.fit(base)
        self._pretrain(base, rng)

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        self.scaler_ = self.base_scaler_ or ChannelScaler.fit(support)
        self._train(support, rng)

    def _pretrain(self, base: WindowSet, rng: np.random.Generator) -> None:
        """Learn `base_weights_` of the encoder from the base set, where a method does so."""

    @abstractmethod
    def _train(self, support: WindowSet, rng: np.random.Generator) -> None:
        """Learn `network_` from the support, `scaler_` being set."""

    def _recipe(self, steps: int) -> Recipe:
        return Recipe(steps, self.learning_rate, self.weight_decay)

    def _encoder(self) -> nn.Module:
        channels, length = self.shape_
        return build_encoder(self.encoder, channels, length, self.width, self.dim)

    def _scaled(self, windows: WindowSet) -> Tensor:
        return torch.from_numpy(self.scaler_.apply(windows.x))

    def _evaluate(self, network: nn.Module, windows: WindowSet) -> Tensor:
        """What `network` gives for each window, `(n_windows, ...)`."""
        network.eval()
        with torch.inference_mode():
            blocks = [
                network(self._scaled(windows.take(slice(start, start + _BLOCK))))
                for start in range(0, len(windows), _BLOCK)
            ]
        return torch.cat(blocks)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = _to_arrays("network.", self.network_.state_dict()) | self.scaler_.state()
        arrays |= _to_arrays("base.", self.base_weights_ or {})
        return arrays, {"scaled_by_base": self.base_scaler_ is not None}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.scaler_ = ChannelScaler.restore(arrays)
        self.base_scaler_ = self.scaler_ if info["scaled_by_base"] else None
        self.base_weights_ = _from_arrays("base.", arrays) or None
        self.network_ = restored(self._network, _from_arrays("network.", arrays))

    def _network(self) -> nn.Module:
        """The network that the support trains: encoder and linear head."""
        return nn.Sequential(self._encoder(), nn.Linear(self.dim, len(self.classes_)))


def _to_arrays(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {prefix + name: tensor.numpy() for name, tensor in weights.items()}


def _from_arrays(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(array))
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
