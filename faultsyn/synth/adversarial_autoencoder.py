"""An adversarial autoencoder, told the fault class.

Makhzani, Shlens, Jaitly, Goodfellow & Frey, "Adversarial Autoencoders" (ICLR workshop 2016), in its
supervised form (section 4). The parts are in `faultsyn/synth/autoencoder/adversarial.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from faultsyn.synth.autoencoder.generator import AutoencoderGenerator

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


@dataclass(kw_only=True, eq=False, repr=False)
class AAE(AutoencoderGenerator):
    """Convolutional supervised adversarial autoencoder.

    - `adversarial_rate`: learning rate of discriminator and regularisation, as a share of the
      others'.

    Other settings as in `AutoencoderGenerator`; each of the `steps` is three updates.
    """

    name: ClassVar[str] = "adversarial-autoencoder"

    adversarial_rate: float = 0.5

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.adversarial_rate > 0, "adversarial_rate", "a number > 0")

    def _network(self, layout: Layout, classes: int) -> Autoencoder:
        from faultsyn.synth.autoencoder.adversarial import AdversarialAutoencoder  # torch, heavy

        return AdversarialAutoencoder(layout, self.latent, classes, self.adversarial_rate)
