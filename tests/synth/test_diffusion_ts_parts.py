"""Trend, season, adapters and diversity of the faithful FaultDiffusion against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from faultsyn.neural import seeded
from faultsyn.synth.diffusion_ts.adapter import Adapters, ClassAdapters, WindowedAttention
from faultsyn.synth.diffusion_ts.diversity import bounded, printed
from faultsyn.synth.diffusion_ts.fourier import seasonal
from faultsyn.synth.diffusion_ts.network import Trunk
from faultsyn.synth.diffusion_ts.settings import Layout
from faultsyn.synth.diffusion_ts.trend import Trend

LAYOUT = Layout(
    channels=3,
    length=12,
    width=8,
    heads=2,
    encoder=2,
    decoder=3,
    degree=3,
    lines=2,
    window=3,
    alpha=0.7,
    everywhere=True,
)


def fixed(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=fixed(seed), dtype=torch.float64)


def wake(module: torch.nn.Module) -> torch.nn.Module:
    """Random weights everywhere: what starts at zero would hide mistakes."""
    generator = fixed(9)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return module


def test_the_trend_is_a_polynomial_of_time() -> None:
    trend = wake(Trend(10, 8, 3, 3)).double()
    trend.powers = torch.stack([(torch.arange(10.0) / 10) ** p for p in range(4)], 1).double()
    made = trend(normal(2, 10, 8)).detach().numpy()
    time = np.arange(10) / 10
    for window in made:
        for channel in window.T:
            fit = np.polyval(np.polyfit(time, channel, 3), time)
            assert np.allclose(fit, channel, atol=1e-9)
            line = np.polyval(np.polyfit(time, channel, 2), time)
            assert not np.allclose(line, channel, atol=1e-3)
    values = trend.polynomial(torch.tensor([[[1.0], [-2.0], [3.0], [4.0]]]).double())
    expected = 1 - 2 * time + 3 * time**2 + 4 * time**3
    assert np.allclose(values[0, :, 0], expected, atol=1e-6)


@pytest.mark.parametrize("length", [12, 13])
def test_the_season_is_the_sum_of_the_strongest_waves(length: int) -> None:
    hidden = normal(2, length, 4)
    made = seasonal(hidden, 2)
    time = np.arange(length)
    for window, waves in zip(hidden.numpy(), made.numpy(), strict=True):
        for feature in range(4):
            lines = np.fft.fft(window[:, feature])
            amplitude = np.abs(lines[: length // 2 + 1])
            amplitude[0] = 0
            expected = np.zeros(length)
            for k in np.argsort(amplitude)[-2:]:
                share = 1 if 2 * k == length else 2  # the conjugate line, but for Nyquist's
                phase = 2 * np.pi * k * time / length + np.angle(lines[k])
                expected += share * amplitude[k] / length * np.cos(phase)
            assert np.allclose(waves[:, feature], expected, atol=1e-9)


@pytest.mark.parametrize("window", [1, 3, 5, 9])
def test_windowed_attention_is_attention_in_every_padded_window(window: int) -> None:
    attention = wake(WindowedAttention(8, 2, window)).double()
    hidden = normal(2, 6, 8)
    half, made = window // 2, attention(hidden).detach()
    for n in range(2):
        sequence = [torch.zeros(8, dtype=torch.float64)] * half
        sequence = [*sequence, *hidden[n], *sequence]
        for t in range(6):
            part = torch.stack(sequence[t : t + window])
            query = attention.query(part)
            keys, values = attention.memory(part).chunk(2, dim=1)
            rows = []
            for head in range(2):
                own = slice(4 * head, 4 * head + 4)
                scores = query[:, own] @ keys[:, own].T / math.sqrt(4)
                rows.append(scores.softmax(dim=1) @ values[:, own])
            whole = attention.out(torch.cat(rows, dim=1))  # the whole window attends ...
            assert torch.allclose(made[n, t], whole[half].detach())  # ... its centre is kept


def test_local_states_accumulate_as_the_formula_says() -> None:
    adapters = wake(Adapters(3, 8, 2, 3, 0.7)).double()

    def block(index: int, hidden: Tensor) -> Tensor:
        return torch.tanh(hidden * (index + 1)) + 0.1 * index

    backbone, local = [normal(2, 6, 8)], []
    for index in range(3):
        h_in = backbone[index] + sum(local[:index], torch.zeros(()))
        local.append(adapters.each[index](h_in))
        backbone.append(block(index, backbone[index]) + 0.7 * local[index])
    hidden, run = normal(2, 6, 8), adapters.run()
    for index in range(3):
        hidden = block(index, hidden) + run.addend(hidden)
    assert torch.allclose(hidden, backbone[-1])
    plain = normal(2, 6, 8)
    for index in range(3):
        plain = block(index, plain) + 0.7 * adapters.each[index](plain)
    assert not torch.allclose(plain, hidden, atol=1e-2)  # the sum matters


@pytest.mark.parametrize("everywhere", [True, False])
def test_untrained_adapters_leave_the_trunk_as_it_is(everywhere: bool) -> None:
    layout = Layout(**{**LAYOUT.__dict__, "everywhere": everywhere})
    trunk = seeded(lambda: Trunk(layout), fixed(1))
    adapters = seeded(lambda: ClassAdapters(layout), fixed(2))
    noisy, step = torch.randn(4, 3, 12, generator=fixed(3)), torch.tensor([1, 5, 50, 500])
    assert torch.equal(trunk(noisy, step, adapters), trunk(noisy, step))
    assert trunk(noisy, step).shape == noisy.shape
    wake(adapters)
    changed = trunk(noisy, step, adapters) - trunk(noisy, step)
    assert float(changed.detach().abs().min(dim=0).values.max()) > 1e-3
    if everywhere:
        wake(trunk)
        with torch.no_grad():
            for part in adapters.decoder.parameters():
                part.zero_()
        assert not torch.allclose(trunk(noisy, step, adapters), trunk(noisy, step), atol=1e-3)


def test_no_window_sees_another_and_the_step_is_seen() -> None:
    trunk = wake(seeded(lambda: Trunk(LAYOUT), fixed(1)))
    noisy, step = torch.randn(4, 3, 12, generator=fixed(3)), torch.tensor([1, 5, 50, 500])
    together = trunk(noisy, step)
    for index in range(4):
        alone = trunk(noisy[index : index + 1], step[index : index + 1])
        assert torch.allclose(alone[0], together[index], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(trunk(noisy, step.flip(0)), together, atol=1e-2)


def test_bfloat16_runs_where_it_may() -> None:
    trunk = seeded(lambda: Trunk(LAYOUT), fixed(1))
    noisy, step = torch.randn(4, 3, 12, generator=fixed(3)), torch.tensor([1, 5, 50, 500])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = trunk(noisy, step)
    error = (made.float() - trunk(noisy, step)).detach().abs()
    assert float(error.median()) < 0.03  # a near-tie between two frequencies may fall otherwise


def test_both_forms_of_the_diversity_loss_by_hand() -> None:
    one, other = torch.full((2, 1, 2), 1.0), torch.full((2, 1, 2), 1.5)
    shot, partner = torch.zeros(2, 1, 2), torch.full((2, 1, 2), 2.0)
    assert float(printed(one, other)) == pytest.approx(0.25)
    assert float(bounded(one, other, shot, partner)) == pytest.approx(1 - 0.5 / 2)
    assert float(bounded(shot, partner, one, other)) == 0  # more diverse than the shots: enough
    assert float(bounded(one, other, shot, shot)) == 0  # nothing to measure by


@pytest.mark.parametrize("form", ["bounded", "printed"])
def test_the_bounded_form_pulls_apart_and_the_printed_one_together(form: str) -> None:
    one = torch.full((2, 1, 2), 1.0, requires_grad=True)
    other, shot = torch.full((2, 1, 2), 1.5), torch.zeros(2, 1, 2)
    loss = printed(one, other) if form == "printed" else bounded(one, other, shot, shot + 2)
    loss.backward()
    after = one.detach() - 0.1 * one.grad
    nearer = (after - other).abs().mean() < (one.detach() - other).abs().mean()
    assert bool(nearer) == (form == "printed")
