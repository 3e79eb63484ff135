"""TimeGAN: its losses against plain loops, its phases, what the class decides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.neural import seeded
from faultsyn.synth import build_generator
from faultsyn.synth.recurrent.losses import (
    discriminator_loss,
    generator_loss,
    moments,
    reconstruction,
    supervised,
)
from faultsyn.synth.recurrent.model import Lessons
from faultsyn.synth.recurrent.networks import Networks, from_steps, to_steps
from faultsyn.windows import NORMAL, WindowSet, concat


def fixed(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=fixed(seed), dtype=torch.float64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def waves(n: int, label: str, seed: int = 0) -> WindowSet:
    """Two channels of 12 samples around a level that is the label's."""
    level = {NORMAL: 0.0, "up": 2.0, "down": -2.0}[label]
    phase = rng(seed).uniform(0, 2 * np.pi, (n, 1, 1))
    x = level + np.sin(2 * np.pi * np.arange(12) / 12 + phase) + np.zeros((1, 2, 1))
    return WindowSet(x.astype(np.float32), {"label": np.full(n, label)}, 1.0, ("a", "b"))


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_reconstruction_and_supervision_are_the_papers() -> None:
    x, made = some(3, 4, 2), some(3, 4, 2, seed=1)
    squares = [(float(a) - float(b)) ** 2 for a, b in zip(x.ravel(), made.ravel(), strict=True)]
    assert float(reconstruction(x, made)) == pytest.approx(10 * np.mean(squares) ** 0.5, rel=1e-9)
    ahead = [
        (float(x[i, t + 1, j]) - float(made[i, t, j])) ** 2
        for i in range(3)
        for t in range(3)
        for j in range(2)
    ]
    assert float(supervised(x, made)) == pytest.approx(np.mean(ahead), rel=1e-9)


def test_moments_compare_mean_and_deviation_over_the_batch() -> None:
    x, made = some(5, 3, 2), 2 * some(5, 3, 2, seed=1) + 1
    total = 0.0
    for t in range(3):
        for j in range(2):
            one, two = x[:, t, j].numpy(), made[:, t, j].numpy()
            total += abs((two.var() + 1e-6) ** 0.5 - (one.var() + 1e-6) ** 0.5) / 6
            total += abs(two.mean() - one.mean()) / 6
    assert float(moments(x, made)) == pytest.approx(total, rel=1e-9)


def test_the_players_want_opposite_things_of_the_logits() -> None:
    fake, drafted, real = some(2, 3, 1), some(2, 3, 1, seed=1), some(2, 3, 1, seed=2)
    code, said, x = some(2, 3, 4, seed=3), some(2, 3, 4, seed=4), some(2, 3, 2, seed=5)
    made = some(2, 3, 2, seed=6)
    got = float(generator_loss(fake, drafted, code, said, x, made))
    wanted = np.mean([softplus(-float(y)) for y in fake.ravel()])
    wanted += np.mean([softplus(-float(y)) for y in drafted.ravel()])
    wanted += 100 * float(supervised(code, said)) ** 0.5 + 100 * float(moments(x, made))
    assert got == pytest.approx(wanted, rel=1e-6)
    got = float(discriminator_loss(real, fake, drafted))
    wanted = np.mean([softplus(-float(y)) for y in real.ravel()])
    wanted += np.mean([softplus(float(y)) for y in fake.ravel()])
    wanted += np.mean([softplus(float(y)) for y in drafted.ravel()])
    assert got == pytest.approx(wanted, rel=1e-6)


def test_a_discriminator_that_is_good_enough_is_left_alone() -> None:
    sure = torch.full((2, 3, 1), 9.0, requires_grad=True)
    assert float(discriminator_loss(sure, -sure, -sure).detach()) == 0.0
    unsure = torch.zeros(2, 3, 1, requires_grad=True)
    loss = discriminator_loss(unsure, -unsure, -unsure)
    torch.autograd.backward(loss)
    assert unsure.grad is not None
    assert unsure.grad.abs().max() > 0


@given(samples=st.integers(2, 40), channels=st.integers(1, 3), length=st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_windows_in_steps_are_the_same_windows(samples: int, channels: int, length: int) -> None:
    x = some(2, channels, samples)
    steps = to_steps(x, length)
    assert steps.shape == (2, -(-samples // length), channels * length)
    assert torch.equal(from_steps(steps, channels, samples), x)
    # A step holds consecutive samples of every channel.
    assert torch.equal(
        steps[0, 0].view(channels, length)[:, : min(length, samples)], x[0, :, :length]
    )


def test_the_supervisor_cannot_look_ahead() -> None:
    networks = seeded(lambda: Networks(2, 2, 6, 2), fixed())
    code, place = torch.rand(1, 8, 6, generator=fixed(1)), torch.tensor([1])
    changed = code.clone()
    changed[:, 5:] = 0.0
    said, other = (networks.supervisor(h, place) for h in (code, changed))
    assert torch.equal(said[:, :5], other[:, :5])
    assert not torch.allclose(said[:, 5:], other[:, 5:])


def test_each_turn_trains_its_own_networks() -> None:
    networks = seeded(lambda: Networks(2, 2, 6, 1), fixed())
    x, place = torch.rand(8, 5, 2, generator=fixed(1)), torch.arange(8) % 2
    lessons = Lessons(networks, x, place, 4)
    coder = torch.nn.ModuleList([networks.embedder, networks.recovery])
    for turn in lessons.turns(coder):
        networks.zero_grad(set_to_none=True)
        torch.autograd.backward(turn.loss(fixed(2)), inputs=list(turn.player.parameters()))
        touched = {
            name.split(".")[0] for name, p in networks.named_parameters() if p.grad is not None
        }
        assert (
            touched
            == {
                "generator": {"generator", "supervisor"},
                "coder": {"embedder", "recovery"},
                "discriminator": {"discriminator"},
            }[turn.name]
        )


def test_the_generator_sees_one_class_at_a_time() -> None:
    networks = seeded(lambda: Networks(1, 3, 4, 1), fixed())
    place = torch.arange(9) % 3
    windows = place[:, None, None].float().expand(-1, 5, 1)  # windows that show their class
    lessons = Lessons(networks, windows, place, 6)
    seen = set()
    for seed in range(12):
        x, told = lessons._of_one_class(fixed(seed))
        assert len(set(told.tolist())) == 1
        assert torch.equal(x[:, 0, 0], told.float())
        seen.add(int(told[0]))
    assert seen == {0, 1, 2}


def test_it_learns_the_level_of_each_class() -> None:
    config: dict[str, Any] = {"hidden": 8, "layers": 1, "batch": 24, "learning_rate": 1e-2}
    steps = {"embedding_steps": 80, "supervision_steps": 20, "joint_steps": 40}
    generator = build_generator("timegan", **config, **steps)
    generator.pretrain(waves(40, NORMAL), rng())
    generator.adapt(concat([waves(6, "up", 1), waves(6, "down", 2)]), rng())
    curves = generator.curves_["adapt"]
    assert set(curves) == {"embedding", "supervision", "joint"}
    assert curves["embedding"]["losses"][-1] < 0.5 * curves["embedding"]["losses"][0]
    assert set(curves["joint"]["turns"]) == {"generator", "coder", "discriminator"}
    means = {label: generator.sample(40, rng(3), label=label).x.mean() for label in ("up", "down")}
    assert means["up"] > 0.8
    assert means["down"] < -0.8


def test_a_window_of_one_sample_has_no_next_step() -> None:
    x = WindowSet(np.ones((4, 1, 1), np.float32), {"label": np.full(4, "up")}, 1.0, ("a",))
    with pytest.raises(InputError, match="needs windows of at least 2 samples, got 1 samples"):
        build_generator("timegan", scaling="class").adapt(x, rng())
