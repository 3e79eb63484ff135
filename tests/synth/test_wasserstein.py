"""The Wasserstein losses and representations against independent computations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from faultsyn.neural import built_with
from faultsyn.synth.convolutional.adversaries import Adversaries, Critic, EnvelopeView, Sizes
from faultsyn.synth.convolutional.layout import Layout
from faultsyn.synth.convolutional.representation import GreyImage, Spectrum, TimeSignal, represented
from faultsyn.synth.convolutional.wasserstein import (
    Lessons,
    clip_weights,
    gradient_penalty,
    shifted,
)
from faultsyn.synth.gaussian_diffusion.batches import Batches
from faultsyn.synth.scaling import BEND

SIZES = Sizes(Layout(2, (24,), width=4, widest=8), latent=5, condition=3, norm="none")


def players(sizes: Sizes = SIZES, classes: int = 3) -> Adversaries:
    made = built_with(0, lambda: Adversaries(sizes, classes))
    with torch.no_grad():
        made.critic.classes.weight.normal_(generator=torch.Generator().manual_seed(1))
        made.critic.speed.fill_(0.1)
        made.maker.speed.fill_(0.1)
    return made


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def told(places: list[int]) -> Tensor:
    """Classes with a speed each."""
    return torch.stack([torch.tensor(places), torch.arange(len(places)) - 1.0], dim=1)


def test_the_penalty_is_that_of_a_loop_over_pairs_in_float64() -> None:
    critic = players().critic.double()
    real, made = noise(4, 2, 24).double(), noise(4, 2, 24, seed=1).double()
    places, share = told([0, 1, 2, 1]).double(), torch.tensor([0.0, 0.3, 0.8, 1.0]).double()
    total = 0.0
    for i in range(4):
        between = (share[i] * real[i] + (1 - share[i]) * made[i])[None].requires_grad_(True)
        critic(between, places[i : i + 1]).sum().backward()
        assert between.grad is not None
        total += (float(between.grad.square().sum()) ** 0.5 - 1) ** 2 / 4
    penalty = gradient_penalty(critic, real, made, places, share)
    assert float(penalty.detach()) == pytest.approx(total, rel=1e-9)


def test_the_slope_of_the_penalty_is_that_of_finite_differences() -> None:
    critic = players().critic.double()
    real, made = noise(3, 2, 24).double(), noise(3, 2, 24, seed=1).double()
    places, share = told([0, 1, 2]).double(), torch.tensor([0.2, 0.5, 0.9]).double()
    weight = critic.all.weight
    (slope,) = torch.autograd.grad(gradient_penalty(critic, real, made, places, share), weight)
    for at in (0, 7, 40):
        values = []
        for step in (-1e-6, 1e-6):
            with torch.no_grad():
                weight[0, at] += step
            values.append(float(gradient_penalty(critic, real, made, places, share).detach()))
            with torch.no_grad():
                weight[0, at] -= step
        assert float(slope[0, at]) == pytest.approx((values[1] - values[0]) / 2e-6, rel=1e-4)


def test_the_penalty_of_a_linear_critic_is_known() -> None:
    direction = noise(2 * 24)
    direction = 3 * direction / direction.norm()

    def critic(windows: Tensor, places: Tensor) -> Tensor:
        return windows.flatten(1) @ direction

    penalty = gradient_penalty(
        critic, noise(5, 2, 24), noise(5, 2, 24, seed=1), torch.zeros(5, dtype=torch.long),
        torch.rand(5),
    )  # fmt: skip
    assert float(penalty) == pytest.approx(4.0, rel=1e-5)  # (3 - 1)^2


def test_the_losses_are_those_of_equation_3() -> None:
    both = players()
    windows, known = noise(9, 2, 24), told([i % 3 for i in range(9)])
    batches = Batches(windows, known, 6, 24, shifts=False, even=True)
    lessons = Lessons(both, batches, TimeSignal(2, 24), penalty=10.0)
    loss = lessons.critic(torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    real, drawn = batches.draw(generator)
    with torch.no_grad():
        made = both.maker(torch.randn(6, SIZES.noise, generator=generator), drawn)
    share = torch.rand(6, generator=generator)
    expected = sum(
        float((both.critic(made[i : i + 1], drawn[i : i + 1])).detach())
        - float(both.critic(real[i : i + 1], drawn[i : i + 1]).detach())
        for i in range(6)
    ) / 6 + 10 * float(gradient_penalty(both.critic, real, made, drawn, share).detach())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    loss = lessons.maker(torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    _, drawn = batches.draw(generator)
    made = both.maker(torch.randn(6, SIZES.noise, generator=generator), drawn)
    expected = -float(both.critic(made, drawn).detach().mean())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_critic_takes_the_class_by_projection() -> None:
    critic = players().critic
    x, known = noise(3, 2, 24), told([2, 0, 1])
    features = critic.encoder(x)
    expected = []
    for i, (place, speed) in enumerate(known.tolist()):
        direction = critic.classes.weight[int(place)] + speed * critic.speed
        expected.append(features[i] @ (critic.all.weight[0] + direction) + critic.all.bias[0])
    assert torch.allclose(critic(x, known), torch.stack(expected), atol=1e-5)


def test_the_envelope_view_is_that_of_numpy_and_no_shift_changes_it() -> None:
    view = built_with(0, lambda: EnvelopeView(Layout(2, (64,)))).double()
    x = noise(3, 2, 64).double()
    power = x.numpy() ** 2
    lines = np.abs(np.fft.rfft(power - power.mean(-1, keepdims=True), norm="ortho"))[..., 1:17]
    rows = np.sqrt(np.sqrt(lines**2 + 1e-4)).reshape(3, -1)
    layer = view.layer
    expected = rows @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    expected = np.where(expected > 0, expected, 0.2 * expected)
    assert np.allclose(view(x).detach().numpy(), expected, atol=1e-10)
    assert torch.allclose(view(x.roll(13, dims=2)), view(x))


def test_the_penalty_reaches_through_the_envelope() -> None:
    critic = players(replace(SIZES, envelope=True)).critic.double()
    real, made = noise(3, 2, 24).double(), noise(3, 2, 24, seed=1).double()
    share = torch.tensor([0.2, 0.5, 0.9]).double()
    penalty = gradient_penalty(critic, real, made, told([0, 1, 2]).double(), share)
    (slope,) = torch.autograd.grad(penalty, critic.envelope.layer.weight)
    assert torch.isfinite(slope).all()
    assert slope.abs().max() > 0


def test_made_windows_are_shifted_where_real_ones_are() -> None:
    x = noise(4, 2, 24)
    rolled = shifted(x, torch.Generator().manual_seed(0))
    starts = torch.randint(24, (4, 1, 1), generator=torch.Generator().manual_seed(0)).flatten()
    for i, start in enumerate(starts.tolist()):
        assert torch.equal(rolled[i], x[i].roll(-start, dims=1))
    both = players()
    for shifts in (False, True):
        batches = Batches(x, told([0, 1, 2, 0]), 4, 24, shifts=shifts, even=True)
        made = Lessons(both, batches, TimeSignal(2, 24), 10.0)._made(
            told([0, 1, 2, 0]), torch.Generator().manual_seed(5)
        )
        generator = torch.Generator().manual_seed(5)
        plain = both.maker(torch.randn(4, SIZES.noise, generator=generator), told([0, 1, 2, 0]))
        assert torch.equal(made, shifted(plain, generator) if shifts else plain)


def test_every_class_is_drawn_equally_often() -> None:
    places = torch.tensor([0] * 90 + [1] * 9 + [2])
    x = torch.arange(100.0).view(100, 1, 1)
    batches = Batches(x, places, 6000, 1, shifts=False, even=True)
    drawn, of = batches.draw(torch.Generator().manual_seed(0))
    assert torch.equal(places[drawn[:, 0, 0].long()], of)
    assert np.allclose(torch.bincount(of).numpy() / 6000, 1 / 3, atol=0.03)


@pytest.mark.parametrize("limit", [0.01, 0.3])
def test_clipping_holds_every_weight(limit: float) -> None:
    critic = players().critic
    before = [p.detach().clone() for p in critic.parameters()]
    clip_weights(critic, limit)
    for old, new in zip(before, critic.parameters(), strict=True):
        assert torch.equal(new.detach(), old.clamp(-limit, limit))


def test_room_for_more_classes_starts_at_the_normal_one() -> None:
    both = players(classes=1)
    x, z = noise(2, 2, 24), noise(2, SIZES.noise)
    first = told([0, 0])
    with torch.no_grad():
        before = both.maker(z, first), both.critic(x, first)
        both.grow(4)
        for place in range(4):
            at = told([place, place])
            assert torch.equal(both.maker(z, at), before[0])
            assert torch.equal(both.critic(x, at), before[1])
    assert isinstance(both.critic, Critic)
    assert isinstance(both.maker.classes, nn.Embedding)


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(["time", "frequency", "image"]),
    channels=st.integers(1, 3),
    length=st.integers(8, 130),
    level=st.sampled_from([1e-3, 1.0, 30.0]),
    seed=st.integers(0, 10**6),
)
def test_every_representation_is_undone(
    kind: str, channels: int, length: int, level: float, seed: int
) -> None:
    windows = level * noise(4, channels, length, seed=seed).cumsum(dim=-1)
    view = represented(kind, windows)  # type: ignore[arg-type]
    seen = view.apply(windows)
    assert seen.shape == (4, view.channels, *view.size)
    back = view.undo(seen)
    assert float((back - windows).abs().max()) <= 2e-5 * float(windows.abs().max())


def test_a_spectrum_is_numpys_by_the_size_of_its_lines() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2, 65)) * np.array([1.0, 5.0])[:, None]
    view = represented("frequency", torch.from_numpy(x).float())
    assert isinstance(view, Spectrum)
    lines = np.fft.rfft(x) / np.sqrt(65)
    seen = view.apply(torch.from_numpy(x).float()).double().numpy()
    flat = BEND * np.sinh(seen / BEND)
    scale = view.scale.double().numpy()
    assert np.allclose(flat[:, :2] * scale, lines.real, atol=1e-4)
    assert np.allclose(flat[:, 2:] * scale, lines.imag, atol=1e-4)
    # White noise: every part of every line has the channel's own deviation / sqrt(2).
    assert np.allclose(scale[:, 5:-5], np.array([[1.0], [5.0]]) / np.sqrt(2), rtol=0.15)


def test_an_image_holds_the_signal_row_by_row() -> None:
    x = torch.arange(14.0).view(1, 1, 14)
    image = GreyImage(1, 14).apply(x)
    assert image[0, 0].tolist() == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 0, 0],
    ]  # fmt: skip
