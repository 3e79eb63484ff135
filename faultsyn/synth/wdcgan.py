"""Wasserstein deep convolutional GAN, on signals, their spectra, or grey images of them.

DCGAN's convolutions with batch normalisation in the maker (Radford, Metz & Chintala, ICLR 2016)
under the Wasserstein loss (Arjovsky, Chintala & Bottou, ICML 2017; penalty: Gulrajani et al.,
NeurIPS 2017), as it is used on imbalanced machine data: on time signals, on frequency-domain
signals, and on 2-D grey images of the signal. One network for all classes, as of `cwgan` (ours): a
network for each class would see K windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

from faultsyn.synth.convolutional.generator import AdversarialGenerator
from faultsyn.synth.convolutional.kinds import Kind

if TYPE_CHECKING:
    from faultsyn.synth.convolutional.model import Settings


@dataclass(kw_only=True, eq=False, repr=False)
class WDCGAN(AdversarialGenerator):
    """WDCGAN in three representations.

    - `representation`: "time": the samples; "frequency": real and imaginary parts of the spectrum;
      "image": the signal row by row as a grey image, two-dimensional convolutions. All are undone
      exactly, up to rounding.

    Other settings as in `AdversarialGenerator`. Shifts are those of the signal, whatever is seen of
    it.
    """

    name: ClassVar[str] = "wdcgan"

    representation: Kind = "time"

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        known = get_args(Kind)
        self._require(self.representation in known, "representation", " or ".join(known))
        # Batch normalisation of one window is nothing.
        self._require(self.batch >= 2, "batch", "an integer >= 2")

    def _settings(self) -> Settings:
        return self._wasserstein(self.representation, "batch")
