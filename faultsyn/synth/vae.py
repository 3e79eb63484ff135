"""A variational autoencoder, told the fault class.

Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014); the weight of the divergence is
beta-VAE's (Higgins et al., ICLR 2017); conditional after Sohn, Lee & Yan (NeurIPS 2015), with a
decoder whose noise is measured (Rybkin et al., ICML 2021). The parts are in
`faultsyn/synth/autoencoder/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faultsyn.synth.autoencoder.generator import AutoencoderGenerator
from faultsyn.synth.conditional import Scaling

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


class VAE(AutoencoderGenerator):
    """Convolutional conditional VAE.

    - `scaling`: see `ConditionalGenerator`.
    - `width`: channels of the first stage; `latent`: length of a code.
    - `beta`: weight of the divergence; above 1 codes say less, and separately.
    - `noise`: windows get the white noise that the decoder leaves unexplained, each channel its
      own size; without it they are means, smoother than real ones.
    - `normals`: normal windows as a class beside the faults'.
    - `steps`, `batch`, `learning_rate`: of Adam, every class drawn equally often.
    - `shifts`: random circular shifts in training, for stationary signals.
    """

    name = "vae"

    def __init__(
        self,
        scaling: Scaling = "normal",
        width: int = 32,
        latent: int = 16,
        beta: float = 1.0,
        noise: bool = True,
        normals: bool = True,
        steps: int = 800,
        batch: int = 64,
        learning_rate: float = 1e-3,
        shifts: bool = False,
    ) -> None:
        self.scaling = scaling
        self.width = width
        self.latent = latent
        self.beta = beta
        self.noise = noise
        self.normals = normals
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.shifts = shifts

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.beta >= 0, "beta", "a number >= 0")

    def _network(self, layout: Layout, classes: int) -> Autoencoder:
        from faultsyn.synth.autoencoder.networks import Variational  # torch, which is heavy

        return Variational(layout, self.latent, classes, self.beta, self.noise)
