"""Lessons of the private autoencoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from faultsyn.synth.private.lessons import Protected
from faultsyn.synth.private.networks import Coder, Maker


def evidence(
    coder: Coder,
    decoder: Maker,
    rows_of: Callable[[Tensor], Tensor],
    count: int,
    batch: int,
    beta: float,
) -> Callable[[torch.Generator], Tensor]:
    """The negative evidence bound on batches of rows, with decoder noise of unit size.

    - `rows_of`: gives the rows `(batch, d)` of which it is handed the numbers, 0 to `count` - 1.

    Kingma and Welling, "Auto-encoding variational Bayes" (ICLR 2014), eq. 10.
    """

    def loss(generator: torch.Generator) -> Tensor:
        drawn = rows_of(torch.randint(count, (batch,), generator=generator))
        mean, log_variance = coder(drawn)
        noise = torch.randn(mean.shape, generator=generator)
        code = mean + noise * (0.5 * log_variance).exp()
        made = decoder(code, torch.zeros(batch, dtype=torch.long))
        error = 0.5 * (made - drawn).square().sum(dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        bound: Tensor = (error + beta * divergence).mean() / drawn.shape[1]
        return bound

    return loss


class DecoderLesson:
    """The decoder's loss by unit: its window from its code (a `PrivateLoss`)."""

    def __init__(self, protected: Protected, coder: Coder) -> None:
        self._protected, self._coder = protected, coder
        self.units = protected.units

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Code, row and class of each chosen unit."""
        rows, places = self._protected.draw(chosen, generator)
        with torch.no_grad():
            mean, log_variance = self._coder(rows)
        noise = torch.randn(mean.shape, generator=generator)
        code = mean + noise * (0.5 * log_variance).exp().clamp(max=1.0)
        length = code.norm(dim=1, keepdim=True).clamp(min=1e-6)
        return code / length * code.shape[1] ** 0.5, rows, places

    def loss(self, network: Callable[..., Tensor], *drawn: Tensor) -> Tensor:
        """Of one unit: mean squared error of its row."""
        code, row, place = (part[None] for part in drawn)
        return (network(code, place) - row).square().mean()
