"""DP-SGD: gradients that show of every unit at most so much, under noise.

Abadi et al., "Deep learning with differential privacy" (CCS 2016), algorithm 1: every unit is in a
step with the same small probability (Poisson sampling), its gradient is clipped to a norm C, and
the sum gets Gaussian noise of deviation sigma C. Clipping and noise are opacus's (Yousefpour et
al., 2021); gradients of single units come from `torch.func`, which takes any network of this
package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from faultsyn.errors import InputError

Network = Callable[..., Tensor]


class PrivateLoss(Protocol):
    """A loss that is a sum over units, each of which depends on one unit and the weights alone.

    What couples the units of a batch (batch normalisation, distances between windows of a batch)
    has no place in it: clipping one unit's gradient would not bound that unit's influence.

    - `units`: how many there are.
    """

    units: int

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """What the loss of each chosen unit `(m,)` needs, tensors `(m, ...)`."""
        ...

    def loss(self, network: Network, *drawn: Tensor) -> Tensor:
        """Scalar loss of one unit; `network` is the player, called as its `forward`."""
        ...


@dataclass(frozen=True)
class Privately:
    """How a turn is trained privately.

    - `noise`: sigma, the noise multiplier; 0: clipped, sampled, but not noised.
    - `clip`: C. `rate`: probability of a unit to be in a step.
    """

    noise: float
    clip: float
    rate: float

    def __post_init__(self) -> None:
        if self.noise < 0 or not self.clip > 0 or not 0 < self.rate <= 1:
            raise InputError(
                "private training: expected noise >= 0, clip > 0 and rate from 0 to 1, got "
                f"{self.noise}, {self.clip} and {self.rate}"
            )


def private_gradients(
    player: nn.Module,
    optimiser: torch.optim.Optimizer,
    loss: PrivateLoss,
    how: Privately,
    generator: torch.Generator,
) -> float:
    """Put the noisy gradient of one step into the player's parameters; mean loss of the units.

    The loss is not private: whoever publishes it gives away more than the weights do.

    Raises `InputError` where opacus is not installed.
    """
    chosen = torch.nonzero(torch.rand(loss.units, generator=generator) < how.rate)[:, 0]
    parameters = {n: p for n, p in player.named_parameters() if p.requires_grad}
    if len(chosen):
        grads, values = _of_each(player, parameters, loss, loss.draw(chosen, generator))
    else:
        grads = {n: p.new_zeros((0, *p.shape)) for n, p in parameters.items()}
        values = torch.zeros(1)
    private = _optimiser(optimiser, how, how.rate * loss.units, generator)
    private.zero_grad()
    for name, parameter in parameters.items():
        parameter.grad_sample = grads[name]  # type: ignore[attr-defined]
    private.pre_step()
    for parameter in parameters.values():
        parameter.grad_sample = parameter.summed_grad = None  # type: ignore[attr-defined]
    return float(values.mean())


def _of_each(
    player: nn.Module,
    parameters: Mapping[str, Tensor],
    loss: PrivateLoss,
    drawn: tuple[Tensor, ...],
) -> tuple[dict[str, Tensor], Tensor]:
    """Gradient and loss of every unit, each with the units as first axis."""
    held = {n: p.detach() for n, p in parameters.items()}

    def of_one(weights: dict[str, Tensor], *one: Tensor) -> Tensor:
        def network(*inputs: Any, **options: Any) -> Tensor:
            made: Tensor = functional_call(player, weights, inputs, options)
            return made

        return loss.loss(network, *one)

    # The fused attention has no rule for vmap.
    with sdpa_kernel(SDPBackend.MATH):
        over = (None, *(0 for _ in drawn))
        grads, values = vmap(grad_and_value(of_one), in_dims=over)(held, *drawn)
    return {name: grad.detach() for name, grad in grads.items()}, values.detach()


def _optimiser(
    optimiser: torch.optim.Optimizer, how: Privately, expected: float, generator: torch.Generator
) -> Any:
    try:
        from opacus.optimizers import DPOptimizer
    except ImportError:
        raise InputError(
            "private training needs opacus, which is not installed",
            "pip install 'faultsyn[privacy]'",
        ) from None
    return DPOptimizer(
        optimiser,
        noise_multiplier=how.noise,
        max_grad_norm=how.clip,
        expected_batch_size=expected,
        generator=generator,
    )
