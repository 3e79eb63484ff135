"""What the players of a Wasserstein GAN are taught.

The critic f estimates the distance W = E f(x) - E f(G(z)) of real and made windows, which the maker
lowers. f must be 1-Lipschitz: by a penalty on the norm of its gradient between them,

    L = E f(G(z)) - E f(x) + lambda E (||grad f(a x + (1 - a) G(z))|| - 1)^2,   a ~ U(0, 1)

(Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, eq. 3), or by clipping
its weights to [-c, c] (Arjovsky, Chintala & Bottou, "Wasserstein GAN", ICML 2017, algorithm 1).
Both sides of a pair carry the same class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faultsyn.synth.convolutional.adversaries import Adversaries
from faultsyn.synth.gaussian_diffusion.batches import Batches


def gradient_penalty(
    critic: Callable[[Tensor, Tensor], Tensor],
    real: Tensor,
    made: Tensor,
    told: Tensor,
    share: Tensor,
) -> Tensor:
    """Mean over pairs of `(||grad f|| - 1)^2` at `share * real + (1 - share) * made`.

    - `real`, `made`: `(n, C, ...)`; `told`: what the critic is told of each; `share`: `(n,)`, from
      0 to 1.
    """
    weight = share.view(-1, *(1,) * (real.dim() - 1))
    between = (weight * real + (1 - weight) * made).detach().requires_grad_(True)
    scores = critic(between, told)
    (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    # The root has an infinite slope at zero, where a critic that is still flat stands.
    norm = (slope.flatten(1).square().sum(dim=1) + 1e-12).sqrt()
    return (norm - 1).square().mean()


def clip_weights(critic: nn.Module, limit: float) -> None:
    """Bring every weight into `[-limit, limit]`."""
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.clamp_(-limit, limit)


@dataclass(frozen=True)
class Lessons:
    """Losses of both players on batches of real windows.

    - `represent`: turns windows `(n, C, T)` into what the players see.
    - `penalty`: lambda; 0: none.
    """

    players: Adversaries
    batches: Batches
    represent: Callable[[Tensor], Tensor]
    penalty: float

    def critic(self, generator: torch.Generator) -> Tensor:
        """The critic's loss on one batch."""
        windows, told = self.batches.draw(generator)
        with torch.no_grad():
            real = self.represent(windows)
            made = self.players.maker(self._noise(len(real), real, generator), told)
        judge = self.players.critic
        scores = judge(torch.cat([made, real]), torch.cat([told, told]))
        loss: Tensor = scores[: len(made)].mean() - scores[len(made) :].mean()
        if self.penalty:
            share = torch.rand(len(real), generator=generator).to(real)
            loss = loss + self.penalty * gradient_penalty(judge, real, made, told, share)
        return loss

    def maker(self, generator: torch.Generator) -> Tensor:
        """The maker's loss on as many windows, of classes drawn as for real ones."""
        windows, told = self.batches.draw(generator)
        made = self.players.maker(self._noise(len(told), windows, generator), told)
        loss: Tensor = -self.players.critic(made, told).mean()
        return loss

    def _noise(self, n: int, like: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.players.sizes.noise, generator=generator).to(like)
