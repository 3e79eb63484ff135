"""TimeVAE: a variational autoencoder that builds windows from trend, seasons and what is left.

Desai, Freeman, Wang & Beaver, "TimeVAE: A Variational Auto-Encoder for Multivariate Time Series
Generation" (arXiv 2111.08095, 2021). The class joins the code (ours); the parts are in
`faultsyn/synth/autoencoder/time_variational.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faultsyn.synth.autoencoder.generator import AutoencoderGenerator
from faultsyn.synth.conditional import Scaling

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


class TimeVAE(AutoencoderGenerator):
    """TimeVAE, told the class.

    - `scaling`: see `ConditionalGenerator`.
    - `width`: channels of the first stage (the authors' 50); `latent`: length of a code (8).
    - `trend_degree`: of the polynomial (2); `seasons`: pairs of a number of seasons and the samples
      of each, such as [7, 1] for the days of a week; none by default, as in the authors' code.
    - `reconstruction_weight`: of the squared error (3).
    - `noise`: windows get the white noise that is left unexplained (ours; the authors take means).
    - `normals`: normal windows as a class beside the faults' (ours).
    - `steps`, `batch`, `learning_rate`: of Adam, every class drawn equally often.
    - `shifts`: random circular shifts in training, for stationary signals.
    """

    name = "timevae"

    def __init__(
        self,
        scaling: Scaling = "normal",
        width: int = 50,
        latent: int = 8,
        trend_degree: int = 2,
        seasons: Sequence[tuple[int, int]] = (),
        reconstruction_weight: float = 3.0,
        noise: bool = False,
        normals: bool = False,
        steps: int = 800,
        batch: int = 64,
        learning_rate: float = 1e-3,
        shifts: bool = False,
    ) -> None:
        self.scaling = scaling
        self.width = width
        self.latent = latent
        self.trend_degree = trend_degree
        self.seasons = seasons
        self.reconstruction_weight = reconstruction_weight
        self.noise = noise
        self.normals = normals
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.shifts = shifts

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("trend_degree", least=0)
        self._require(self.reconstruction_weight > 0, "reconstruction_weight", "a number > 0")
        good = all(len(pair) == 2 and min(pair) >= 1 for pair in self.seasons)
        self._require(good, "seasons", "pairs of integers >= 1")

    def _network(self, layout: Layout, classes: int) -> Autoencoder:
        from faultsyn.synth.autoencoder.time_variational import TimeVariational  # torch, heavy

        seasons = [(int(count), int(samples)) for count, samples in self.seasons]
        return TimeVariational(
            layout,
            self.latent,
            classes,
            self.trend_degree,
            seasons,
            self.reconstruction_weight,
            self.noise,
        )
