"""An adversarial autoencoder, told the fault class.

Makhzani, Shlens, Jaitly, Goodfellow & Frey, "Adversarial Autoencoders" (ICLR workshop 2016), in its
supervised form (section 4). The parts are in `faultsyn/synth/autoencoder/adversarial.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faultsyn.synth.autoencoder.generator import AutoencoderGenerator
from faultsyn.synth.conditional import Scaling

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


class AAE(AutoencoderGenerator):
    """Convolutional supervised adversarial autoencoder.

    - `scaling`: see `ConditionalGenerator`.
    - `width`: channels of the first stage; `latent`: length of a code.
    - `normals`: normal windows as a class beside the faults'.
    - `steps`, `batch`: training steps of three updates each, and windows in each update.
    - `learning_rate`: of Adam; `adversarial_rate`: that of discriminator and regularisation as a
      share of it.
    - `shifts`: random circular shifts in training, for stationary signals.
    """

    name = "adversarial-autoencoder"

    def __init__(
        self,
        scaling: Scaling = "normal",
        width: int = 32,
        latent: int = 16,
        normals: bool = True,
        steps: int = 800,
        batch: int = 64,
        learning_rate: float = 1e-3,
        adversarial_rate: float = 0.5,
        shifts: bool = False,
    ) -> None:
        self.scaling = scaling
        self.width = width
        self.latent = latent
        self.normals = normals
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.adversarial_rate = adversarial_rate
        self.shifts = shifts

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.adversarial_rate > 0, "adversarial_rate", "a number > 0")

    def _network(self, layout: Layout, classes: int) -> Autoencoder:
        from faultsyn.synth.autoencoder.adversarial import AdversarialAutoencoder  # torch, heavy

        return AdversarialAutoencoder(layout, self.latent, classes, self.adversarial_rate)
