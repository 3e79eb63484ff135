"""Conditional Wasserstein GAN on signals.

Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, "Improved Training of Wasserstein GANs" (NeurIPS
2017): gradient penalty with lambda 10, five critic steps for one of the maker, Adam with betas 0
and 0.9, no norm over the batch in the critic. The weight clipping of Arjovsky, Chintala & Bottou
(ICML 2017) is a switch. One-dimensional strided convolutions after WaveGAN (Donahue, McAuley &
Puckette, ICLR 2019), conditioned on the fault class (Mirza & Osindero 2014; projection: Miyato &
Koyama, ICLR 2018). See `faultsyn/synth/convolutional/` for the parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faultsyn.synth.conditional import Scaling
from faultsyn.synth.convolutional.generator import AdversarialGenerator

if TYPE_CHECKING:
    from faultsyn.synth.convolutional.model import Settings


class CWGAN(AdversarialGenerator):
    """C-WGAN with gradient penalty.

    - `scaling`: see `ConditionalGenerator`.
    - `width`: channels of the first stage, doubled at each further one up to 128.
    - `latent`: length of the noise vector.
    - `penalty`: lambda; `clip`: largest absolute weight of the critic in place of the penalty (0.01
      in the paper), null: the penalty.
    - `critic_steps`: of the critic for each of the maker.
    - `normals`: whether normal windows are a class beside the faults'.
    - `pretrain_steps`: steps on normal windows alone before the shots; 0: from scratch.
    - `steps`, `batch`: steps on all classes, each drawn equally often, and windows in each.
    - `learning_rate`: of both players; `ema`: decay of the averaged weights.
    - `shifts`: random circular shifts in training, for stationary signals.
    - `envelope`: whether the critic sees the envelope spectrum of a window beside its samples
      (ours): on vibration a fault is a rhythm of strikes, which convolutions take long to find.
    - `seconds`: wall-clock budget of each training; null: none. With one, equal seeds no longer
      promise equal weights.

    Windows of 8 samples and more. What it makes belongs to a class, not to an operating state.
    """

    name = "cwgan"

    def __init__(
        self,
        scaling: Scaling = "normal",
        width: int = 16,
        latent: int = 64,
        penalty: float = 10.0,
        clip: float | None = None,
        critic_steps: int = 5,
        normals: bool = True,
        pretrain_steps: int = 0,
        steps: int = 400,
        batch: int = 16,
        learning_rate: float = 1e-3,
        ema: float = 0.98,
        shifts: bool = False,
        envelope: bool = False,
        seconds: float | None = None,
    ) -> None:
        self.scaling = scaling
        self.width = width
        self.latent = latent
        self.penalty = penalty
        self.clip = clip
        self.critic_steps = critic_steps
        self.normals = normals
        self.pretrain_steps = pretrain_steps
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.ema = ema
        self.shifts = shifts
        self.envelope = envelope
        self.seconds = seconds

    def _settings(self) -> Settings:
        return self._wasserstein("time", "none", envelope=self.envelope)
