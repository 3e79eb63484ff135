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
            self._keep_normals(normal)

    def _learn(self, x: FloatArray, places: NDArray[np.intp], rng: np.random.Generator) -> None:
        self.model_ = self._model()
        classes = self._first_fault + len(self.modes_)
        history = self.model_.fit(
            *self._with_normals(x, places), classes, rng, self.progress, self._folder("adapt")
        )
        self.curves_ = {**self.curves_, "adapt": history.as_json()}
        self._judge()

    def _generate(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        return self.model_.sample(n, place + self._first_fault, rng)

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
            self.model_.restore(arrays, self._first_fault + len(self.modes_))
