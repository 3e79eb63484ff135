"""What the adversarial generators share: normals as a class, training, what the guard says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.conditional import ConditionalGenerator
from faultsyn.synth.convolutional.kinds import Kind, Norm
from faultsyn.windows import Column, FloatArray, WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.convolutional.model import AdversarialModel, Settings

_SHORTEST = 8
_LEAST_SPREAD = 0.005
"""Of speeds, as a share of their mean: below, they are one."""


@dataclass(kw_only=True, eq=False, repr=False)
class AdversarialGenerator(ConditionalGenerator):
    """A conditional Wasserstein GAN with a guard.

    Normal windows, where there are any, are a class beside the faults', so that K shots do not have
    to teach what signals look like. The guard (`collapse.py`) looks at the made windows twenty
    times a run and stops it when most classes collapse or are copied, or the critic diverges; the
    last good weights are kept, `curves_` says what was found, and `warnings_` names the classes
    that are in such a state at the end.

    - `width`: channels of the first stage, doubled at each further one up to 128.
    - `latent`: length of the noise vector.
    - `penalty`: lambda; `clip`: largest absolute weight of the critic in place of the penalty (0.01
      in the paper), null: the penalty.
    - `critic_steps`: of the critic for each of the maker.
    - `normals`: whether normal windows are a class beside the faults'.
    - `pretrain_steps`: steps on normal windows alone before the shots; 0: from scratch.
    - `steps`: on all classes, each drawn equally often.
    - `ema`: decay of the averaged weights.
    - `shifts`: random circular shifts in training, for stationary signals.
    - `seconds`: wall-clock budget of each training; null: none. With one, equal seeds no longer
      promise equal weights.

    Other settings as in `ConditionalGenerator`; `learning_rate` is that of both players. Windows of
    8 samples and more. What it makes belongs to a class, not to an operating state.
    """

    costly: ClassVar[bool] = True

    width: int = 16
    latent: int = 64
    penalty: float = 10.0
    clip: float | None = None
    critic_steps: int = 5
    normals: bool = True
    pretrain_steps: int = 0
    steps: int = 400
    ema: float = 0.98
    shifts: bool = False
    seconds: float | None = None

    model_: AdversarialModel = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("width", "latent", "critic_steps")
        self._require_whole("pretrain_steps", "steps", least=0)
        self._require(self.penalty >= 0, "penalty", "a number >= 0")
        self._require(self.clip is None or self.clip > 0, "clip", "a number > 0 or null")
        self._require(0 < self.ema < 1, "ema", "between 0 and 1")
        good = self.seconds is None or self.seconds > 0
        self._require(good, "seconds", "a number > 0 or null")

    def _learn_normal(self, normal: WindowSet, rng: np.random.Generator) -> None:
        self._require_samples(normal, _SHORTEST)
        self.model_ = self._model()
        if self.normals:
            self._keep_normals(normal)
        if self.pretrain_steps:
            history = self.model_.pretrain(
                self.normal_scaler_.apply(normal.x),
                np.zeros(len(normal), np.float32),
                self.pretrain_steps,
                rng,
                self.progress,
                self._folder("pretrain"),
            )
            self.curves_ = {"pretrain": history.as_json()}

    def _learn(self, x: FloatArray, places: NDArray[np.intp], rng: np.random.Generator) -> None:
        self._require_samples(self.shots_, _SHORTEST)
        if not hasattr(self, "model_"):
            self.model_ = self._model()
        first = self._first_fault
        speed = self._speed(self.shots_)
        if first:
            speed = np.concatenate([self._speed(self.normal_), speed])
        history, found = self.model_.adapt(
            *self._with_normals(x, places),
            speed,
            self.steps,
            rng,
            self.progress,
            self._folder("adapt"),
            normal=0 if first else None,
        )
        self.curves_ = {**self.curves_, "adapt": history.as_json()}
        modes = range(first, first + len(self.modes_))
        self.warnings_ = self._troubles(found[place] for place in modes)
        if history.stopped == "guard":
            why = history.troubles[-1][1]
            kept = "none was good" if history.best is None else f"those of step {history.best}"
            stop = f"training stopped at step {history.steps}: {why}; weights kept: {kept}"
            self.warnings_ = (stop, *self.warnings_)

    def _speed(self, windows: WindowSet) -> FloatArray:
        """Shaft speeds in deviations from the mean of the shots', 0 where they are not known."""
        if "rpm" not in self.shots_.table or "rpm" not in windows.table:
            return np.zeros(len(windows), np.float32)
        known = np.asarray(self.shots_.column("rpm"), np.float64)
        known = known[np.isfinite(known)]
        rpm = np.asarray(windows.column("rpm"), np.float64)
        if not len(known):
            return np.zeros(len(windows), np.float32)
        unit = max(float(known.std()), _LEAST_SPREAD * float(np.abs(known).mean()))
        return np.asarray(np.nan_to_num((rpm - known.mean()) / unit), np.float32)

    def _generated(
        self, n: int, place: int, rows: NDArray[np.intp], rng: np.random.Generator
    ) -> tuple[FloatArray, dict[str, Column]]:
        like = self.shots_.take(rng.choice(rows, n))
        made = self.model_.sample(place + self._first_fault, self._speed(like), rng)
        return made, {"rpm": like.column("rpm")} if "rpm" in like.table else {}

    def _generate(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        return self.model_.sample(place + self._first_fault, np.zeros(n, np.float32), rng)

    @abstractmethod
    def _settings(self) -> Settings:
        """Of the model."""

    def _wasserstein(self, representation: Kind, norm: Norm, *, envelope: bool = False) -> Settings:
        from faultsyn.synth.convolutional.model import Settings  # torch, heavy

        return Settings(
            representation=representation,
            width=self.width,
            latent=self.latent,
            norm=norm,
            penalty=self.penalty if self.clip is None else 0.0,
            clip=self.clip,
            critic_steps=self.critic_steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            ema=self.ema,
            shifts=self.shifts,
            envelope=envelope,
            seconds=self.seconds,
        )

    def _model(self) -> AdversarialModel:
        from faultsyn.synth.convolutional.model import AdversarialModel  # torch, heavy

        return AdversarialModel(self._settings(), self.name)

    def _weights(self) -> dict[str, NDArray[Any]]:
        return self.model_.state()

    def _put(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.model_ = self._model()
        self.model_.restore(arrays, self.shape_)
