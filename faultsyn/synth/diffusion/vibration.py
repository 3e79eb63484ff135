"""FaultDiffusion for vibration: a frozen network that knows bearings, adapted to a few shots.

After Xu et al., "FaultDiffusion", arXiv 2511.15174: what is general is learnt where data abound and
frozen; a small adapter learns the difference from K shots; a term keeps diversity. Ours departs
from it where vibration asks for it: the trunk is a U-Net that is told where strikes fall (the
skeleton), pretrained on simulated machines instead of healthy records, in the form of EDM with a
deterministic second-order sampler. Torch is imported when something is learnt or drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.cycle_bootstrap import CycleBootstrap
from faultsyn.synth.diffusion.reading import Reading, comb_guides, read
from faultsyn.synth.equaliser import apply_gain, matching_gain, mean_psd
from faultsyn.synth.fault_rate import check_orders
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

if TYPE_CHECKING:
    from faultsyn.synth.diffusion.vibration_model import Situation, VibrationModel

PretrainOn = Literal["shipped", "simulator", "normal"]
Start = Literal["noise", "cycle-bootstrap"]

PILOT = 32
"""Windows drawn to calibrate on."""
BLEND = 0.5
"""How far a window's condition and level may lie from its shot's: see `_blended`."""
HELD_OUT_FROM = 10
"""Shots from which on a fifth of them only decides when to stop."""
TOLERANCE = 0.01
"""How far (a share) a fault period may lie from its nominal one."""


class FaultDiffusionVibration(ShotGenerator):
    """Windows of new machines' faults, denoised from noise along a skeleton of strikes.

    Training:

    - `orders`: strikes per revolution by label, for faults that the `bearing` column cannot tell.
      Where neither tells, or rpm is NaN, there is no skeleton and rhythms are copied less well.
    - `pretrain_on`: "shipped" takes the trunk of the package (nothing of `normal` is used);
      "simulator" trains one on simulated machines in `pretrain`, "normal" on the normal windows,
      both for `pretrain_steps`.
    - `steps`, `batch`, `learning_rate`, `bottleneck`: of the adapters. With ten shots of each class
      or more a fifth is held out and decides when to stop.
    - `diversity`: weight of the bounded diversity loss.

    Drawing:

    - `sampler_steps`: Heun steps.
    - `start`: "noise", or "cycle-bootstrap" windows noised to `start_sigma`.
    - `guidance`: w in D = D_n + w (D_f - D_n), D_n the trunk without fault; 1: without D_n.
    - `slip`: deviation of each period, as a share of it.
    - `cross_channel`: start channels from noise with the shots' correlation at lag zero. Else what
      channels share is the skeleton, the shaft angle and their levels.
    - `equalise`: match the shots' power spectral density, by one zero-phase filter per class.
    - `rpm`: (low, high), speeds to draw from; None: those of the shots. Resonances stay, strikes
      and shaft follow.

    A window takes condition and level from one shot (`source`), moved towards others.
    Raises `InputError` on windows of fewer than 128 samples.
    """

    name = "faultdiffusion-vibration"
    needs = frozenset({"rpm"})

    model_: VibrationModel
    reading_: Reading
    gain_: NDArray[np.float64]

    def __init__(
        self,
        orders: Mapping[str, float] | None = None,
        pretrain_on: PretrainOn = "shipped",
        pretrain_steps: int = 400,
        steps: int = 80,
        batch: int = 12,
        learning_rate: float = 3e-3,
        bottleneck: int = 16,
        diversity: float = 0.0,
        sampler_steps: int = 10,
        start: Start = "noise",
        start_sigma: float = 0.6,
        guidance: float = 1.0,
        slip: float = 0.003,
        cross_channel: bool = True,
        equalise: bool = True,
        rpm: Sequence[float] | None = None,
    ) -> None:
        self.orders = orders
        self.pretrain_on = pretrain_on
        self.pretrain_steps = pretrain_steps
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.bottleneck = bottleneck
        self.diversity = diversity
        self.sampler_steps = sampler_steps
        self.start = start
        self.start_sigma = start_sigma
        self.guidance = guidance
        self.slip = slip
        self.cross_channel = cross_channel
        self.equalise = equalise
        self.rpm = rpm

    def check_config(self) -> None:
        """Raise `InputError` on a setting out of range."""
        super().check_config()
        check_orders(self.orders, self.name)
        places = ("shipped", "simulator", "normal")
        self._require(self.pretrain_on in places, "pretrain_on", f"one of {places}")
        starts = ("noise", "cycle-bootstrap")
        self._require(self.start in starts, "start", f"one of {starts}")
        for key in ("pretrain_steps", "batch", "bottleneck", "sampler_steps"):
            self._require(getattr(self, key) >= 1, key, "an integer >= 1")
        self._require(self.steps >= 0, "steps", "an integer >= 0")
        for key in ("learning_rate", "start_sigma", "guidance"):
            self._require(getattr(self, key) > 0, key, "a number > 0")
        self._require(self.diversity >= 0, "diversity", "a number >= 0")
        self._require(0 <= self.slip <= 0.1, "slip", "0 to 0.1")
        fine = self.rpm is None or (len(self.rpm) == 2 and 0 < self.rpm[0] <= self.rpm[1])
        self._require(fine, "rpm", "(low, high) in revolutions per minute")
        moves = self.rpm is None or self.start == "noise"
        self._require(moves, "start", "'noise' where rpm is set: periods of shots keep their speed")

    def sample_at(
        self, n: int, rng: np.random.Generator, *, rpm: float, label: str | None = None
    ) -> WindowSet:
        """`n` new windows at a speed [1/min] that the shots need not have had."""
        other = copy(self)
        other.rpm = (rpm, rpm)
        other.check_config()
        return other.sample(n, rng, label=label)

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        if self.pretrain_on == "shipped":
            return
        from faultsyn.synth.diffusion.vibration_model import VibrationModel

        reading = read(normal, self.orders, TOLERANCE, self.name)
        self.model_, history = VibrationModel.pretrained(
            reading if self.pretrain_on == "normal" else None,
            self.shape_[1],
            self.pretrain_steps,
            rng,
            self.name,
            self.progress,
            self._checkpoint("pretrain"),
        )
        self.curves_ = {**self.curves_, "pretrain": history.as_json()}

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        from faultsyn.neural import Recipe
        from faultsyn.synth.diffusion.vibration_model import VibrationModel

        super()._adapt(shots, rng)
        self.reading_ = read(shots, self.orders, TOLERANCE, self.name)
        if self.pretrain_on == "shipped":
            self.model_ = VibrationModel.shipped()
        elif not hasattr(self, "model_"):
            raise InputError(
                f"{self.name}: pretrain_on '{self.pretrain_on}' needs pretrain(normal) first",
                "or set pretrain_on: shipped",
            )
        codes = self._codes()
        counts = np.bincount(codes)
        if self.steps:
            history = self.model_.adapt(
                self.reading_,
                self._condition(np.arange(len(shots)), self.reading_.shaft),
                1.0 / counts[codes],
                self._held(codes, counts, rng),
                Recipe(self.steps, self.learning_rate, weight_decay=1e-3, patience=3),
                bottleneck=self.bottleneck,
                batch=self.batch,
                diversity=self.diversity,
                rng=rng,
                what=self.name,
                progress=self.progress,
                checkpoint=self._checkpoint("adapt"),
            )
            self.curves_ = {**self.curves_, "adapt": history.as_json()}
        self.gain_ = np.ones((len(self.classes_), self.shape_[0], 1))
        if self.equalise:
            self.gain_ = np.stack([self._matched(label, rng) for label in self.classes_])

    def _matched(self, label: str, rng: np.random.Generator) -> NDArray[np.float64]:
        """The filter that gives windows of unit RMS the spectrum of the shots."""
        source = self._draw(PILOT, rng, label)
        made = self._unit(source, self.reading_.shaft[source], rng)[0]
        target = self.reading_.x[self._rows(label)]
        return matching_gain(mean_psd(target, self.rate_), mean_psd(made, self.rate_))

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        shaft = self.reading_.shaft[source]
        if self.rpm is not None:
            speed = rng.uniform(self.rpm[0], self.rpm[1], n)
            shaft = self.rate_ * 60.0 / speed
        unit, mean, rms = self._unit(source, shaft, rng)
        unit = apply_gain(unit, self.gain_[self.classes_.index(label)]) if n else unit
        made = self._made(mean[..., None] + rms[..., None] * unit, source)
        return made if self.rpm is None else made.with_columns(rpm=speed)

    def _unit(
        self, source: NDArray[np.intp], shaft: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Windows of about unit RMS at the conditions of shots, their means and RMS `(n, C)`."""
        from faultsyn.synth.diffusion.vibration_model import Sampler

        if len(source) == 0:
            return np.zeros((0, *self.shape_)), np.zeros((0, 1)), np.zeros((0, 1))
        sampler = Sampler(self.sampler_steps, self.start_sigma, self.guidance)
        asked, mean, rms = self._asked(source, shaft, rng)
        return self.model_.sample(asked, sampler, rng), mean, rms

    def _asked(
        self, source: NDArray[np.intp], shaft: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[Situation, NDArray[np.float64], NDArray[np.float64]]:
        from faultsyn.synth.diffusion.vibration_model import Situation

        own = self.reading_.take(source)
        with np.errstate(invalid="ignore"):
            period = own.period * np.where(np.isfinite(own.shaft), shaft / own.shaft, 1.0)
        figures, level, mean = self._blended(source, rng)
        if self.start == "noise":
            start = None
            angle = rng.uniform(0, 2 * np.pi, len(source))
            guides = comb_guides(period, shaft, None, angle, self.shape_[1], self.slip, rng)
        else:
            start, guides = self._bootstrapped(source, rng)
        told = own.with_condition(period, shaft, figures).told()
        asked = Situation(
            guides.astype(np.float32),
            told,
            self._condition(source, shaft),
            self._mixing(source),
            start,
        )
        return asked, mean, level

    def _blended(
        self, source: NDArray[np.intp], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Figures, RMS and mean of each window, in between and around those of the shots.

        s' = m + sqrt(1 - h^2) (s_i - m) + h (s_j - s_k) / sqrt(2) with shots i, j, k of one class
        and their mean m: a smoothed bootstrap (Silverman & Young, Biometrika 74, 1987) that keeps
        mean and covariance; all figures and channels together.
        """
        rows = self._rows(str(self.shots_.labels[source[0]]))
        j, k = rng.choice(rows, (2, len(source)))

        def blend(values: NDArray[np.float64]) -> NDArray[np.float64]:
            middle = values[rows].mean(axis=0)
            kept = np.sqrt(1 - BLEND**2) * (values[source] - middle)
            return np.asarray(middle + kept + BLEND * (values[j] - values[k]) / np.sqrt(2))

        silent = self.reading_.rms[source] == 0
        level = np.exp(blend(np.log(np.maximum(self.reading_.rms, np.finfo(np.float32).tiny))))
        return blend(self.reading_.figures), np.where(silent, 0, level), blend(self.reading_.mean)

    def _bootstrapped(
        self, source: NDArray[np.intp], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cycle-bootstrap windows of unit RMS, and their guides."""
        label = str(self.shots_.labels[source[0]])
        shots = self.shots_.of(label)
        made = CycleBootstrap(self.orders).adapt(shots, rng).sample(len(source), rng)
        found = read(made, self.orders, TOLERANCE, self.name)
        return found.x, found.guides().astype(np.float64)

    def _mixing(self, source: NDArray[np.intp]) -> NDArray[np.float64]:
        """Square root of the channels' correlation in the shots of the class."""
        channels = self.shape_[0]
        if not self.cross_channel or channels == 1:
            return np.eye(channels)
        x = self.reading_.x[self._rows(str(self.shots_.labels[source[0]]))]
        correlation = np.einsum("kct,kdt->cd", x, x) / (x.shape[0] * x.shape[2])
        np.fill_diagonal(correlation, 1.0)
        values, vectors = np.linalg.eigh(correlation)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(root / np.linalg.norm(root, axis=1, keepdims=True))

    def _condition(
        self, source: NDArray[np.intp], shaft: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """What adapters are told `(n, C, .)`: class, channel, speed and load (standardised)."""
        n, channels = len(source), self.shape_[0]
        classes = np.eye(len(self.classes_))[self._codes()[source]]
        load = self.shots_.table.get("load", np.full(len(self.shots_), np.nan))
        load = load.astype(np.float64) if load.dtype.kind in "biuf" else np.full(len(load), np.nan)
        speed = _standard(np.log(shaft), np.log(self.reading_.shaft))
        state = np.stack([speed, _standard(load[source], load)], axis=1)
        parts = [
            np.broadcast_to(np.eye(channels), (n, channels, channels)),
            *(np.repeat(p[:, None], channels, axis=1) for p in (classes, state)),
        ]
        return np.asarray(np.concatenate(parts, axis=2), np.float32)

    def _codes(self) -> NDArray[np.intp]:
        """Number of the class of each shot."""
        return np.array([self.classes_.index(str(v)) for v in self.shots_.labels], np.intp)

    def _held(
        self, codes: NDArray[np.intp], counts: NDArray[np.intp], rng: np.random.Generator
    ) -> NDArray[np.intp]:
        """Shots that only decide when to stop: a fifth of each class where there are enough."""
        if counts.min() < HELD_OUT_FROM:
            return np.zeros(0, np.intp)
        rows = [rng.permutation(np.flatnonzero(codes == c)) for c in range(len(counts))]
        return np.concatenate([r[: len(r) // 5] for r in rows])

    def _checkpoint(self, step: str) -> Any:
        if self.checkpoint is None:
            return None
        from faultsyn.neural import Checkpoint

        return Checkpoint(self.checkpoint / step)

    def _require(self, holds: bool, key: str, expected: str) -> None:
        if not holds:
            raise InputError(f"{self.name}: expected {key} {expected}, got {getattr(self, key)}")

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if hasattr(self, "model_"):
            arrays |= self.model_.arrays()
            info["trunk"] = self.model_.about()
        if hasattr(self, "gain_"):
            arrays["gain"] = self.gain_
        return arrays, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if "trunk" in info:
            from faultsyn.synth.diffusion.vibration_model import VibrationModel

            width = len(getattr(self, "classes_", ())) + self.shape_[0] + 2
            self.model_ = VibrationModel.restored(arrays, info["trunk"], self.bottleneck, width)
        if "gain" in arrays:
            self.gain_ = arrays["gain"]
            self.reading_ = read(self.shots_, self.orders, TOLERANCE, self.name)


def _standard(values: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values against mean and deviation of others; 0 where unknown or all are equal."""
    known = of[np.isfinite(of)]
    if len(known) == 0 or known.std() <= 1e-6 * max(np.abs(known).max(), 1e-12):
        return np.zeros_like(values)
    return np.asarray(np.nan_to_num((values - known.mean()) / known.std()))
