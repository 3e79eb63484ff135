"""DP2-VAE: an encoder learnt first and without noise, then a fresh decoder learnt privately.

Jiang, Zhang, Karami, Chen, Shao and Yu, "DP²-VAE: differentially private pre-trained variational
autoencoders" (2022): two stages. The encoder is never published, so the budget goes to the decoder
alone, which is initialised anew and trained by DP-SGD on codes of the frozen encoder.

Ours differs where it matters: the paper pretrains the encoder on the private data. One window then
moves the codes of all the others, and clipping single gradients no longer bounds what it changes.
Here the encoder learns from healthy windows, which are public, and the statement holds as it
stands. Codes of faults are brought to the length that codes of the prior have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.privacy.accountant import Ledger
from faultsyn.synth.private.base import PrivateGenerator
from faultsyn.windows import WindowSet

if TYPE_CHECKING:
    import torch

    from faultsyn.synth.private.lessons import Protected
    from faultsyn.synth.private.networks import Coder


@dataclass(kw_only=True, eq=False, repr=False)
class DP2VAE(PrivateGenerator):
    """DP2-VAE with a public encoder.

    - `clip`: largest norm of one unit's gradient.
    - `pretrain_steps`: of encoder and first decoder on healthy windows; `steps`: of the decoder on
      the shots, each paid for; `batch`: windows or units in a step.
    - `beta`: weight of the divergence in the first stage.

    Other settings as in `PrivateGenerator`.
    """

    name: ClassVar[str] = "dp2-vae"

    latent: int = 8
    learning_rate: float = 2e-3
    clip: float = 0.5
    pretrain_steps: int = 300
    beta: float = 1.0

    coder_: Coder = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("pretrain_steps", least=0)
        self._require(self.clip > 0, "clip", "a number > 0")
        self._require(self.beta >= 0, "beta", "a number >= 0")

    def _learn_public(self, normal: WindowSet, rng: np.random.Generator) -> None:
        import torch
        from torch import nn

        from faultsyn.neural import Recipe, seeded, torch_generator, train
        from faultsyn.synth.private.autoencoding import evidence
        from faultsyn.synth.private.networks import Maker

        def rows_of(rows: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(self._rows(normal.take(rows.numpy())))

        generator, size = torch_generator(rng), self.shape_[0] * self.shape_[1]
        self.coder_ = seeded(self._coder, generator)
        decoder = seeded(lambda: Maker(self.latent, 1, self.width, size), generator)
        loss = evidence(self.coder_, decoder, rows_of, len(normal), self.batch, self.beta)
        recipe = Recipe(self.pretrain_steps, self.learning_rate, weight_decay=0.0)
        both = nn.ModuleList([self.coder_, decoder])
        history = train(both, loss, generator, recipe, f"{self.name}, encoder")
        self.curves_ = {"pretrain": history.as_json()}

    def _learn(
        self, protected: Protected, generator: torch.Generator
    ) -> tuple[Ledger, dict[str, Any]]:
        from faultsyn.neural import Privately, Recipe, Turn, train
        from faultsyn.synth.private.autoencoding import DecoderLesson

        rate = protected.rate(self.batch)

        def spend(noise: float) -> Ledger:
            return Ledger().subsampled(noise, rate, self.steps)

        noise = self.budget.noise(spend, self.name)
        lesson = DecoderLesson(protected, self.coder_)
        private = Privately(noise, self.clip, rate)
        turns = [Turn("decoder", self.maker_, lesson, private=private)]
        recipe = Recipe(self.steps, self.learning_rate, weight_decay=0.0, ema=0.95)
        train(self.maker_, turns, generator, recipe, self.name, progress=self.progress)
        told = {"noise multiplier": round(noise, 4), "clip": self.clip, "steps": self.steps}
        told["sampling rate"] = round(rate, 6)
        return (spend(noise) if noise else Ledger()), told

    def _coder(self) -> Coder:
        from faultsyn.synth.private.networks import Coder

        return Coder(self.shape_[0] * self.shape_[1], self.latent, self.width)

    def _public_state(self) -> dict[str, NDArray[Any]]:
        from faultsyn.neural import to_arrays

        return to_arrays("coder.", self.coder_.state_dict())

    def _put_public(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        from faultsyn.neural import from_arrays

        self.coder_ = self._coder()
        self.coder_.load_state_dict(from_arrays("coder.", arrays))
        self.coder_.eval()
