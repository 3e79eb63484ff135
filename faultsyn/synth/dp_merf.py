"""DP-MERF: one noisy mean of random features, and a maker that meets it.

Harder, Adamczewski and Park, "DP-MERF: differentially private mean embeddings with random features
for practical privacy-preserving data generation" (AISTATS 2021), eq. 7 to 11: with random Fourier
features phi of norm 1 (Rahimi and Recht, NeurIPS 2007) and the class as a unit vector y,

    mu = (1/n) sum_i phi(x_i) y_i^T + N(0, sigma^2 / n^2)
    min_G || mu - mean phi(G(z, y)) y^T ||^2

The data are looked at once, under the Gaussian mechanism of sensitivity 1; training costs nothing
more, however long it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from faultsyn.privacy.accountant import Ledger
from faultsyn.synth.private.base import PrivateGenerator

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from faultsyn.synth.private.lessons import Protected


@dataclass(kw_only=True, eq=False, repr=False)
class DPMerf(PrivateGenerator):
    """DP-MERF.

    - `frequencies`: random frequencies; twice as many features.
    - `lengths`: of the kernel, shortest and longest, in units of the root of the number of
      dimensions; each frequency's is drawn between the two, so that far classes attract and near
      windows are told apart (ours). Settings, not taken from the data, which would cost privacy.
    - `batch`: made windows of each class in a step.

    A unit of several windows counts as the mean of its own. Other settings as in
    `PrivateGenerator`.
    """

    name: ClassVar[str] = "dp-merf"

    width: int = 100
    steps: int = 600
    batch: int = 64
    frequencies: int = 500
    lengths: Sequence[float] = (0.5, 4.0)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("frequencies")
        good = len(self.lengths) == 2 and 0 < self.lengths[0] <= self.lengths[1]
        self._require(good, "lengths", "two numbers > 0, the shorter first")

    def _learn(
        self, protected: Protected, generator: torch.Generator
    ) -> tuple[Ledger, dict[str, Any]]:
        import torch

        from faultsyn.neural import Recipe, train

        size, classes = protected.rows.shape[1], len(self.classes_)
        low, high = (math.log(length * size**0.5) for length in self.lengths)
        spread = low + (high - low) * torch.rand(self.frequencies, generator=generator)
        frequencies = torch.randn(size, self.frequencies, generator=generator) / spread.exp()
        noise = self.budget.noise(lambda sigma: Ledger().gaussian(sigma), self.name)
        wanted = private_embedding(protected, frequencies, classes, noise, generator)
        place = torch.arange(classes).repeat_interleave(self.batch)

        def loss(generator: torch.Generator) -> Tensor:
            z = torch.randn(len(place), self.latent, generator=generator)
            made = features(self.maker_(z, place), frequencies)
            means = made.view(classes, self.batch, -1).mean(dim=1)
            return (means - wanted).square().sum()

        recipe = Recipe(self.steps, self.learning_rate, weight_decay=0.0)
        history = train(self.maker_, loss, generator, recipe, self.name, progress=self.progress)
        self.curves_ = {**self.curves_, "adapt": history.as_json()}
        return (Ledger().gaussian(noise) if noise else Ledger()), {"noise": round(noise, 4)}


def features(rows: Tensor, frequencies: Tensor) -> Tensor:
    """Random Fourier features `(n, 2 F)`, each of norm 1, of rows `(n, d)`."""
    import torch

    angles = rows @ frequencies
    both = torch.cat([angles.cos(), angles.sin()], dim=1)
    unit: Tensor = both / frequencies.shape[1] ** 0.5
    return unit


def private_embedding(
    protected: Protected,
    frequencies: Tensor,
    classes: int,
    noise: float,
    generator: torch.Generator,
) -> Tensor:
    """Mean features of each class `(classes, 2 F)`, under noise.

    Every unit adds the mean over its windows of features times class vector, of norm 1 at most; the
    sum gets Gaussian noise of deviation `noise` in every entry and is divided by the number of
    units of the class, which is public.
    """
    import torch
    from torch.nn.functional import one_hot

    told = one_hot(protected.places, classes).to(protected.rows)
    share = 1.0 / torch.bincount(protected.unit)[protected.unit].to(protected.rows)
    weighted = told * share[:, None]
    total = weighted.T @ features(protected.rows, frequencies)
    total = total + noise * torch.randn(total.shape, generator=generator)
    mean: Tensor = total / weighted.sum(dim=0)[:, None]
    return mean
