"""A variational autoencoder, told the fault class.

Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014); the weight of the divergence is
beta-VAE's (Higgins et al., ICLR 2017); conditional after Sohn, Lee & Yan (NeurIPS 2015), with a
decoder whose noise is measured (Rybkin et al., ICML 2021). The parts are in
`faultsyn/synth/autoencoder/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from faultsyn.synth.autoencoder.generator import AutoencoderGenerator

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


@dataclass(kw_only=True, eq=False, repr=False)
class VAE(AutoencoderGenerator):
    """Convolutional conditional VAE.

    - `beta`: weight of the divergence; above 1 codes say less, and separately.
    - `noise`: windows get the white noise that the decoder leaves unexplained, each channel its
      own size; without it they are means, smoother than real ones.

    Other settings as in `AutoencoderGenerator`.
    """

    name: ClassVar[str] = "vae"

    beta: float = 1.0
    noise: bool = True

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.beta >= 0, "beta", "a number >= 0")

    def _network(self, layout: Layout, classes: int) -> Autoencoder:
        from faultsyn.synth.autoencoder.networks import Variational  # torch, which is heavy

        return Variational(layout, self.latent, classes, self.beta, self.noise)
