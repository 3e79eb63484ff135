"""TimeVAE: a variational autoencoder that builds windows from trend, seasons and what is left.

Desai, Freeman, Wang & Beaver, "TimeVAE: A Variational Auto-Encoder for Multivariate Time Series
Generation" (arXiv 2111.08095, 2021). The class joins the code (ours); the parts are in
`faultsyn/synth/autoencoder/time_variational.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from faultsyn.synth.autoencoder.generator import AutoencoderGenerator

if TYPE_CHECKING:
    from faultsyn.synth.autoencoder.networks import Autoencoder
    from faultsyn.synth.convolutional.layout import Layout


@dataclass(kw_only=True, eq=False, repr=False)
class TimeVAE(AutoencoderGenerator):
    """TimeVAE, told the class.

    - `width`: channels of the first stage (the authors' 50); `latent`: length of a code (8).
    - `trend_degree`: of the polynomial (2); `seasons`: pairs of a number of seasons and the samples
      of each, such as [7, 1] for the days of a week; none by default, as in the authors' code.
    - `reconstruction_weight`: of the squared error (3).
    - `noise`: windows get the white noise that is left unexplained (ours; the authors take means).

    Other settings as in `AutoencoderGenerator`; `normals` are ours.
    """

    name: ClassVar[str] = "timevae"

    width: int = 50
    latent: int = 8
    trend_degree: int = 2
    seasons: Sequence[tuple[int, int]] = ()
    reconstruction_weight: float = 3.0
    noise: bool = False
    normals: bool = False

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
