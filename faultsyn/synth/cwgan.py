"""Conditional Wasserstein GAN on signals.

Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, "Improved Training of Wasserstein GANs" (NeurIPS
2017): gradient penalty with lambda 10, five critic steps for one of the maker, Adam with betas 0
and 0.9, no norm over the batch in the critic. The weight clipping of Arjovsky, Chintala & Bottou
(ICML 2017) is a switch. One-dimensional strided convolutions after WaveGAN (Donahue, McAuley &
Puckette, ICLR 2019), conditioned on the fault class (Mirza & Osindero 2014; projection: Miyato &
Koyama, ICLR 2018). See `faultsyn/synth/convolutional/` for the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from faultsyn.synth.convolutional.generator import AdversarialGenerator

if TYPE_CHECKING:
    from faultsyn.synth.convolutional.model import Settings


@dataclass(kw_only=True, eq=False, repr=False)
class CWGAN(AdversarialGenerator):
    """C-WGAN with gradient penalty.

    - `envelope`: whether the critic sees the envelope spectrum of a window beside its samples
      (ours): on vibration a fault is a rhythm of strikes, which convolutions take long to find.

    Other settings as in `AdversarialGenerator`.
    """

    name: ClassVar[str] = "cwgan"

    envelope: bool = False

    def _settings(self) -> Settings:
        return self._wasserstein("time", "none", envelope=self.envelope)
