"""Wasserstein deep convolutional GAN, on signals, their spectra, or grey images of them.

DCGAN's convolutions with batch normalisation in the maker (Radford, Metz & Chintala, ICLR 2016)
under the Wasserstein loss (Arjovsky, Chintala & Bottou, ICML 2017; penalty: Gulrajani et al.,
NeurIPS 2017), as it is used on imbalanced machine data: on time signals, on frequency-domain
signals, and on 2-D grey images of the signal. One network for all classes, as of `cwgan` (ours): a
network for each class would see K windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from faultsyn.synth.conditional import Scaling
from faultsyn.synth.convolutional.generator import AdversarialGenerator
from faultsyn.synth.convolutional.kinds import Kind

if TYPE_CHECKING:
    from faultsyn.synth.convolutional.model import Settings


class WDCGAN(AdversarialGenerator):
    """WDCGAN in three representations.

    - `representation`: "time": the samples; "frequency": real and imaginary parts of the spectrum;
      "image": the signal row by row as a grey image, two-dimensional convolutions. All are undone
      exactly, up to rounding.
    - `scaling`, `width`, `latent`, `penalty`, `clip`, `critic_steps`, `normals`, `pretrain_steps`,
      `steps`, `batch`, `learning_rate`, `ema`, `shifts`, `seconds`: see `CWGAN`. Shifts are those
      of the signal, whatever is seen of it.

    Windows of 8 samples and more. What it makes belongs to a class, not to an operating state.
    """

    name = "wdcgan"

    def __init__(
        self,
        representation: Kind = "time",
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
        seconds: float | None = None,
    ) -> None:
        self.representation = representation
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
        self.seconds = seconds

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        known = get_args(Kind)
        self._require(self.representation in known, "representation", " or ".join(known))
        # Batch normalisation of one window is nothing.
        self._require(self.batch >= 2, "batch", "an integer >= 2")

    def _settings(self) -> Settings:
        return self._wasserstein(self.representation, "batch")
