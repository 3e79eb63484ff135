"""The noise process of the faithful FaultDiffusion against the papers' equations in float64."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from faultsyn.synth.diffusion_ts.loss import denoising_loss
from faultsyn.synth.gaussian_diffusion.sampling import Predict, accelerated, ancestral, visited
from faultsyn.synth.gaussian_diffusion.schedule import Schedule, cosine_schedule


def noise(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("steps", [10, 500])
def test_the_schedule_is_nichol_and_dhariwals(steps: int) -> None:
    schedule = cosine_schedule(steps)

    def f(t: int) -> float:
        return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    product = 1.0
    for t in range(1, steps + 1):
        beta = min(1 - f(t) / f(t - 1), 0.999)
        product *= 1 - beta
        assert float(schedule.betas[t]) == pytest.approx(beta, rel=1e-9)
        assert float(schedule.abar[t]) == pytest.approx(product, rel=1e-9)
        if t < steps:  # before the last step nothing is clipped: abar is f(t) / f(0) itself
            assert product == pytest.approx(f(t) / f(0), rel=1e-9)
    assert schedule.steps == steps


def test_the_posterior_is_bayes_rule() -> None:
    """q(x_{t-1} | x_t, x_0) as the product of two Gaussians, not in the paper's form."""
    schedule = cosine_schedule(20)
    clean, noisy = noise(3, 2, 5, seed=1), noise(3, 2, 5, seed=2)
    for t in (2, 7, 19, 20):
        step = torch.full((3,), t)
        mean, variance = schedule.posterior(noisy, step, clean)
        beta, before = float(schedule.betas[t]), float(schedule.abar[t - 1])
        # prior N(sqrt(abar) x0, 1 - abar), likelihood N(x_t; sqrt(1 - beta) x, beta)
        precision = 1 / (1 - before) + (1 - beta) / beta
        expected = (math.sqrt(before) * clean / (1 - before)) + math.sqrt(1 - beta) * noisy / beta
        assert torch.allclose(mean, expected / precision, rtol=1e-9, atol=1e-9)
        assert torch.allclose(variance, torch.full((3,), 1 / precision, dtype=torch.float64))


def test_noise_and_clean_are_one_anothers_inverse() -> None:
    schedule, clean, drawn = cosine_schedule(50), noise(4, 2, 6, seed=1), noise(4, 2, 6, seed=2)
    step = torch.tensor([1, 10, 30, 50])
    noisy = schedule.noised(clean, step, drawn)
    abar = schedule.abar[step].view(4, 1, 1)
    assert torch.allclose(noisy, abar.sqrt() * clean + (1 - abar).sqrt() * drawn)
    assert torch.allclose(schedule.noise_of(noisy, step, clean), drawn)
    assert torch.allclose(schedule.clean_of(noisy, step, drawn)[:3], clean[:3])


def test_the_level_weights_are_the_root_of_diffusion_ts() -> None:
    schedule = cosine_schedule(40)
    weights, betas, abar = schedule.level_weights(), schedule.betas, schedule.abar
    squared = (1 - betas[1:]) * (1 - abar[1:]) / betas[1:] ** 2
    ratio = weights[1:] ** 2 / squared
    assert torch.allclose(ratio, ratio[0].expand(40))
    assert float(weights[1:].mean()) == pytest.approx(1.0)


@pytest.mark.parametrize("length", [8, 9])
def test_the_loss_is_the_absolute_error_in_time_and_frequency(length: int) -> None:
    made, target = noise(3, 2, length, seed=1), noise(3, 2, length, seed=2)
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    total = 0.0
    for error, weight in zip((made - target).numpy(), weights.tolist(), strict=True):
        lines = np.fft.fft(error, axis=1)[:, : length // 2 + 1] / math.sqrt(length)
        parts = np.abs(lines.real) + np.abs(lines.imag)
        total += weight * (np.abs(error).mean() + 0.7 * parts.mean()) / 3
    assert float(denoising_loss(made, target, weights, 0.7)) == pytest.approx(total)


MEAN, DEVIATION = 2.0, 0.5


def best_guess(schedule: Schedule) -> Predict:
    """E[x_0 | x_t] for data from N(2, 0.25): with it, sampling must give back that distribution."""

    def predict(noisy: Tensor, step: Tensor) -> Tensor:
        abar = schedule.abar[step].view(-1, 1, 1)
        gain = abar.sqrt() * DEVIATION**2 / (abar * DEVIATION**2 + 1 - abar)
        return MEAN + gain * (noisy - abar.sqrt() * MEAN)

    return predict


@pytest.mark.parametrize("how", ["ancestral", "all steps", "few steps", "few, with noise"])
def test_sampling_gives_back_a_gaussian(how: str) -> None:
    schedule = cosine_schedule(200)
    x, generator = noise(4000, 1, 1, seed=3), torch.Generator().manual_seed(4)
    predict = best_guess(schedule)
    made = {
        "ancestral": lambda: ancestral(predict, x, schedule, generator),
        "all steps": lambda: accelerated(predict, x, schedule, generator, 200),
        "few steps": lambda: accelerated(predict, x, schedule, generator, 50),
        "few, with noise": lambda: accelerated(predict, x, schedule, generator, 50, 0.5),
    }[how]()
    # Standard errors: 0.008 of the mean, 0.006 of the deviation.
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.03)
    assert float(made.std()) == pytest.approx(DEVIATION, abs=0.03)


def test_ddim_with_full_noise_and_all_steps_is_ancestral_sampling() -> None:
    schedule = cosine_schedule(60)
    x, predict = noise(5, 2, 3, seed=3), best_guess(schedule)
    one = ancestral(predict, x, schedule, torch.Generator().manual_seed(4))
    other = accelerated(predict, x, schedule, torch.Generator().manual_seed(4), 60, 1.0)
    assert torch.allclose(one, other, atol=1e-9)
    calm = accelerated(predict, x, schedule, torch.Generator().manual_seed(4), 60, 0.0)
    assert not torch.allclose(one, calm, atol=1e-2)


def test_the_visited_steps_run_from_the_last_to_zero() -> None:
    assert visited(500, 500) == list(range(500, -1, -1))
    few = visited(500, 7)
    assert (few[0], few[-1], len(few)) == (500, 0, 8)
    exact = [Fraction(500 * (7 - k), 7) for k in range(8)]
    assert all(abs(a - b) <= Fraction(1, 2) for a, b in zip(few, exact, strict=True))
