"""Plain diffusion, told the fault class: what a few-shot diffusion method has to beat.

Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), with the cosine
schedule of Nichol & Dhariwal (ICML 2021), a one-dimensional U-Net (Ronneberger et al., MICCAI 2015)
that predicts noise or velocity, and classifier-free guidance (Ho & Salimans, 2021). Ancestral
sampling, or DDIM (Song, Meng & Ermon, ICLR 2021). One network for all classes, trained on the shots
alone or pretrained on normal windows and trained on; nothing is frozen, nothing added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.conditional import ConditionalGenerator
from faultsyn.synth.scaling import widened
from faultsyn.windows import FloatArray, WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.gaussian_diffusion.guided import Target
    from faultsyn.synth.gaussian_diffusion.model import Model

_REACH = 1.25
"""Predictions are held within so many times the largest value of the shots."""


@dataclass(kw_only=True, eq=False, repr=False)
class DDPM(ConditionalGenerator):
    """Class-conditional DDPM.

    - `width`: channels of the U-Net at full length, a multiple of 8 and at least 16; doubled
      twice on the way down.
    - `noise_steps`: T.
    - `target`: the network predicts the "noise", as the paper's, or the "velocity", a mixture of
      noise and window (Salimans & Ho, ICLR 2022). On few shots a network that predicts the noise
      did not learn the class (docs/generators.md).
    - `pretrain_steps`: gradient steps on normal windows, a class of their own, before the shots;
      0: from scratch.
    - `steps`: gradient steps on the shots of all classes; `ema`: decay of the averaged weights.
    - `crop`: training on pieces of so many samples where windows are longer (null: whole windows),
      which bounds the cost of a step.
    - `shifts`: random circular shifts in training, for stationary signals.
    - `dropped`: chance of hiding the class in training.
    - `guidance`: w of Ho & Salimans; 0: none.
    - `sample_steps`: null: ancestral sampling with all T steps; a number: DDIM with so many.
    - `eta`: noise of DDIM, 0: none.

    Other settings as in `ConditionalGenerator`; `learning_rate` is the peak.
    """

    name: ClassVar[str] = "ddpm"
    costly: ClassVar[bool] = True

    width: int = 32
    noise_steps: int = 500
    target: Target = "velocity"
    pretrain_steps: int = 0
    steps: int = 800
    ema: float = 0.99
    crop: int | None = None
    shifts: bool = False
    dropped: float = 0.1
    guidance: float = 0.0
    sample_steps: int | None = 50
    eta: float = 0.0

    model_: Model = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("noise_steps")
        self._require_whole("pretrain_steps", "steps", least=0)
        wide = self.width >= 16 and self.width % 8 == 0
        self._require(wide, "width", "a multiple of 8, at least 16")
        self._require(self.target in ("noise", "velocity"), "target", "noise or velocity")
        self._require(0 < self.ema < 1, "ema", "between 0 and 1")
        self._require(self.crop is None or self.crop >= 1, "crop", "an integer >= 1 or null")
        self._require(0 <= self.dropped < 1, "dropped", "a share from 0 to below 1")
        self._require(self.guidance >= 0, "guidance", "a number >= 0")
        taught = self.guidance == 0 or self.dropped > 0
        self._require(taught, "dropped", "> 0 where guidance is to be used")
        few = self.sample_steps is None or 1 <= self.sample_steps <= self.noise_steps
        self._require(few, "sample_steps", f"1 to noise_steps ({self.noise_steps}) or null")
        self._require(0 <= self.eta <= 1, "eta", "0 to 1")

    def _learn_normal(self, normal: WindowSet, rng: np.random.Generator) -> None:
        self.model_ = self._model()
        if self.pretrain_steps:
            history = self.model_.pretrain(
                self.normal_scaler_.apply(normal.x),
                self.pretrain_steps,
                rng,
                self.progress,
                self._folder("pretrain"),
            )
            self.curves_ = {"pretrain": history.as_json()}

    def _learn(self, x: FloatArray, places: NDArray[np.intp], rng: np.random.Generator) -> None:
        if not hasattr(self, "model_"):
            self.model_ = self._model()
        history = self.model_.fit(
            x,
            places,
            len(self.modes_),
            self.steps,
            rng,
            self.progress,
            self._folder("adapt"),
        )
        self.curves_ = {**self.curves_, "adapt": history.as_json()}

    def _generate(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        highest = np.abs(self._scaled(place)).max(axis=(0, 2))
        limit = widened(highest, _REACH, self._bend).astype(np.float32)
        return self.model_.sample(n, place, self.guidance, limit, rng, self.sample_steps, self.eta)

    def _model(self) -> Model:
        from faultsyn.synth.gaussian_diffusion.model import Model, Settings  # torch, heavy

        channels, length = self.shape_
        settings = Settings(
            channels=channels,
            length=length,
            width=self.width,
            noise_steps=self.noise_steps,
            target=self.target,
            dropped=self.dropped,
            batch=self.batch,
            crop=length if self.crop is None else min(self.crop, length),
            shifts=self.shifts,
            learning_rate=self.learning_rate,
            ema=self.ema,
        )
        return Model(settings, self.name)

    def _weights(self) -> dict[str, NDArray[Any]]:
        return self.model_.state()

    def _put(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.model_ = self._model()
        self.model_.restore(arrays)
