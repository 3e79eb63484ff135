"""What the autoencoding generators share: normals as a class, training, weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.conditional import ConditionalGenerator
from faultsyn.windows import FloatArray, WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.model import Model
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


@dataclass(kw_only=True, eq=False, repr=False)
class AutoencoderGenerator(ConditionalGenerator):
    """An autoencoder of all classes, told the class, with codes of a known distribution.

    - `width`: channels of the first stage; `latent`: length of a code.
    - `normals`: normal windows as a class beside the faults', so that K shots need not teach what
      signals look like.
    - `steps`: gradient steps, every class drawn equally often.
    - `shifts`: random circular shifts in training, for stationary signals.

    Other settings as in `ConditionalGenerator`.
    """

    width: int = 32
    latent: int = 16
    normals: bool = True
    steps: int = 800
    batch: int = 64
    shifts: bool = False

    model_: Model = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("width", "latent")
        self._require_whole("steps", least=0)

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
