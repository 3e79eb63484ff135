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
from faultsyn.synth.convolutional.representation import Representation
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

    - `view`: turns windows `(n, C, T)` into what the players see, and back.
    - `penalty`: lambda; 0: none.

    Where real windows are shifted in time, made ones are, too (differentiable augmentation: Zhao et
    al., NeurIPS 2020), so that the maker need not learn that a rhythm may start anywhere.
    """

    players: Adversaries
    batches: Batches
    view: Representation
    penalty: float

    def critic(self, generator: torch.Generator) -> Tensor:
        """The critic's loss on one batch."""
        windows, told = self.batches.draw(generator)
        with torch.no_grad():
            real = self.view.apply(windows)
            made = self._made(told, generator)
        judge = self.players.critic
        scores = judge(torch.cat([made, real]), torch.cat([told, told]))
        loss: Tensor = scores[: len(made)].mean() - scores[len(made) :].mean()
        if self.penalty:
            share = torch.rand(len(real), generator=generator).to(real)
            loss = loss + self.penalty * gradient_penalty(judge, real, made, told, share)
        return loss

    def maker(self, generator: torch.Generator) -> Tensor:
        """The maker's loss on as many windows, of classes drawn as for real ones."""
        _, told = self.batches.draw(generator)
        made = self._made(told, generator)
        loss: Tensor = -self.players.critic(made, told).mean()
        return loss

    def _made(self, told: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(told), self.players.sizes.noise, generator=generator).to(told)
        made: Tensor = self.players.maker(noise, told)
        if not self.batches.shifts:
            return made
        return self.view.apply(shifted(self.view.undo(made), generator))


def shifted(windows: Tensor, generator: torch.Generator) -> Tensor:
    """Windows `(n, C, T)`, each rotated by a random number of samples."""
    length = windows.shape[2]
    start = torch.randint(length, (len(windows), 1, 1), generator=generator)
    at = ((torch.arange(length) + start) % length).to(windows.device)
    return torch.gather(windows, 2, at.expand(-1, windows.shape[1], -1))
