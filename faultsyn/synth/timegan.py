"""TimeGAN: a generative adversarial network in the latent space of a recurrent autoencoder.

Yoon, Jarrett & van der Schaar, "Time-series Generative Adversarial Networks" (NeurIPS 2019): an
embedder and a recovery learn to code windows, a supervisor learns to say a code's next step, then
generator, supervisor, coder and discriminator train together. Networks and losses are the paper's
and its code's (`faultsyn/synth/recurrent/`); the class is its static feature. Ours: channels are
standardised instead of scaled from 0 to 1, the generator's batches are of one class (its loss
compares moments over the batch), long windows are taken in pieces, far fewer steps than the code's
50,000 a phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.conditional import ConditionalGenerator
from faultsyn.windows import FloatArray, WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.recurrent.model import Model

_MOST_STEPS = 32  # of the recurrent networks; longer windows are taken in pieces


@dataclass(kw_only=True, eq=False, repr=False)
class TimeGAN(ConditionalGenerator):
    """TimeGAN, told the class.

    - `hidden`, `layers`: of each of the five GRU networks; the code's are 24 and 3.
    - `embedding_steps`, `supervision_steps`, `joint_steps`: gradient steps of the three phases;
      a joint step is two updates of generator and coder and one of the discriminator.

    Other settings as in `ConditionalGenerator`. Made for windows of 24 samples. Windows of more
    than 32 are taken in pieces of equal length, at most 32, so that a step of training costs about
    the same. Raises `InputError` on windows of a single sample, which have no next step.
    """

    name: ClassVar[str] = "timegan"

    hidden: int = 24
    layers: int = 3
    embedding_steps: int = 400
    supervision_steps: int = 200
    joint_steps: int = 400
    batch: int = 32

    model_: Model = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("hidden", "layers")
        self._require_whole("embedding_steps", "supervision_steps", "joint_steps", least=0)

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        self._require_samples(shots, 2)
        super()._adapt(shots, rng)

    def _learn(self, x: FloatArray, places: NDArray[np.intp], rng: np.random.Generator) -> None:
        self.model_ = self._model()
        histories = self.model_.fit(
            x, places, len(self.modes_), rng, self.progress, self._folder("adapt")
        )
        curves = {name: history.as_json() for name, history in histories.items()}
        self.curves_ = {**self.curves_, "adapt": curves}
        self._judge()

    def _generate(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        return self.model_.sample(n, place, rng)

    def _model(self) -> Model:
        from faultsyn.synth.recurrent.model import Model, Settings  # torch, which is heavy

        channels, length = self.shape_
        settings = Settings(
            channels=channels,
            length=length,
            step=-(-length // _MOST_STEPS),
            hidden=self.hidden,
            layers=self.layers,
            embedding=self.embedding_steps,
            supervision=self.supervision_steps,
            joint=self.joint_steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
        )
        return Model(settings, self.name)

    def _weights(self) -> dict[str, NDArray[Any]]:
        if not hasattr(self, "model_"):
            return {}
        return {f"network.{name}": array for name, array in self.model_.state().items()}

    def _put(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        prefix = "network."
        learnt = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        if learnt:
            self.model_ = self._model()
            self.model_.restore(learnt, len(self.modes_))
