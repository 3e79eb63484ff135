"""DP-CGAN: a conditional GAN whose judge of real windows is trained under clipping and noise.

Torkzadehmahani, Kairouz and Paten, "DP-CGAN: differentially private synthetic data and label
generation" (CVPR workshops 2019), on Mirza and Osindero's conditional GAN (2014). Only the judge
sees real windows; it is trained by DP-SGD (Abadi et al., CCS 2016), so whatever the maker learns
from it is private too. They clip the judge's gradients on real and on made windows apart and track
the budget by the moments accountant; here a unit's gradient is that of its own window and of one
made beside it, clipped as one, which bounds the same thing, and the ledger composes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from faultsyn.privacy.accountant import Ledger
from faultsyn.synth.private.base import PrivateGenerator

if TYPE_CHECKING:
    import torch

    from faultsyn.synth.private.lessons import Protected


@dataclass(kw_only=True, eq=False, repr=False)
class DPCGAN(PrivateGenerator):
    """DP-CGAN.

    - `clip`: largest norm of one unit's gradient.
    - `steps`: of judge and maker each; every step of the judge is paid for. `batch`: units in a
      step on average.
    - `average`: decay of the average of the maker's weights, which is what is kept (ours: of the
      maker's last weights, with a judge that never settles, few classes come out).

    Other settings as in `PrivateGenerator`.
    """

    name: ClassVar[str] = "dp-cgan"

    clip: float = 0.5
    average: float = 0.99

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.clip > 0, "clip", "a number > 0")
        self._require(0 < self.average < 1, "average", "between 0 and 1")

    def _learn(
        self, protected: Protected, generator: torch.Generator
    ) -> tuple[Ledger, dict[str, Any]]:
        from torch import nn

        from faultsyn.neural import Privately, Recipe, Turn, seeded, train
        from faultsyn.synth.private.adversarial import JudgeLesson, maker_loss
        from faultsyn.synth.private.networks import Judge

        size, classes = protected.rows.shape[1], len(self.classes_)
        judge = seeded(lambda: Judge(size, classes, self.width), generator)
        rate = protected.rate(self.batch)

        def spend(noise: float) -> Ledger:
            return Ledger().subsampled(noise, rate, self.steps)

        noise = self.budget.noise(spend, self.name)
        lesson = JudgeLesson(protected, self.maker_, self.latent)
        turns = (
            Turn("judge", judge, lesson, private=Privately(noise, self.clip, rate)),
            Turn(
                "maker",
                self.maker_,
                maker_loss(self.maker_, judge, self.latent, classes, self.batch),
            ),
        )
        recipe = Recipe(
            self.steps,
            self.learning_rate,
            weight_decay=0.0,
            betas=(0.5, 0.9),
            decay="constant",
            ema=self.average,
        )
        both = nn.ModuleList([self.maker_, judge])
        train(both, turns, generator, recipe, self.name, progress=self.progress)
        told = {"noise multiplier": round(noise, 4), "clip": self.clip, "steps": self.steps}
        told["sampling rate"] = round(rate, 6)
        return (spend(noise) if noise else Ledger()), told
