"""FaultDiffusion for vibration: a frozen network that knows bearings, adapted to a few shots.

After Xu et al., "FaultDiffusion", arXiv 2511.15174: what is general is learnt where data abound and
frozen; a small adapter learns the difference from K shots; a term keeps diversity. Ours departs
from it where vibration asks for it: the trunk is a U-Net that is told where strikes fall (the
skeleton), pretrained on simulated machines instead of healthy records, in the form of EDM with a
deterministic second-order sampler; and what repeats from strike to strike is taken off by
regression first. Torch is imported when something is learnt or drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.cycle_bootstrap import CycleBootstrap
from faultsyn.synth.diffusion.blend import blended, mixing, standard, standardised
from faultsyn.synth.diffusion.reading import Reading, read, tell
from faultsyn.synth.diffusion.skeleton import Rhythm
from faultsyn.synth.diffusion.template import Template, learn, sharpened
from faultsyn.synth.equaliser import apply_gain, matching_gain, mean_psd
from faultsyn.synth.fault_rate import check_orders
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

if TYPE_CHECKING:
    from faultsyn.neural import Checkpoint
    from faultsyn.synth.diffusion.vibration_model import VibrationModel

PretrainOn = Literal["shipped", "simulator", "normal"]
Start = Literal["noise", "cycle-bootstrap"]
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PILOT = 32
"""Windows drawn to measure their spectrum before equalising."""
HELD_OUT_FROM = 10
"""Shots of each class from which on a fifth of them only decides when to stop."""
TOLERANCE = 0.01
"""How far (a share) a fault period may lie from its nominal one."""


class FaultDiffusionVibration(ShotGenerator):
    """Windows of a fault, denoised from noise along a skeleton of strikes.

    Training:

    - `orders`: strikes per revolution by label, for faults that the `bearing` column cannot tell.
      Where neither tells, or rpm is NaN, there is no skeleton and rhythms are copied less well.
    - `pretrain_on`: "shipped" takes the trunk of the package (nothing of `normal` is used);
      "simulator" trains one on simulated machines in `pretrain`, "normal" on the normal windows,
      both for `pretrain_steps`.
    - `steps`, `batch`, `learning_rate`, `bottleneck`: of the adapters. With ten shots of each class
      or more a fifth is held out and decides when to stop.
    - `diversity`: weight of the bounded diversity loss.
    - `harmonics`: of the shaft, in the template of what repeats from strike to strike
      (`template.py`); fewer where shots are few; -1: no template, the network models all.

    Drawing:

    - `sampler_steps`: Heun steps.
    - `start`: "noise", or "cycle-bootstrap" windows noised to `start_sigma`.
    - `guidance`: w in D = D_n + w (D_f - D_n), D_n the trunk without fault; 1: without D_n.
    - `slip`: deviation of each period, as a share of it.
    - `cross_channel`: start channels from noise with the shots' correlation at lag zero. Else what
      channels share is the template, the skeleton, the shaft angle and their levels.
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
    templates_: list[Template]
    mixing_: Floats
    gain_: Floats

    def __init__(
        self,
        orders: Mapping[str, float] | None = None,
        pretrain_on: PretrainOn = "shipped",
        pretrain_steps: int = 400,
        steps: int = 80,
        batch: int = 12,
        learning_rate: float = 1e-2,
        bottleneck: int = 16,
        diversity: float = 0.0,
        harmonics: int = 2,
        sampler_steps: int = 8,
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
        self.harmonics = harmonics
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
        self._require(self.harmonics >= -1, "harmonics", "an integer >= -1")
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
        whole = read(shots, self.orders, TOLERANCE, self.name)
        if self.pretrain_on == "shipped":
            self.model_ = VibrationModel.shipped()
        elif not hasattr(self, "model_"):
            raise InputError(
                f"{self.name}: pretrain_on '{self.pretrain_on}' needs pretrain(normal) first",
                "or set pretrain_on: shipped",
            )
        self._take_apart(whole)
        codes = self._codes()
        counts = np.bincount(codes)
        if self.steps:
            history = self.model_.adapt(
                self.reading_,
                self._condition(np.arange(len(shots)), self.reading_.rhythm.shaft),
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
            self.gain_ = np.stack([self._matched(label, whole, rng) for label in self.classes_])

    def _take_apart(self, whole: Reading) -> None:
        """Templates of each class, and what they leave of the shots for the network."""
        self.reading_ = whole.take(np.arange(len(whole.x)))
        templates, mixings = [], []
        for label in self.classes_:
            rows = self._rows(label)
            mine, template = whole.take(rows), Template.none(self.shape_[0])
            if self.harmonics >= 0:
                template, rhythm = learn(mine.x, mine.rhythm, self.harmonics)
                mine = mine.less(template, rhythm)
                self.reading_.put(rows, mine)
            templates.append(template)
            mixings.append(mixing(mine.x) if self.cross_channel else np.eye(self.shape_[0]))
        self.templates_, self.mixing_ = templates, np.stack(mixings)

    def _matched(self, label: str, whole: Reading, rng: np.random.Generator) -> Floats:
        """The filter that gives windows of unit RMS the spectrum of the shots."""
        source = self._draw(PILOT, rng, label)
        made = self._unit(source, self.reading_.rhythm.shaft[source], rng)[0]
        target = whole.x[self._rows(label)]
        return matching_gain(mean_psd(target, self.rate_), mean_psd(made, self.rate_))

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        shaft = self.reading_.rhythm.shaft[source]
        if self.rpm is not None:
            speed = rng.uniform(self.rpm[0], self.rpm[1], n)
            shaft = self.rate_ * 60.0 / speed
        unit, mean, rms = self._unit(source, shaft, rng)
        unit = apply_gain(unit, self.gain_[self.classes_.index(label)]) if n else unit
        made = self._made(mean[..., None] + rms[..., None] * standardised(unit), source)
        return made if self.rpm is None else made.with_columns(rpm=speed)

    def _unit(
        self, source: Rows, shaft: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        """Windows of about unit RMS at the conditions of shots, their means and RMS `(n, C)`."""
        from faultsyn.synth.diffusion.vibration_model import Sampler, Situation

        n, n_samples = len(source), self.shape_[1]
        if n == 0:
            return np.zeros((0, *self.shape_)), np.zeros((0, 1)), np.zeros((0, 1))
        label = str(self.shots_.labels[source[0]])
        template = self.templates_[self.classes_.index(label)]
        look = blended(self.reading_, self._rows(label), source, rng)
        if self.start == "noise":
            start, rhythm = None, self._new_rhythm(source, shaft, rng)
        else:
            start, rhythm = self._bootstrapped(source, template, rng)
        asked = Situation(
            rhythm.guides(n_samples).astype(np.float32),
            tell(self.reading_.kind[source], rhythm, look.figures),
            self._condition(source, shaft),
            self.mixing_[self.classes_.index(label)],
            start,
        )
        sampler = Sampler(self.sampler_steps, self.start_sigma, self.guidance)
        left = look.share[..., None] * self.model_.sample(asked, sampler, rng)
        return template.mean(rhythm, n_samples) + left, look.mean, look.rms

    def _new_rhythm(self, source: Rows, shaft: Floats, rng: np.random.Generator) -> Rhythm:
        """Strikes and shaft from a random place on, at other speeds if asked for."""
        own = self.reading_.rhythm.take(source)
        slower = np.where(np.isfinite(own.shaft), shaft / own.shaft, 1.0)
        phase = rng.random(len(source)) * np.nan_to_num(own.period)
        angle = rng.uniform(0, 2 * np.pi, len(source))
        seed = int(rng.integers(2**31))
        return Rhythm(own.period * slower, shaft, phase, angle, self.slip, seed)

    def _bootstrapped(
        self, source: Rows, template: Template, rng: np.random.Generator
    ) -> tuple[Floats, Rhythm]:
        """What the template leaves of cycle-bootstrap windows, at unit RMS, and their rhythm."""
        shots = self.shots_.of(str(self.shots_.labels[source[0]]))
        made = CycleBootstrap(self.orders).adapt(shots, rng).sample(len(source), rng)
        found = read(made, self.orders, TOLERANCE, self.name)
        rhythm = sharpened(template, found.x, found.rhythm)
        return found.less(template, rhythm).x, rhythm

    def _condition(self, source: Rows, shaft: Floats) -> NDArray[np.float32]:
        """What adapters are told `(n, C, .)`: class, channel, speed and load (standardised)."""
        n, channels = len(source), self.shape_[0]
        classes = np.eye(len(self.classes_))[self._codes()[source]]
        load = self.shots_.table.get("load", np.full(len(self.shots_), np.nan))
        load = load.astype(np.float64) if load.dtype.kind in "biuf" else np.full(len(load), np.nan)
        speed = standard(np.log(shaft), np.log(self.reading_.rhythm.shaft))
        state = np.stack([speed, standard(load[source], load)], axis=1)
        parts = [
            np.broadcast_to(np.eye(channels), (n, channels, channels)),
            *(np.repeat(p[:, None], channels, axis=1) for p in (classes, state)),
        ]
        return np.asarray(np.concatenate(parts, axis=2), np.float32)

    def _codes(self) -> Rows:
        """Number of the class of each shot."""
        return np.array([self.classes_.index(str(v)) for v in self.shots_.labels], np.intp)

    def _held(self, codes: Rows, counts: Rows, rng: np.random.Generator) -> Rows:
        """Shots that only decide when to stop: a fifth of each class where there are enough."""
        if counts.min() < HELD_OUT_FROM:
            return np.zeros(0, np.intp)
        rows = [rng.permutation(np.flatnonzero(codes == c)) for c in range(len(counts))]
        return np.concatenate([r[: len(r) // 5] for r in rows])

    def _checkpoint(self, step: str) -> Checkpoint | None:
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
            arrays |= {"gain": self.gain_, "mixing": self.mixing_}
            arrays |= {f"reading.{k}": v for k, v in self.reading_.arrays().items()}
            arrays |= {f"template.{i}": t.responses for i, t in enumerate(self.templates_)}
        return arrays, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if "trunk" in info:
            from faultsyn.synth.diffusion.vibration_model import VibrationModel

            width = len(getattr(self, "classes_", ())) + self.shape_[0] + 2
            self.model_ = VibrationModel.restored(arrays, info["trunk"], self.bottleneck, width)
        if "gain" in arrays:
            self.gain_, self.mixing_ = arrays["gain"], arrays["mixing"]
            lead = "reading."
            parts = {k.removeprefix(lead): v for k, v in arrays.items() if k.startswith(lead)}
            self.reading_ = Reading.restored(parts)
            count = range(len(self.classes_))
            self.templates_ = [Template(arrays[f"template.{i}"]) for i in count]
