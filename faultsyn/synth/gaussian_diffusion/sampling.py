"""From noise to windows: ancestral and accelerated sampling.

`predict(x_t, t)` is a network's estimate of the clean window: `(n, C, T)`, steps `(n,)`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from faultsyn.synth.gaussian_diffusion.schedule import Schedule, wide

Predict = Callable[[Tensor, Tensor], Tensor]


def sampled(
    predict: Predict,
    noise: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    n_steps: int | None,
    eta: float,
) -> Tensor:
    """Windows from standard normal `noise` `(n, C, T)`.

    - `n_steps`: None: ancestral sampling; a number: DDIM with so many steps and noise `eta`.
    """
    if n_steps is None:
        return ancestral(predict, noise, schedule, generator)
    return accelerated(predict, noise, schedule, generator, n_steps, eta)


def ancestral(
    predict: Predict, x: Tensor, schedule: Schedule, generator: torch.Generator
) -> Tensor:
    """All T steps of x_{t-1} ~ q(x_{t-1} | x_t, predict(x_t, t)) (Ho et al. 2020, algorithm 2).

    - `x`: standard normal noise `(n, C, T)`.
    """
    for t in range(schedule.steps, 0, -1):
        step = torch.full((len(x),), t)
        x, variance = schedule.posterior(x, step, predict(x, step))
        if t > 1:
            x = x + wide(variance.sqrt(), x) * _noise(x, generator)
    return x


def accelerated(
    predict: Predict,
    x: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    n_steps: int,
    eta: float = 0.0,
) -> Tensor:
    """DDIM over `n_steps` of the T steps (Song, Meng & Ermon, ICLR 2021, eq. 12 and 16).

        x_s = sqrt(abar_s) x0 + sqrt(1 - abar_s - sigma^2) e + sigma z
        sigma = eta sqrt((1 - abar_s) / (1 - abar_t)) sqrt(1 - abar_t / abar_s)

    - `eta`: 0: deterministic given `x`; 1: with all T steps, ancestral sampling.
    """
    for t, s in itertools.pairwise(visited(schedule.steps, n_steps)):
        step = torch.full((len(x),), t)
        clean = predict(x, step)
        noise = schedule.noise_of(x, step, clean)
        now, then = schedule.abar[t], schedule.abar[s]
        sigma = eta * ((1 - then) / (1 - now)).sqrt() * (1 - now / then).sqrt()
        direction = (1 - then - sigma**2).clamp(min=0).sqrt()
        x = float(then.sqrt()) * clean + float(direction) * noise
        if eta > 0 and s > 0:
            x = x + float(sigma) * _noise(x, generator)
    return x


def visited(steps: int, n_steps: int) -> list[int]:
    """The steps that `n_steps` calls of the network are made at, evenly from T down, then 0."""
    ramp = torch.linspace(steps, 0, n_steps + 1, dtype=torch.float64)
    return [int(t) for t in ramp.round()]


def _noise(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
