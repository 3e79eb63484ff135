"""Diffusion in the form of EDM: preconditioning, loss, noise schedule, sampler.

Karras, Aittala, Aila & Laine, "Elucidating the Design Space of Diffusion-Based Generative Models",
NeurIPS 2022 (arXiv 2206.00364); symbols, Table 1 and Algorithm 1 are theirs. Plain functions on
tensors of any shape `(n, ...)` and any dtype; sigma is a noise deviation in units of the data.

A denoiser is a function `D(x, sigma) -> x0` with `x` `(n, ...)` and `sigma` `(n,)`; a network is a
function `F(x, c_noise) -> (n, ...)`, which `precondition` turns into a denoiser.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]

SIGMA_DATA = 1.0
"""Deviation of the data [its unit]; 1 for standardised windows."""
P_MEAN, P_STD = -0.6, 1.4
"""Mean and deviation of ln(sigma) in training."""
SIGMA_MIN, SIGMA_MAX, RHO = 0.01, 40.0, 7.0
"""Range of sigma in sampling, and how strongly steps crowd at its lower end."""


def scalings(
    sigma: Tensor, sigma_data: float = SIGMA_DATA
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """c_skip, c_out, c_in and c_noise for each sigma (Table 1, column "Ours (EDM)")."""
    total = (sigma**2 + sigma_data**2).sqrt()
    skip = (sigma_data / total) ** 2
    return skip, sigma * sigma_data / total, 1 / total, sigma.log() / 4


def precondition(network: Denoiser, sigma_data: float = SIGMA_DATA) -> Denoiser:
    """The denoiser D = c_skip x + c_out F(c_in x, c_noise) of a raw network F (eq. 7)."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        skip, out, into, noise = scalings(sigma, sigma_data)
        return _wide(skip, x) * x + _wide(out, x) * network(_wide(into, x) * x, noise)

    return denoise


def loss_weight(sigma: Tensor, sigma_data: float = SIGMA_DATA) -> Tensor:
    """lambda(sigma) = 1 / c_out^2: the error of an untrained network weighs the same at all sigma.

    `(n,)` -> `(n,)`; for `mean(lambda(sigma) * (D(x + noise, sigma) - x)^2)` (eq. 2 and Table 1).
    """
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def draw_sigma(
    n: int, generator: torch.Generator, mean: float = P_MEAN, std: float = P_STD
) -> Tensor:
    """Noise levels for training, ln(sigma) ~ N(mean, std^2), `(n,)` on the generator's device."""
    return (mean + std * torch.randn(n, generator=generator, device=generator.device)).exp()


def denoising_loss(denoise: Denoiser, clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Weighted squared error of each window, `(n,)`, at unit Gaussian `noise` times `sigma`.

    1 on average for the denoiser that knows nothing but the data's deviation; lower is better.
    """
    made = denoise(clean + _wide(sigma, clean) * noise, sigma)
    return loss_weight(sigma) * ((made - clean) ** 2).flatten(1).mean(dim=1)


def sigma_steps(
    n_steps: int,
    sigma_min: float = SIGMA_MIN,
    sigma_max: float = SIGMA_MAX,
    rho: float = RHO,
) -> Tensor:
    """Noise levels from `sigma_max` down to `sigma_min`, then 0 (eq. 5), `(n_steps + 1,)`."""
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    ramp = torch.linspace(0, 1, n_steps, dtype=torch.float64)
    return torch.cat([(high + ramp * (low - high)) ** rho, torch.zeros(1, dtype=torch.float64)])


def heun(denoise: Denoiser, x: Tensor, sigmas: Tensor) -> Tensor:
    """Solve the probability-flow equation dx = (x - D(x, sigma)) / sigma d sigma (Algorithm 1).

    - `x`: `(n, ...)`, already at the noise level `sigmas[0]`.
    - `sigmas`: falling, ending in 0 (see `sigma_steps`).

    Deterministic, of second order; calls the denoiser 2 len(sigmas) - 3 times.
    """
    levels = [float(s) for s in sigmas]
    for now, then in itertools.pairwise(levels):
        slope = (x - denoise(x, x.new_full((len(x),), now))) / now
        ahead = x + (then - now) * slope
        if then > 0:
            after = (ahead - denoise(ahead, x.new_full((len(x),), then))) / then
            ahead = x + (then - now) * 0.5 * (slope + after)
        x = ahead
    return x


def _wide(values: Tensor, x: Tensor) -> Tensor:
    """One value per window, `(n,)`, to be multiplied with `x` `(n, ...)`."""
    return values.to(x.dtype).view(-1, *[1] * (x.ndim - 1))
