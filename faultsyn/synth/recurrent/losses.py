"""TimeGAN's losses, with the weights of the authors' code.

Yoon, Jarrett & van der Schaar (NeurIPS 2019), eq. 7 to 9, and the moments of the code:

    reconstruction  L_R = |x - x~|^2                   supervised  L_S = |h_{t+1} - s(h_t)|^2
    embedding phase    10 sqrt(L_R), jointly + 0.1 L_S
    generator          L_U + L_U(before the supervisor) + 100 sqrt(L_S) + 100 L_V
    discriminator      L_U, left alone while it is below 0.15
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

_TINY = 1e-6
_GOOD_ENOUGH = 0.15


def root(loss: Tensor) -> Tensor:
    """A square root whose slope at zero is finite."""
    return (loss + _TINY**2).sqrt()


def reconstruction(x: Tensor, made: Tensor) -> Tensor:
    """10 sqrt(L_R)."""
    return 10 * root(mse_loss(made, x))


def supervised(code: Tensor, said: Tensor) -> Tensor:
    """L_S of codes `(n, S, hidden)` and what the supervisor says of the step after each."""
    return mse_loss(said[:, :-1], code[:, 1:])


def moments(x: Tensor, made: Tensor) -> Tensor:
    """L_V: errors of the mean and deviation over the batch, of every value of every step."""
    spread = [(y.var(dim=0, correction=0) + _TINY).sqrt() for y in (x, made)]
    level = [y.mean(dim=0) for y in (x, made)]
    return (spread[1] - spread[0]).abs().mean() + (level[1] - level[0]).abs().mean()


def generator_loss(
    fake: Tensor, drafted: Tensor, code: Tensor, said: Tensor, x: Tensor, made: Tensor
) -> Tensor:
    """Of the generator and the supervisor.

    - `fake`, `drafted`: logits of the discriminator for imagined codes, after and before the
      supervisor; `code`, `said`: see `supervised`; `x`, `made`: real and imagined windows.
    """
    adversarial = sum(
        binary_cross_entropy_with_logits(y, torch.ones_like(y)) for y in (fake, drafted)
    )
    return adversarial + 100 * root(supervised(code, said)) + 100 * moments(x, made)


def discriminator_loss(real: Tensor, fake: Tensor, drafted: Tensor) -> Tensor:
    """Of the discriminator, from its logits; without slope once it is good enough."""
    loss = binary_cross_entropy_with_logits(real, torch.ones_like(real))
    for logits in (fake, drafted):
        loss = loss + binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))
    return loss if float(loss.detach()) > _GOOD_ENOUGH else 0.0 * loss
