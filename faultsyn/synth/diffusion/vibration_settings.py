"""The settings of FaultDiffusion's vibration route, and their check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from faultsyn.synth.fault_rate import check_orders
from faultsyn.synth.private.step import PrivateStep, seeded_steps
from faultsyn.synth.shots import ShotGenerator

PretrainOn = Literal["shipped", "simulator", "normal"]
Start = Literal["template", "cycle-bootstrap", "noise"]


@dataclass(kw_only=True, eq=False, repr=False)
class VibrationSettings(ShotGenerator):
    """What `FaultDiffusionVibration` can be told.

    Training:

    - `orders`: strikes per revolution by label, for faults that the `bearing` column cannot tell.
      Where neither tells, or rpm is NaN, there is no skeleton and rhythms are copied less well.
    - `pretrain_on`: "shipped" takes the trunk of the package (nothing of `normal` is used);
      "simulator" trains one on simulated machines in `pretrain`, "normal" on the normal windows,
      both for `pretrain_steps`.
    - `privacy`: `{pretrain: ...}`, the settings of a `PrivateStep`: a trunk trained on normal
      windows learns them by DP-SGD, `privacy_` states what holds for them. Nothing hides the shots.
    - `steps`, `batch`, `learning_rate`, `bottleneck`: of the adapters. With ten shots of each class
      or more a fifth is held out and decides when to stop.

    Drawing:

    - `sampler_steps`: Heun steps.
    - `start`: "template", what repeats from strike to strike (`template.py`, with `harmonics` of
      the shaft, fewer where shots are few), noised to `start_sigma`; "cycle-bootstrap" windows,
      noised likewise; or "noise" alone, as where there is no template.
    - `guidance`: w in D = D_n + w (D_f - D_n), D_n the trunk without fault; 1: without D_n. None:
      for each class the one whose windows have the envelope line of its shots, from 1 to 1.5.
    - `slip`: deviation of each period, as a share of it.
    - `cross_channel`: noise with the shots' correlation of channels at lag zero. Else what channels
      share is the template, the skeleton, the shaft angle and their levels.
    - `equalise`: match the shots' power spectral density, by one zero-phase filter per class.
    - `rpm`: (low, high), speeds to draw from; None: those of the shots. Resonances stay, strikes
      and shaft follow.
    """

    orders: Mapping[str, float] | None = None
    pretrain_on: PretrainOn = "shipped"
    pretrain_steps: int = 400
    privacy: Mapping[str, Mapping[str, Any]] | None = None
    steps: int = 140
    batch: int = 6
    learning_rate: float = 1e-2
    bottleneck: int = 16
    sampler_steps: int = 8
    start: Start = "template"
    start_sigma: float = 2.5
    harmonics: int = 2
    guidance: float | None = None
    slip: float = 0.001
    cross_channel: bool = True
    equalise: bool = True
    rpm: Sequence[float] | None = None

    @classmethod
    def repeatable(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` with noise from the seed in a private step that does not say whence."""
        return seeded_steps(config)

    def check_config(self) -> None:
        """Raise `InputError` on a setting out of range."""
        super().check_config()
        check_orders(self.orders, self.name)
        places = ("shipped", "simulator", "normal")
        self._require(self.pretrain_on in places, "pretrain_on", f"one of {places}")
        starts = ("template", "cycle-bootstrap", "noise")
        self._require(self.start in starts, "start", f"one of {starts}")
        self._require_whole("pretrain_steps", "batch", "bottleneck", "sampler_steps")
        self._require_whole("steps", "harmonics", least=0)
        for key in ("learning_rate", "start_sigma"):
            self._require(getattr(self, key) > 0, key, "a number > 0")
        self._require(self.guidance is None or self.guidance > 0, "guidance", "null or > 0")
        self._require(0 <= self.slip <= 0.1, "slip", "0 to 0.1")
        fine = self.rpm is None or (len(self.rpm) == 2 and 0 < self.rpm[0] <= self.rpm[1])
        self._require(fine, "rpm", "(low, high) in revolutions per minute")
        moves = self.rpm is None or self.start != "cycle-bootstrap"
        self._require(moves, "start", "not periods of shots, which keep their speed, with rpm set")
        self._require(
            "adapt" not in (self.privacy or {}),
            "privacy",
            "of pretrain alone (windows start from what repeats in the shots and keep their levels "
            "and rhythm: noise on the adapters' gradients would hide none of that)",
        )
        self._require(
            self._private is None or self.pretrain_on == "normal",
            "pretrain_on",
            "normal, with privacy (the shipped and the simulated trunk have seen no recording)",
        )

    @property
    def _private(self) -> PrivateStep | None:
        """How the trunk is trained privately, None where it is not."""
        return PrivateStep.of(self.privacy, "pretrain", ("pretrain",), self.name)
