"""What the autoencoding generators share: normals as a class, training, weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.conditional import ConditionalGenerator
from faultsyn.windows import FloatArray, WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.model import Model
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout

_KEPT = 256
"""Normal windows that are kept for adaptation, evenly spread."""


class AutoencoderGenerator(ConditionalGenerator):
    """An autoencoder of all classes, told the class, with codes of a known distribution.

    Where `normals` is set, normal windows are a class beside the faults', so that K shots need not
    teach what signals look like.
    """

    width: int
    latent: int
    normals: bool
    steps: int
    batch: int
    learning_rate: float
    shifts: bool
    model_: Model

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("width", "latent", "batch")
        self._require_whole("steps", least=0)
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")

    def _learn_normal(self, normal: WindowSet, rng: np.random.Generator) -> None:
        if self.normals:
            kept = np.linspace(0, len(normal) - 1, min(len(normal), _KEPT)).round().astype(int)
            self.normal_ = normal.take(kept)

    def _learn(self, x: FloatArray, places: NDArray[np.intp], rng: np.random.Generator) -> None:
        self.model_ = self._model()
        if self._first_fault:
            x = np.concatenate([self.normal_scaler_.apply(self.normal_.x), x])
            places = np.concatenate([np.zeros(len(self.normal_), np.intp), places + 1])
        history = self.model_.fit(
            x, places, self._classes, rng, self.progress, self._folder("adapt")
        )
        self.curves_ = {**self.curves_, "adapt": history.as_json()}

    def _generate(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        return self.model_.sample(n, place + self._first_fault, rng)

    @property
    def _first_fault(self) -> int:
        """Place of the first fault among the network's classes."""
        return int(hasattr(self, "normal_"))

    @property
    def _classes(self) -> int:
        return self._first_fault + len(self.modes_)

    @abstractmethod
    def _network(self, layout: Layout, classes: int) -> Autoencoder:
        """The untrained network."""

    def _model(self) -> Model:
        from faultsyn.synth.autoencoder.model import Model, Training  # torch, which is heavy
        from faultsyn.synth.convolutional.layout import Layout

        channels, length = self.shape_
        layout = Layout(channels, (length,), self.width)
        training = Training(self.steps, self.batch, self.learning_rate, self.shifts)
        return Model(lambda classes: self._network(layout, classes), training, self.name)

    def _weights(self) -> dict[str, NDArray[Any]]:
        return self.model_.state() if hasattr(self, "model_") else {}

    def _put(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if any(name.startswith("network.") for name in arrays):
            self.model_ = self._model()
            self.model_.restore(arrays, self._classes)
