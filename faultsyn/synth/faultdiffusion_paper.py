"""FaultDiffusion as it is published: a frozen model of the normal, adapters for the difference.

Xu et al., "FaultDiffusion: Few-Shot Fault Time Series Generation with Diffusion Model" (arXiv
2511.15174): fault windows are normal ones plus a learnt discrepancy, p_f(x) = p_n(x) + Delta(x).
The trunk is a Diffusion-TS (Yuan & Qiao, ICLR 2024) pretrained on normal windows and frozen; beside
its blocks small adapters learn each fault class from K shots; a diversity loss keeps them from
collapsing; windows come from ancestral sampling (Ho et al., NeurIPS 2020). No official code is
public: the parts are written from the equations, `faultsyn/synth/diffusion_ts/` says for each what
is the papers' and what is ours. It stands here to be compared with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.diffusion_ts.settings import Diversity, Layout, Target, Training
from faultsyn.synth.private.step import PrivateStep, Units, seeded_steps
from faultsyn.synth.scaling import ChannelScaler, Scaled, widened
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import NORMAL, WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.diffusion_ts.model import Model

_SHORTEST, _LONGEST = 4, 2048
_PUBLIC = "mean and deviation of every channel of the healthy windows; how many units there are"
_PUBLIC_PEAK = 8.0  # taken for the largest value where that may not be looked at


@dataclass(kw_only=True, eq=False, repr=False)
class FaultDiffusionPaper(ShotGenerator):
    """Diffusion-TS with difference adapters.

    The paper's values where it gives them, else those of Diffusion-TS; made for windows of 24 to
    128 samples, refused beyond 2048.

    - `width`, `heads`, `encoder_layers`, `decoder_layers`: of the trunk.
    - `trend_degree`: of a block's polynomial; `seasonal_lines`: frequencies a block keeps; None:
      the whole part of ln T.
    - `noise_steps`: T of the cosine schedule.
    - `target`: the network predicts the clean "window" or the "noise".
    - `fourier_weight`: of the loss in frequency.
    - `pretrain_steps`, `batch`: gradient steps on normal windows, and windows in each.
    - `learning_rate`, `ema`: Adam's peak rate (betas .9 and .96) and the decay of the average.
    - `adapters`: beside the "decoder" blocks, or beside "all"; "none": each class trains a copy of
      the trunk, which without the diversity loss is Diffusion-TS itself, on shots alone or
      (`pretrain_steps`) after normal windows. `adapter_window`: W, odd; `alpha`: weight of their
      local states.
    - `adapt_steps`, `adapt_batch`: gradient steps for each fault class, and windows in each.
    - `diversity`, `diversity_weight`: the "bounded" form of the diversity loss or the "printed"
      one, and lambda; 0: off.
    - `sample_steps`: None: ancestral sampling with all T steps; a number: DDIM with so many.
    - `eta`: noise of DDIM, 0: none.
    - `reach`: predicted windows are held within so many times the largest excursion of the healthy
      windows and the class's shots, channel by channel, in deviations from the healthy mean (ours;
      Diffusion-TS's code holds them within the range of its training data, to which 1 comes
      nearest).
    - `privacy`: by step ("pretrain", "adapt"), the settings of a `PrivateStep`: the step is trained
      by DP-SGD and `privacy_` states what holds. The diversity loss compares the windows of a batch
      with one another, which bounds no single window's part: with "adapt" it must be switched off.

    It generates a class, not an operating state: a condition column is carried over only where all
    shots of the class agree. Raises `InputError` on windows below 4 or above 2048 samples.
    """

    name: ClassVar[str] = "faultdiffusion-paper"
    needs_normal: ClassVar[bool] = True
    costly: ClassVar[bool] = True

    width: int = 64
    heads: int = 4
    encoder_layers: int = 3
    decoder_layers: int = 2
    trend_degree: int = 3
    seasonal_lines: int | None = None
    noise_steps: int = 500
    target: Target = "window"
    fourier_weight: float = 1.0
    pretrain_steps: int = 3000
    batch: int = 64
    learning_rate: float = 8e-4
    ema: float = 0.995
    adapters: Literal["decoder", "all", "none"] = "decoder"
    adapter_window: int = 5
    alpha: float = 1.0
    adapt_steps: int = 400
    adapt_batch: int = 32
    diversity: Diversity = "bounded"
    diversity_weight: float = 0.1
    sample_steps: int | None = None
    eta: float = 0.0
    reach: float = 1.25
    privacy: Mapping[str, Mapping[str, Any]] | None = None

    scaler_: ChannelScaler = field(init=False)
    peak_: NDArray[np.float32] = field(init=False)
    model_: Model = field(init=False)

    @classmethod
    def repeatable(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` with noise from the seed in every private step that does not say whence."""
        return seeded_steps(config)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        whole = ("heads", "encoder_layers", "decoder_layers", "noise_steps", "batch", "adapt_batch")
        self._require_whole(*whole)
        self._require_whole("trend_degree", "pretrain_steps", "adapt_steps", least=0)
        for name in ("fourier_weight", "diversity_weight", "alpha"):
            self._require(getattr(self, name) >= 0, name, "a number >= 0")
        even = self.width >= 2 and self.width % self.heads == 0 and self.width % 2 == 0
        self._require(even, "width", f"an even multiple of heads ({self.heads})")
        lines = self.seasonal_lines
        self._require(lines is None or lines >= 1, "seasonal_lines", "an integer >= 1 or null")
        self._require(self.target in ("window", "noise"), "target", "window or noise")
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")
        self._require(0 < self.ema < 1, "ema", "between 0 and 1")
        kinds = ("decoder", "all", "none")
        self._require(self.adapters in kinds, "adapters", "decoder, all or none")
        odd = self.adapter_window >= 1 and self.adapter_window % 2 == 1
        self._require(odd, "adapter_window", "an odd integer >= 1")
        self._require(self.diversity in ("bounded", "printed"), "diversity", "bounded or printed")
        few = self.sample_steps is None or 1 <= self.sample_steps <= self.noise_steps
        self._require(few, "sample_steps", f"1 to noise_steps ({self.noise_steps}) or null")
        self._require(0 <= self.eta <= 1, "eta", "0 to 1")
        self._require(self.reach > 0, "reach", "a number > 0")
        self._private("pretrain")
        coupled = self._private("adapt") is not None and self.diversity_weight > 0
        self._require(
            not coupled,
            "diversity_weight",
            "0 with private adaptation (the diversity loss couples the windows of a batch, and "
            "clipping then bounds no single window's part)",
        )

    @property
    def _trained(self) -> Literal["trunk", "adapters"]:
        """What adaptation trains."""
        return "trunk" if self.adapters == "none" else "adapters"

    def _private(self, step: str) -> PrivateStep | None:
        """How a step is trained privately, None where it is not."""
        return PrivateStep.of(self.privacy, step, ("pretrain", "adapt"), self.name)

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        if not _SHORTEST <= normal.n_samples <= _LONGEST:
            raise InputError(
                f"{self.name}: expected windows of {_SHORTEST} to {_LONGEST} samples, got "
                f"{normal.n_samples} samples",
                "its cost grows with the square of the window; `faultdiffusion` takes long ones",
            )
        self.scaler_ = ChannelScaler.fit(normal.x)
        scaled = Scaled(normal.x, self.scaler_)
        self.model_ = self._model()
        folder, private = self._folder("pretrain"), self._private("pretrain")
        if private is None:
            self.peak_ = scaled.peaks()
            history = self.model_.pretrain(scaled, rng, self.progress, folder)
            self.curves_ = {"pretrain": history.as_json()}
            return
        # Nothing else of the windows may stay behind: no largest value, no curve of the loss.
        self.peak_ = np.full(len(normal.channels), _PUBLIC_PEAK, np.float32)
        who, weights = f"{self.name}, pretraining", self.model_.weights("trunk")
        found, claim = private.units(normal, self.batch, self.pretrain_steps, weights, _PUBLIC, who)
        self.privacy_ = {**self.privacy_, "pretrain": claim} if claim else self.privacy_
        noise = private.budget.rng(rng)
        self.model_.pretrain(scaled, noise, self.progress, folder, found[NORMAL])

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        private = self._private("adapt")
        units: Mapping[str, Units] = {}
        if private is None:
            super()._adapt(shots, rng)
        else:
            who, weights = f"{self.name}, adapting", self.model_.weights(self._trained)
            units, claim = private.units(
                shots, self.adapt_batch, self.adapt_steps, weights, _PUBLIC, who
            )
            self.privacy_ = {**self.privacy_, "adapt": claim} if claim else self.privacy_
            rng = private.budget.rng(rng)
            # Of the shots only the names of their classes may stay behind.
            bare = shots.with_x(shots.x[:, :, :0]).take(
                np.unique(shots.labels, return_index=True)[1]
            )
            super()._adapt(replace(bare, table={"label": bare.labels}), rng)
        curves = {}
        for place, label in enumerate(self.classes_):
            scaled = self.scaler_.apply(shots.of(label).x)
            folder = self._folder(f"adapt/{place}")
            history = self.model_.adapt(label, scaled, rng, self.progress, folder, units.get(label))
            curves[label] = history.as_json()
        if private is None:
            self.curves_ = {**self.curves_, "adapt": curves}

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        shots = self.shots_.of(label)
        least = 0.0 if shots.n_samples else _PUBLIC_PEAK
        seen = np.abs(self.scaler_.apply(shots.x)).max(axis=(0, 2), initial=least)
        furthest = np.maximum(self.peak_, seen)
        limit = np.asarray(widened(furthest, self.reach, self.scaler_.bend), np.float32)
        made = self.model_.sample(n, label, limit, rng, self.sample_steps, self.eta)
        return self._made_alike(self.scaler_.undo(made), self._rows(label))

    def _model(self) -> Model:
        from faultsyn.synth.diffusion_ts.model import Model  # torch, which is heavy

        channels, length = self.shape_
        lines = self.seasonal_lines or max(1, int(math.log(length)))
        layout = Layout(
            channels=channels,
            length=length,
            width=self.width,
            heads=self.heads,
            encoder=self.encoder_layers,
            decoder=self.decoder_layers,
            degree=self.trend_degree,
            lines=min(lines, length // 2),
            window=self.adapter_window,
            alpha=self.alpha,
            everywhere=self.adapters == "all",
            adapted=self.adapters != "none",
        )
        training = Training(
            noise_steps=self.noise_steps,
            target=self.target,
            fourier=self.fourier_weight,
            pretrain_steps=self.pretrain_steps,
            batch=self.batch,
            adapt_steps=self.adapt_steps,
            adapt_batch=self.adapt_batch,
            learning_rate=self.learning_rate,
            ema=self.ema,
            diversity=self.diversity,
            diversity_weight=self.diversity_weight,
        )
        return Model(layout, training, self.name)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        arrays |= self.scaler_.state() | {"peak": self.peak_}
        return arrays | self.model_.state(getattr(self, "classes_", ())), info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        self.scaler_, self.peak_ = ChannelScaler.restore(arrays), arrays["peak"]
        self.model_ = self._model()
        self.model_.restore(arrays, getattr(self, "classes_", ()))
