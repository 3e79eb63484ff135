"""VAE, TimeVAE and adversarial autoencoder: bounds, parts and losses against other computations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.neural import Recipe, seeded, train
from faultsyn.synth import build_generator
from faultsyn.synth.autoencoder.adversarial import AdversarialAutoencoder, discrimination_loss
from faultsyn.synth.autoencoder.elbo import channel_variance, divergence, drawn, surprise
from faultsyn.synth.autoencoder.networks import Variational
from faultsyn.synth.autoencoder.time_variational import Seasons, TimeVariational, Trend
from faultsyn.synth.convolutional.layout import Layout
from faultsyn.synth.gaussian_diffusion.batches import Batches
from faultsyn.windows import NORMAL, WindowSet, concat

LAYOUT = Layout(2, (20,), 4)


def fixed(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=fixed(seed), dtype=torch.float64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def waves(n: int, label: str, seed: int = 0) -> WindowSet:
    """Two channels of 20 samples: a wave of random phase around a level that is the label's."""
    level = {NORMAL: 0.0, "up": 2.0, "down": -2.0}[label]
    phase = rng(seed).uniform(0, 2 * np.pi, (n, 1, 1))
    x = level + np.sin(2 * np.pi * np.arange(20) / 20 + phase) + np.zeros((1, 2, 1))
    x = x + 0.2 * rng(seed + 50).standard_normal(x.shape)
    return WindowSet(x.astype(np.float32), {"label": np.full(n, label)}, 1.0, ("a", "b"))


def test_what_is_coded_is_how_a_window_differs_from_the_level_of_its_class() -> None:
    network = seeded(lambda: Variational(LAYOUT, 3, 2, 1.0, False), fixed())
    x, place = torch.randn(6, 2, 20, generator=fixed(1)), torch.tensor([0, 0, 0, 0, 1, 1])
    network.prepare(x, place)
    assert torch.allclose(network.level[0, :, 0], x[:4].mean(dim=(0, 2)))
    before = network.encode(x, place)
    moved = x + torch.tensor([3.0, -5.0])[place][:, None, None]
    network.prepare(moved, place)
    after = network.encode(moved, place)
    assert torch.allclose(before[0], after[0], atol=1e-5)
    made = network.decode(before[0], place)
    network.prepare(x, place)
    lifted = made - network.decode(before[0], place)
    assert torch.allclose(lifted, (moved - x), atol=1e-5)


@given(mean=st.floats(-3, 3), log_variance=st.floats(-4, 2))
@settings(max_examples=25, deadline=None)
def test_the_divergence_is_the_integral(mean: float, log_variance: float) -> None:
    q = norm(mean, math.exp(log_variance / 2))

    def integrand(z: float) -> float:
        return float(q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)))

    wide = 12 * math.exp(log_variance / 2)
    wanted, _ = quad(integrand, mean - wide, mean + wide, limit=200)
    got = divergence(
        torch.tensor([[mean]], dtype=torch.float64),
        torch.tensor([[log_variance]], dtype=torch.float64),
    )
    assert float(got) == pytest.approx(wanted, abs=1e-6)


def test_divergences_of_latents_add_up_and_draws_have_the_posterior() -> None:
    mean, log_variance = some(1, 3), some(1, 3, seed=1)
    parts = [divergence(mean[:, [j]], log_variance[:, [j]]) for j in range(3)]
    assert torch.allclose(divergence(mean, log_variance), torch.stack(parts).sum(dim=0))
    many = drawn(mean.expand(20000, -1), log_variance.expand(20000, -1), fixed(2))
    assert torch.allclose(many.mean(dim=0), mean[0], atol=0.05)
    assert torch.allclose(many.var(dim=0), log_variance[0].exp(), rtol=0.05)


def test_surprise_is_the_normal_density_at_the_likeliest_variance() -> None:
    x, made = some(4, 2, 5), some(4, 2, 5, seed=1)
    variance = channel_variance(x, made)
    got = surprise(x, made, variance)
    for i in range(4):
        wanted = -norm.logpdf(x[i].numpy(), made[i].numpy(), variance.sqrt()[:, None].numpy()).sum()
        assert float(got[i]) == pytest.approx(wanted, rel=1e-9)
    for factor in (0.9, 1.1):  # up to the floor of 1e-4, nothing is likelier
        assert surprise(x, made, factor * variance).sum() > got.sum()


def test_the_bound_touches_the_evidence_at_the_true_posterior_only() -> None:
    # z ~ N(0, 1), x | z ~ N(a z, s^2): evidence N(0, a^2 + s^2), posterior in closed form.
    a, s, x = 0.8, 0.5, torch.tensor([[[1.3]]], dtype=torch.float64)
    evidence = norm.logpdf(1.3, 0, math.hypot(a, s))
    precision = 1 + a**2 / s**2
    true = (a * 1.3 / s**2 / precision, -math.log(precision))

    def bound(mean: float, log_variance: float) -> float:
        m = torch.full((100000, 1), mean, dtype=torch.float64)
        v = torch.full((100000, 1), log_variance, dtype=torch.float64)
        z = drawn(m, v, fixed(1))
        error = surprise(x.expand(len(z), 1, 1), a * z[..., None], torch.tensor([s**2])).mean()
        return -float(error + divergence(m[:1], v[:1]))

    assert bound(*true) == pytest.approx(evidence, abs=5e-3)
    assert bound(true[0] + 0.5, true[1]) < evidence - 0.1
    assert bound(true[0], true[1] + 1.0) < evidence - 0.1


def test_beta_weighs_the_divergence_and_nothing_else() -> None:
    x, made, mean, log_variance = some(3, 2, 20), some(3, 2, 20, seed=1), some(3, 4), some(3, 4)
    bounds = [
        seeded(lambda b=beta: Variational(LAYOUT, 4, 2, b, False), fixed()).bound(
            x, made, mean, log_variance
        )
        for beta in (0.0, 1.0, 4.0)
    ]
    kl = divergence(mean, log_variance)
    assert torch.allclose(bounds[1] - bounds[0], kl)
    assert torch.allclose(bounds[2] - bounds[0], 4 * kl)
    assert torch.allclose(bounds[0], surprise(x, made, channel_variance(x, made)))


def test_the_trend_is_a_polynomial_of_its_degree() -> None:
    trend = seeded(lambda: Trend(3, 2, 15, 2), fixed()).double()
    trend.powers = torch.stack(
        [(torch.arange(15, dtype=torch.float64) / 15) ** p for p in range(3)]
    )
    made = trend(some(4, 3)).detach().numpy()
    time = np.arange(15) / 15
    for channel in made.reshape(-1, 15):
        assert np.allclose(np.polyval(np.polyfit(time, channel, 2), time), channel, atol=1e-9)
    assert np.abs(np.diff(made, n=2, axis=-1)).max() > 1e-6  # and not just a line


@given(count=st.integers(1, 5), samples=st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_seasons_hold_and_come_again(count: int, samples: int) -> None:
    seasons = seeded(lambda: Seasons(3, 2, 40, (count, samples)), fixed())
    made = seasons(torch.randn(2, 3, generator=fixed())).detach()
    period = count * samples
    for t in range(40):
        assert torch.equal(made[..., t], made[..., t % period])
        assert torch.equal(made[..., t], made[..., t - t % samples])
    assert len(torch.unique(made[0, 0])) == min(count, -(-40 // samples))


def test_timevae_adds_its_parts_and_weighs_the_error() -> None:
    network = seeded(lambda: TimeVariational(LAYOUT, 3, 2, 2, [(4, 5)], 3.0, False), fixed())
    code, place = torch.randn(5, 3, generator=fixed(1)), torch.tensor([0, 1, 0, 1, 1])
    network.prepare(torch.randn(5, 2, 20, generator=fixed(2)), place)
    parts = network.parts(code, place)
    together = network.level[place] + parts[0] + parts[1] + parts[2]
    assert torch.allclose(network.decode(code, place), together)
    assert all(part.abs().max() > 0 for part in parts)
    x, made, mean, log_variance = some(3, 2, 20), some(3, 2, 20, seed=1), some(3, 3), some(3, 3)
    got = network.bound(x, made, mean, log_variance)
    for i in range(3):
        error = sum(
            (float(a) - float(b)) ** 2 for a, b in zip(x[i].ravel(), made[i].ravel(), strict=True)
        )
        wanted = 3 * error + float(divergence(mean[[i]], log_variance[[i]]))
        assert float(got[i]) == pytest.approx(wanted, rel=1e-9)


def test_the_discriminator_of_codes_has_the_cross_entropy() -> None:
    prior, codes = some(4, 1), some(4, 1, seed=1)
    wanted = [math.log1p(math.exp(-float(y))) for y in prior]
    wanted += [math.log1p(math.exp(float(y))) for y in codes]
    assert float(discrimination_loss(prior, codes)) == pytest.approx(np.mean(wanted), rel=1e-9)


def test_each_turn_of_the_adversarial_autoencoder_has_its_player() -> None:
    network = seeded(lambda: AdversarialAutoencoder(LAYOUT, 3, 2, 0.5), fixed())
    x, place = torch.randn(6, 2, 20, generator=fixed(1)), torch.arange(6) % 2
    turns = network.lessons(Batches(x, place, 4, 20, False))
    assert not callable(turns)
    players = {}
    for turn in turns:
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(turn.loss(fixed(2)), inputs=list(turn.player.parameters()))
        touched = (name for name, p in network.named_parameters() if p.grad is not None)
        players[turn.name] = {name.split(".")[0] for name in touched}
    assert players == {
        "reconstruction": {"encoder", "decoder"},
        "discriminator": {"discriminator"},
        "regularisation": {"encoder"},
    }


def fitted(name: str, **config: Any) -> Any:
    quick = {"width": 8, "latent": 4, "steps": 100, "batch": 16, "learning_rate": 5e-3}
    generator = build_generator(name, **{**quick, **config})
    generator.pretrain(waves(40, NORMAL), rng())
    return generator.adapt(concat([waves(8, "up", 1), waves(8, "down", 2)]), rng())


@pytest.mark.parametrize(
    ("name", "normals"),
    [("vae", True), ("vae", False), ("timevae", False), ("adversarial-autoencoder", True)],
)
def test_the_class_decides_the_level(name: str, normals: bool) -> None:
    generator = fitted(name, normals=normals)
    for label, level in (("up", 2.0), ("down", -2.0)):
        made = generator.sample(60, rng(3), label=label).x
        assert abs(made.mean() - level) < 0.3
        assert made.mean(axis=(1, 2)).std() < 0.5
        assert made.std(axis=0).mean() > 0.3  # real 0.74


def test_the_adversary_brings_codes_to_the_prior() -> None:
    x, place = torch.randn(64, 2, 20, generator=fixed(1)), torch.arange(64) % 2
    network = seeded(lambda: AdversarialAutoencoder(LAYOUT, 2, 2, 1.0), fixed())
    with torch.no_grad():
        network.encoder[1].bias.fill_(3.0)

    def away() -> tuple[float, float]:
        with torch.no_grad():
            codes = network.encode(x, place)
        return float(codes.mean(dim=0).abs().mean()), float((codes.std(dim=0) - 1).abs().mean())

    before = away()
    turns = network.lessons(Batches(x, place, 32, 20, False))[1:]  # reconstruction left out
    recipe = Recipe(150, 5e-3, weight_decay=0.0)
    train(network, turns, fixed(2), recipe, "test")
    after = away()
    assert before[0] > 2.5
    assert after[0] < 0.7
    assert after[1] < before[1]


def test_the_noise_of_a_vae_is_what_it_leaves_unexplained() -> None:
    generator = fitted("vae", noise=False, normals=False)
    network, scaler = generator.model_.network, generator.normal_scaler_
    x = torch.from_numpy(scaler.apply(generator.shots_.x))
    place = torch.from_numpy((generator.shots_.labels == "down").astype(int))
    with torch.no_grad():
        made = network.decode(network.encode(x, place)[0], place)
    left = network.deviation.numpy()
    assert np.allclose((x - made).std(dim=(0, 2)), left, rtol=0.3)

    def drawn(noisy: bool) -> np.ndarray:
        network.noisy = noisy
        return scaler.apply(generator.sample(200, rng(1), label="up").x)

    calm, wild = drawn(False), drawn(True)
    assert np.allclose((wild - calm).std(axis=(0, 2)), left, rtol=0.05)
    neighbours = np.mean((wild - calm)[..., 1:] * (wild - calm)[..., :-1])
    assert abs(neighbours) < 0.05 * left.max() ** 2  # white


def test_a_model_that_makes_one_window_or_copies_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = fitted("vae", normals=False)
    assert generator.warnings_ == ()
    shots = {place: generator._scaled(place) for place in (0, 1)}

    def one_window_of_up_and_every_shot_of_down(n: int, place: int, rng: object) -> np.ndarray:
        rows = np.arange(n) % len(shots[place])
        return shots[place][rows if place else np.zeros(n, int)]

    monkeypatch.setattr(generator, "_generate", one_window_of_up_and_every_shot_of_down)
    generator._judge()
    collapsed, copied = generator.warnings_
    assert collapsed.startswith("up: collapsed")
    assert copied.startswith("down: memorised (100 % copies")


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(InputError, match="beta a number >= 0"):
        build_generator("vae", beta=-1.0)
    with pytest.raises(InputError, match="seasons pairs of integers >= 1"):
        build_generator("timevae", seasons=[[7, 0]])
    with pytest.raises(InputError, match="adversarial_rate a number > 0"):
        build_generator("adversarial-autoencoder", adversarial_rate=0.0)
