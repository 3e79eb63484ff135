"""The plain class-conditional diffusion: loss, guidance, conditioning, pretraining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.evaluate.line import set_line
from faultsyn.experiment.presets import load_preset
from faultsyn.neural import seeded
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.ddpm import DDPM
from faultsyn.synth.gaussian_diffusion.batches import Batches
from faultsyn.synth.gaussian_diffusion.guided import guided, of_step, simple_loss
from faultsyn.synth.gaussian_diffusion.network import NO_CLASS, ClassUNet, extended
from faultsyn.synth.gaussian_diffusion.sampling import accelerated, ancestral
from faultsyn.synth.gaussian_diffusion.schedule import cosine_schedule
from faultsyn.windows import NORMAL, WindowSet, concat

SCHEDULE = cosine_schedule(100)
LEVEL = {0: 0.0, 2: 1.5, 3: -1.0}
SPREAD = 0.5


def fixed(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact_noise(noisy: Tensor, step: Tensor, place: Tensor) -> Tensor:
    """E[e | x_t] where the windows of class c are N(LEVEL[c], SPREAD^2), in closed form."""
    abar = SCHEDULE.abar[step][:, None, None]
    level = torch.tensor([LEVEL[int(c)] for c in place])[:, None, None]
    variance = abar * SPREAD**2 + 1 - abar
    return (1 - abar).sqrt() * (noisy - abar.sqrt() * level) / variance


def two_levels(k: int, seed: int = 0) -> WindowSet:
    """Two channels of 16 samples; "up" lies at +2, "down" at -2, normal at 0."""
    rng = np.random.default_rng(seed)
    sets = []
    for label, level in (("up", 2.0), ("down", -2.0)):
        x = level + 0.3 * rng.standard_normal((k, 2, 16))
        table = {"label": np.full(k, label)}
        sets.append(WindowSet(x.astype(np.float32), table, 1.0, ("a", "b")))
    return concat(sets)


def normals(n: int = 40) -> WindowSet:
    x = np.random.default_rng(9).standard_normal((n, 2, 16)).astype(np.float32)
    return WindowSet(x, {"label": np.full(n, NORMAL)}, 1.0, ("a", "b"))


def built(**config: Any) -> DDPM:
    small = {"width": 16, "noise_steps": 50, "steps": 60, "batch": 16, "sample_steps": 10}
    made = build_generator("ddpm", **{**small, **config})
    assert isinstance(made, DDPM)
    return made


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(weight=st.floats(0, 5), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_guidance_extrapolates_from_the_unconditional_noise(weight: float, seed: int) -> None:
    noisy = torch.randn(3, 2, 4, generator=fixed(seed), dtype=torch.float64)
    step = torch.tensor([1, 40, 90])
    told, anything = (torch.full((3,), c) for c in (2, NO_CLASS))
    got = guided(exact_noise, SCHEDULE, "noise", 2, weight, torch.tensor(1e9))(noisy, step)
    of_class, free = (exact_noise(noisy, step, c) for c in (told, anything))
    noise = of_class + weight * (of_class - free)  # Ho & Salimans eq. 6, rearranged
    abar = SCHEDULE.abar[step][:, None, None]
    assert torch.allclose(got, (noisy - (1 - abar).sqrt() * noise) / abar.sqrt(), rtol=1e-9)


@given(weight=st.floats(0, 4), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_velocity_and_noise_say_the_same(weight: float, seed: int) -> None:
    noisy = torch.randn(3, 1, 4, generator=fixed(seed), dtype=torch.float64)
    step = torch.tensor([2, 40, 98])

    def velocity(x: Tensor, at: Tensor, place: Tensor) -> Tensor:
        noise = exact_noise(x, at, place)
        return SCHEDULE.velocity_of(SCHEDULE.clean_of(x, at, noise), at, noise)

    limit = torch.tensor(1e9)
    by_noise = guided(exact_noise, SCHEDULE, "noise", 3, weight, limit)(noisy, step)
    by_velocity = guided(velocity, SCHEDULE, "velocity", 3, weight, limit)(noisy, step)
    assert torch.allclose(by_noise, by_velocity, rtol=1e-7)


def test_no_guidance_asks_the_conditional_model_alone() -> None:
    asked: list[int] = []

    def spy(noisy: Tensor, step: Tensor, place: Tensor) -> Tensor:
        asked.extend(place.tolist())
        return exact_noise(noisy, step, place)

    noisy, step = torch.randn(2, 1, 4, generator=fixed()), torch.tensor([10, 20])
    guided(spy, SCHEDULE, "noise", 3, 0.0, torch.tensor(9.0))(noisy, step)
    assert asked == [3, 3]
    asked.clear()
    guided(spy, SCHEDULE, "noise", 3, 1.0, torch.tensor(9.0))(noisy, step)
    assert sorted(asked) == [0, 0, 3, 3]


@pytest.mark.parametrize("steps", [None, 40])
def test_with_the_exact_noise_samples_have_the_mean_and_spread_of_the_class(
    steps: int | None,
) -> None:
    means = {}
    for weight in (0.0, 1.0):
        predict = guided(exact_noise, SCHEDULE, "noise", 2, weight, torch.tensor(1e9))
        x = torch.randn(800, 1, 4, generator=fixed(1), dtype=torch.float64)
        if steps is None:
            made = ancestral(predict, x, SCHEDULE, fixed(2))
        else:
            made = accelerated(predict, x, SCHEDULE, fixed(2), steps)
        means[weight] = float(made.mean())
        if weight == 0:
            assert abs(float(made.std()) - SPREAD) < 0.05
    assert abs(means[0.0] - LEVEL[2]) < 0.05
    # Guided away from 0, where the unconditional model lies.
    assert means[1.0] > LEVEL[2] + 0.3


def test_the_loss_is_the_squared_error_of_noise_or_velocity() -> None:
    clean = torch.randn(5, 2, 3, generator=fixed(3), dtype=torch.float64)
    place = torch.tensor([2, 3, 2, 3, 2])
    seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def spy(noisy: Tensor, step: Tensor, told: Tensor) -> Tensor:
        seen.append((noisy, step, told))
        return torch.full_like(noisy, 0.25)

    for target in ("noise", "velocity"):
        got = float(simple_loss(spy, SCHEDULE, target, clean, place, 0.0, fixed(4)))
        noisy, step, told = seen.pop()
        assert torch.equal(told, place)
        assert int(step.min()) >= 1
        assert int(step.max()) <= SCHEDULE.steps
        total = 0.0
        for i, c, t in np.ndindex(5, 2, 3):
            abar = float(SCHEDULE.abar[step[i]])
            x0 = float(clean[i, c, t])
            noise = (float(noisy[i, c, t]) - abar**0.5 * x0) / (1 - abar) ** 0.5
            wanted = noise if target == "noise" else abar**0.5 * noise - (1 - abar) ** 0.5 * x0
            total += (0.25 - wanted) ** 2 / 30
        assert got == pytest.approx(total, rel=1e-9)


def test_the_class_is_hidden_as_often_as_told() -> None:
    hidden = []

    def spy(noisy: Tensor, step: Tensor, told: Tensor) -> Tensor:
        hidden.append((told == NO_CLASS).double().mean())
        return noisy

    clean, place = torch.zeros(4000, 1, 1), torch.full((4000,), 2)
    simple_loss(spy, SCHEDULE, "noise", clean, place, 0.3, fixed())
    assert float(hidden[0]) == pytest.approx(0.3, abs=0.03)


@given(
    length=st.integers(1, 30),
    crop=st.integers(1, 30),
    shifts=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_draw_is_a_piece_of_its_window(length: int, crop: int, shifts: bool, seed: int) -> None:
    crop = min(crop, length)
    x = torch.arange(3 * 2 * length, dtype=torch.float64).view(3, 2, length)
    drawn, places = Batches(x, torch.tensor([0, 1, 2]), 7, crop, shifts).draw(fixed(seed))
    for window, place in zip(drawn, places, strict=True):
        source = x[int(place)]
        start = int(window[0, 0] - source[0, 0])
        assert torch.equal(window, torch.cat([source, source], 1)[:, start : start + crop])
        assert shifts or start + crop <= length


@given(length=st.integers(1, 70), channels=st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_the_network_takes_windows_of_any_length(length: int, channels: int) -> None:
    network = seeded(lambda: ClassUNet(channels, length, 16, 3), fixed())
    noisy = torch.randn(2, channels, length, generator=fixed())
    assert network(noisy, torch.zeros(2), torch.tensor([0, 2])).shape == noisy.shape


def test_the_network_is_told_the_noise_in_the_window() -> None:
    told: list[Tensor] = []

    class Spy(torch.nn.Module):
        def forward(self, noisy: Tensor, log_sigma: Tensor, place: Tensor) -> Tensor:
            told.append(log_sigma)
            return noisy

    steps = torch.tensor([1, 30, 100])
    of_step(Spy(), SCHEDULE)(torch.zeros(3, 1, 4), steps, steps)  # type: ignore[arg-type]
    for t, value in zip(steps.tolist(), told[0].tolist(), strict=True):
        abar = float(SCHEDULE.abar[t])
        assert value == pytest.approx(0.5 * np.log((1 - abar) / abar), rel=1e-5)


def test_the_class_decides_what_is_made() -> None:
    generator = built(steps=150, learning_rate=3e-3).pretrain(normals(), rng())
    generator.adapt(two_levels(6), rng())
    for label, level in (("up", 2.0), ("down", -2.0)):
        made = generator.sample(30, rng(1), label=label).x
        assert abs(made.mean() - level) < 0.5
        assert (np.sign(made.mean(axis=(1, 2))) == np.sign(level)).mean() > 0.9


def test_windows_stay_within_reach_of_the_shots() -> None:
    generator = built(steps=1).pretrain(normals(), rng())  # untrained, it would make anything
    shots = two_levels(4)
    shots.x[:, 1] *= 200.0  # far beyond where compression begins
    generator.adapt(shots, rng())
    scaler = generator.scalers_[0]
    made = generator.sample(40, rng(1), label="up").x

    def reach(x: np.ndarray) -> np.ndarray:
        far = np.abs(x - scaler.mean[:, None]) / scaler.deviation[:, None]
        return far.max(axis=(0, 2))

    ratio = reach(made) / reach(shots.of("up").x)
    assert (ratio < 1.26).all()
    assert (ratio > 1.1).any()


def test_pretrained_on_normals_it_starts_where_they_left_it(tmp_path: Path) -> None:
    generator = built(pretrain_steps=5, steps=0).pretrain(normals(), rng())
    loaded = load_generator(generator.save(tmp_path / "pretrained"))
    loaded.adapt(two_levels(3), rng(1))
    assert isinstance(loaded, DDPM)
    pretrained, network = loaded.model_.pretrained, loaded.model_.network
    assert pretrained is not None
    assert network is not None
    for name, weight in network.state_dict().items():
        known = pretrained[name]
        assert torch.equal(weight[: len(known)], known)
    assert len(network.table.weight) == 4  # none, normal, two faults
    assert set(loaded.curves_) == {"pretrain", "adapt"}
    again = load_generator(loaded.save(tmp_path / "adapted"))
    again.adapt(two_levels(3), rng(1))
    made = [g.sample(2, rng(2), label="up").x for g in (loaded, again)]
    assert np.array_equal(*made)


def test_extended_weights_keep_new_classes_as_they_started() -> None:
    small, large = (seeded(lambda c=c: ClassUNet(1, 16, 16, c), fixed(c)) for c in (2, 5))
    merged = extended(small.state_dict(), large)
    assert torch.equal(merged["table.weight"][:2], small.table.weight)
    assert torch.equal(merged["table.weight"][2:], large.table.weight[2:])


def test_on_normals_scaling_needs_them_on_classes_it_does_not() -> None:
    with pytest.raises(InputError, match=r"call pretrain\(normal windows\) before adapt"):
        built().adapt(two_levels(3), rng())
    made = built(scaling="class", steps=2).adapt(two_levels(3), rng())
    assert np.isfinite(made.sample(2, rng(), label="up").x).all()


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    calm = built(steps=40).pretrain(normals(), rng()).adapt(two_levels(3), rng())

    class Killed(Exception):
        pass

    def kill(done: int, total: int, how: str) -> None:
        if done >= 20:
            raise Killed

    cut = built(steps=40).pretrain(normals(), rng())
    cut.checkpoint, cut.progress = tmp_path, kill
    with pytest.raises(Killed):
        cut.adapt(two_levels(3), rng())
    cut.progress = None
    cut.adapt(two_levels(3), rng())
    made = [g.sample(3, rng(2), label="down").x for g in (calm, cut)]
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"width": 20}, "width a multiple of 8"),
        ({"guidance": 1.0, "dropped": 0.0}, "dropped > 0 where guidance"),
        ({"sample_steps": 51}, r"sample_steps 1 to noise_steps \(50\)"),
        ({"scaling": "shots"}, "scaling normal or whiten or class or spectrum"),
        ({"crop": 0}, "crop an integer >= 1"),
    ],
)
def test_settings_that_make_no_sense_are_named(config: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        built(**config)


@pytest.mark.data
@pytest.mark.slow
def test_on_all_data_of_one_fault_the_line_comes_out(recordings: Path) -> None:
    path = next((recordings / "cwru").rglob("209_0.mat"))
    samples = loadmat(path)["X209_DE_time"][:, 0].astype(np.float32)
    count = len(samples) // 1024
    x = samples[: count * 1024].reshape(count, 1, 1024)
    table = {"label": np.full(count, "inner"), "rpm": np.full(count, 1797.0)}
    windows = WindowSet(x, {**table, "bearing": np.full(count, "6205")}, 12000.0, ("DE",))
    shots, real = windows.take(slice(0, count // 2)), windows.take(slice(count // 2, None))
    preset = load_preset("ddpm-vibration", "generator")
    generator = build_generator(preset.method, **preset.config).adapt(shots, rng())
    made = generator.sample(len(real), rng(1))
    assert set_line(made) > 0.7 * set_line(real)
