"""Preconditioning, loss and sampler against closed forms, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from faultsyn.synth.diffusion.edm import (
    denoising_loss,
    draw_sigma,
    heun,
    loss_weight,
    precondition,
    scalings,
    sigma_steps,
)

LEVELS = st.floats(1e-3, 1e2)


@given(sigma=LEVELS, sigma_data=st.floats(0.1, 10))
def test_scalings_are_those_of_the_paper(sigma: float, sigma_data: float) -> None:
    skip, out, into, noise = (
        float(c) for c in scalings(torch.tensor([sigma], dtype=torch.float64), sigma_data)
    )
    power = sigma**2 + sigma_data**2
    assert skip == pytest.approx(sigma_data**2 / power)
    assert out == pytest.approx(sigma * sigma_data / power**0.5)
    assert into == pytest.approx(power**-0.5)
    assert noise == pytest.approx(np.log(sigma) / 4)
    weight = loss_weight(torch.tensor([sigma], dtype=torch.float64), sigma_data)
    assert float(weight) == pytest.approx(1 / out**2)
    # What they were derived from: unit input, unit target, and the smallest c_out.
    assert into**2 * power == pytest.approx(1)
    assert ((1 - skip) * sigma_data) ** 2 + (skip * sigma) ** 2 == pytest.approx(out**2)


def test_an_untrained_network_has_loss_one_at_every_noise_level() -> None:
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 4, 200_000, generator=generator, dtype=torch.float64)
    sigma = torch.tensor([0.01, 0.3, 2.0, 40.0], dtype=torch.float64)
    loss = denoising_loss(precondition(lambda x, _: torch.zeros_like(x)), x, noise, sigma)
    assert loss.numpy() == pytest.approx(np.ones(4), rel=0.02)


def test_noise_levels_of_training_are_lognormal() -> None:
    drawn = draw_sigma(100_000, torch.Generator().manual_seed(0), -1.2, 1.2).log()
    assert float(drawn.mean()) == pytest.approx(-1.2, abs=0.02)
    assert float(drawn.std()) == pytest.approx(1.2, rel=0.02)


def test_noise_levels_of_sampling() -> None:
    sigmas = sigma_steps(18, 0.002, 80.0, 7.0).numpy()
    i = np.arange(18)
    expected = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert sigmas[:-1] == pytest.approx(expected)
    assert sigmas[-1] == 0


def gaussian(mean: Tensor, cov: Tensor):  # type: ignore[no-untyped-def]
    """E[x0 | x0 + sigma noise = x] for x0 ~ N(mean, cov)."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        eye = torch.eye(len(mean), dtype=x.dtype)
        gain = cov @ torch.linalg.inv(cov + sigma[0] ** 2 * eye)
        return mean + (x - mean) @ gain.T

    return denoise


def test_the_exact_denoiser_of_a_gaussian_gives_its_mean_and_covariance() -> None:
    mean = torch.tensor([1.0, -0.5, 0.2], dtype=torch.float64)
    root = torch.tensor([[1.0, 0, 0], [0.6, 0.5, 0], [-0.3, 0.2, 0.1]], dtype=torch.float64)
    cov = root @ root.T
    generator = torch.Generator().manual_seed(1)
    sigmas = sigma_steps(40, 0.002, 80.0)
    start = sigmas[0] * torch.randn(40_000, 3, generator=generator, dtype=torch.float64)
    made = heun(gaussian(mean, cov), start, sigmas)
    assert made.mean(dim=0).numpy() == pytest.approx(mean.numpy(), abs=0.03)
    assert torch.cov(made.T).numpy() == pytest.approx(cov.numpy(), abs=0.03)


def test_the_sampler_is_of_second_order() -> None:
    # For N(0, s^2) the flow is x(0) = x(sigma) s / sqrt(s^2 + sigma^2).
    cov = torch.tensor([[0.25]], dtype=torch.float64)
    denoise = gaussian(torch.zeros(1, dtype=torch.float64), cov)
    errors = []
    for n in (8, 16, 32, 64):
        sigmas = sigma_steps(n, 1e-4, 10.0)
        made = heun(denoise, torch.full((1, 1), 3.0, dtype=torch.float64), sigmas)
        errors.append(abs(float(made) - 3.0 * 0.5 / (0.25 + 100) ** 0.5))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates[-1] > 1.7


def test_started_part_way_it_ends_where_it_should() -> None:
    cov = torch.tensor([[1.0]], dtype=torch.float64)
    x = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    noisy = x + 0.5 * torch.randn(
        20_000, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )
    made = heun(
        gaussian(torch.zeros(1, dtype=torch.float64), cov), noisy, sigma_steps(12, 0.01, 0.5)
    )
    assert float(made.std()) == pytest.approx(1.0, rel=0.02)
    assert 0.5 < float(torch.corrcoef(torch.cat([x, made], 1).T)[0, 1]) < 0.99
