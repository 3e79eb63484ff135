"""FaultDiffusion for vibration: a frozen network that knows bearings, adapted to a few shots.

After Xu et al., "FaultDiffusion", arXiv 2511.15174: what is general is learnt where data abound and
frozen; a small adapter learns the difference from K shots. Ours departs from it where vibration
asks for it: the trunk is a U-Net that is told where strikes fall (the skeleton), pretrained on
simulated machines instead of healthy records, in the form of EDM with a deterministic second-order
sampler; sampling starts from what regression on the shots says repeats from strike to strike; fault
and normal denoiser are told apart by a guidance weight that is calibrated on the shots; and there
is no loss for diversity, which bought nothing here. Torch is imported when something is learnt or
drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.cycle_bootstrap import CycleBootstrap
from faultsyn.synth.diffusion.blend import blended, mixing, operating, standardised
from faultsyn.synth.diffusion.calibrate import GUIDANCE, calibrated, envelope_line
from faultsyn.synth.diffusion.reading import Readable, Reading, read, tell
from faultsyn.synth.diffusion.skeleton import Rhythm
from faultsyn.synth.diffusion.template import Template, learn, sharpened
from faultsyn.synth.diffusion.vibration_settings import VibrationSettings
from faultsyn.synth.equaliser import apply_gain, matching_gain, mean_psd
from faultsyn.windows import NORMAL, WindowSet

if TYPE_CHECKING:
    from faultsyn.neural import Checkpoint
    from faultsyn.synth.diffusion.vibration_model import VibrationModel
    from faultsyn.synth.private.step import Units

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PILOT = 24 * 1024
"""Samples drawn to calibrate on; in 6 windows at least and 24 at most."""
HELD_OUT_FROM = 10
"""Shots of each class from which on a fifth of them only decides when to stop."""
TOLERANCE = 0.01
"""How far (a share) a fault period may lie from its nominal one."""
_PUBLIC = "how many units there are"


class FaultDiffusionVibration(VibrationSettings):
    """Windows of a fault, denoised from noise along a skeleton of strikes.

    Its settings are those of `VibrationSettings`.

    A window takes condition and level from one shot (`source`), moved towards others.
    Raises `InputError` on windows of fewer than 128 samples.
    """

    name = "faultdiffusion-vibration"
    needs = frozenset({"rpm"})

    model_: VibrationModel
    reading_: Reading
    templates_: list[Template]
    mixing_: Floats
    guidance_: Floats
    gain_: Floats

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

        readable = Readable(normal, self.orders, TOLERANCE, self.name)
        readable.read(np.zeros(1, np.intp))  # windows that are too short are refused at once
        private = self._private

        def protect(batch: int, weights: int) -> Units:
            assert private is not None
            who, steps = f"{self.name}, pretraining", self.pretrain_steps
            units, claim = private.units(normal, batch, steps, weights, _PUBLIC, who)
            self.privacy_ = {**self.privacy_, "pretrain": claim} if claim else self.privacy_
            return units[NORMAL]

        self.model_, history = VibrationModel.pretrained(
            readable if self.pretrain_on == "normal" else None,
            self.shape_[1],
            self.pretrain_steps,
            rng if private is None else private.budget.rng(rng),
            self.name,
            self.progress,
            self._checkpoint("pretrain"),
            None if private is None else protect,
        )
        # The curve is that of the windows themselves, without noise.
        if private is None:
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
                rng=rng,
                what=self.name,
                progress=self.progress,
                checkpoint=self._checkpoint("adapt"),
            )
            self.curves_ = {**self.curves_, "adapt": history.as_json()}
        self._calibrate(rng)

    def _take_apart(self, whole: Reading) -> None:
        """Templates of each class, and sharper places of strikes in the shots."""
        self.reading_ = whole
        self.templates_ = []
        for label in self.classes_:
            rows = self._rows(label)
            mine = whole.take(rows)
            template, rhythm = learn(mine.x, mine.rhythm, self.harmonics)
            whole.put(rows, mine.at(rhythm))
            self.templates_.append(template)
        mixings = [mixing(whole.x[self._rows(label)]) for label in self.classes_]
        plain = np.eye(self.shape_[0])
        self.mixing_ = np.stack(mixings if self.cross_channel else [plain] * len(mixings))

    def _calibrate(self, rng: np.random.Generator) -> None:
        """Guidance and filter of each class, from its shots alone."""
        count = len(self.classes_)
        gains = [np.ones((self.shape_[0], 1))] * count
        self.guidance_ = np.full(count, 1.0 if self.guidance is None else self.guidance)
        for at, label in enumerate(self.classes_):
            shots, seed = self.reading_.x[self._rows(label)], int(rng.integers(2**62))
            made = None
            if self.guidance is None:
                made = self._guided(at, shots, seed)
            elif self.equalise:
                made = self._pilots(at, self.guidance, seed)
            if self.equalise and made is not None:
                gains[at] = matching_gain(mean_psd(shots, self.rate_), mean_psd(made, self.rate_))
        self.gain_ = np.stack(gains)

    def _guided(self, at: int, shots: Floats, seed: int) -> Floats:
        """Set the guidance of a class; the pilots drawn nearest to it."""
        period = self.reading_.rhythm.period[self._rows(self.classes_[at])].mean()
        wanted = envelope_line(shots, period)
        plain = self._pilots(at, GUIDANCE[0], seed)
        line = envelope_line(plain, period)
        if line >= wanted:  # More of it would only overshoot.
            return plain
        guided = self._pilots(at, GUIDANCE[1], seed)
        self.guidance_[at] = calibrated(line, envelope_line(guided, period), wanted)
        return guided if self.guidance_[at] > np.mean(GUIDANCE) else plain

    def _pilots(self, at: int, weight: float, seed: int) -> Floats:
        """Windows of a class to calibrate on, drawn with a weight of guidance, which stays set.

        Equal seeds give windows that differ by the weight alone.
        """
        rng = np.random.default_rng(seed)
        self.guidance_[at] = weight
        count = int(np.clip(PILOT // self.shape_[1], 6, 24))
        source = self._draw(count, rng, self.classes_[at])
        made, *_ = self._unit(source, self.reading_.rhythm.shaft[source], rng)
        return standardised(made)

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
        at = self.classes_.index(label)
        template = self.templates_[at]
        look = blended(self.reading_, self._rows(label), source, rng)
        start, rhythm = None, self._new_rhythm(source, shaft, rng)
        if self.start == "cycle-bootstrap":
            start, rhythm = self._bootstrapped(label, n, template, rng)
        elif self.start == "template" and template.responses.size:
            start = template.mean(rhythm, n_samples)
        asked = Situation(
            rhythm.guides(n_samples).astype(np.float32),
            tell(self.reading_.kind[source], rhythm, look.figures),
            self._condition(source, shaft),
            self.mixing_[at],
            start,
        )
        sampler = Sampler(self.sampler_steps, self.start_sigma, float(self.guidance_[at]))
        return self.model_.sample(asked, sampler, rng), look.mean, look.rms

    def _new_rhythm(self, source: Rows, shaft: Floats, rng: np.random.Generator) -> Rhythm:
        """Strikes and shaft from a random place on, at other speeds if asked for."""
        own = self.reading_.rhythm.take(source)
        slower = np.where(np.isfinite(own.shaft), shaft / own.shaft, 1.0)
        phase = rng.random(len(source)) * np.nan_to_num(own.period)
        angle = rng.uniform(0, 2 * np.pi, len(source))
        seed = int(rng.integers(2**31))
        return Rhythm(own.period * slower, shaft, phase, angle, self.slip, seed)

    def _bootstrapped(
        self, label: str, n: int, template: Template, rng: np.random.Generator
    ) -> tuple[Floats, Rhythm]:
        """Cycle-bootstrap windows at unit RMS, and their rhythm."""
        made = CycleBootstrap(self.orders).adapt(self.shots_.of(label), rng).sample(n, rng)
        found = read(made, self.orders, TOLERANCE, self.name)
        return found.x, sharpened(template, found.x, found.rhythm)

    def _condition(self, source: Rows, shaft: Floats) -> NDArray[np.float32]:
        """What adapters are told, `(n, C, .)`; see `operating`."""
        classes = np.eye(len(self.classes_))[self._codes()[source]]
        log_shaft = np.log(self.reading_.rhythm.shaft)
        return operating(self.shots_, classes, source, np.log(shaft), log_shaft)

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
        from faultsyn.neural import Checkpoint

        folder = self._folder(step)
        return None if folder is None else Checkpoint(folder)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if hasattr(self, "model_"):
            arrays |= self.model_.arrays()
            info["trunk"] = self.model_.about()
        if hasattr(self, "gain_"):
            arrays |= {"gain": self.gain_, "mixing": self.mixing_, "guidance": self.guidance_}
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
            self.guidance_ = arrays["guidance"]
            lead = "reading."
            parts = {k.removeprefix(lead): v for k, v in arrays.items() if k.startswith(lead)}
            self.reading_ = Reading.restored(parts)
            count = range(len(self.classes_))
            self.templates_ = [Template(arrays[f"template.{i}"]) for i in count]
