"""FaultDiffusion as published, trained by DP-SGD: gradients, claims, and what stays behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synth_sets import make

from faultsyn.errors import InputError
from faultsyn.neural import Privately, built_with
from faultsyn.neural.private import private_gradients
from faultsyn.privacy.accountant import Ledger
from faultsyn.synth import load_generator
from faultsyn.synth.diffusion.describe import N_TOLD
from faultsyn.synth.diffusion.normals import PrivateNormals
from faultsyn.synth.diffusion.reading import Readable
from faultsyn.synth.diffusion.skeleton import N_GUIDES
from faultsyn.synth.diffusion.unet import UNet
from faultsyn.synth.diffusion.vibration import FaultDiffusionVibration
from faultsyn.synth.diffusion_ts.adapter import ClassAdapters
from faultsyn.synth.diffusion_ts.denoising import Denoising, PrivateLesson
from faultsyn.synth.diffusion_ts.network import Adapted, Trunk
from faultsyn.synth.diffusion_ts.settings import Layout
from faultsyn.synth.faultdiffusion import FaultDiffusion
from faultsyn.synth.faultdiffusion_paper import FaultDiffusionPaper
from faultsyn.synth.gaussian_diffusion.schedule import cosine_schedule
from faultsyn.synth.private.step import Units

TINY: dict[str, Any] = {
    "width": 8, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "noise_steps": 10,
    "pretrain_steps": 4, "adapt_steps": 3, "batch": 6, "adapt_batch": 4, "diversity_weight": 0.0,
}  # fmt: skip
BUDGET = {"epsilon": 4.0, "delta": 1e-3}
"""Noise from the operating system, as by default."""


@pytest.mark.parametrize("adapters", [False, True])
def test_gradients_through_the_real_network_are_those_of_a_loop(adapters: bool) -> None:
    layout = Layout(3, 24, 8, 2, 1, 1, 3, 3, 5, 1.0, True)
    network: torch.nn.Module = built_with(0, lambda: Trunk(layout))
    if adapters:
        made = built_with(1, lambda: ClassAdapters(layout))
        for parameter in made.parameters():  # they start at zero, where half the gradients vanish
            torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(2))
        network = Adapted(network, made)
    generator = torch.Generator().manual_seed(3)
    windows = torch.randn(8, 3, 24, generator=generator)
    task = Denoising(cosine_schedule(10), "window", 1.0)
    units = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3])
    lesson = PrivateLesson(task, windows, units, 2, torch.device("cpu"))
    assert lesson.units == 4
    drawn = lesson.draw(torch.arange(4), torch.Generator().manual_seed(4))
    for unit, clean in enumerate(drawn[0]):
        own = windows[units == unit]
        assert all(any(torch.equal(one, other) for other in own) for one in clean)
    lesson.draw = lambda chosen, generator: drawn  # type: ignore[method-assign]
    trained = [p for p in network.parameters() if p.requires_grad]
    expected = [torch.zeros_like(p) for p in trained]
    clip = 0.3
    for unit in range(4):
        network.zero_grad()
        lesson.loss(network, *(part[unit] for part in drawn)).backward()
        norm = float(torch.sqrt(sum(p.grad.square().sum() for p in trained)))
        for total, p in zip(expected, trained, strict=True):
            total += p.grad * min(1.0, clip / norm) / 4
    network.zero_grad()
    optimiser = torch.optim.SGD(trained, lr=1.0)
    private_gradients(network, optimiser, lesson, Privately(0.0, clip, 1.0), generator)
    for p, total in zip(trained, expected, strict=True):
        torch.testing.assert_close(p.grad, total, rtol=1e-3, atol=1e-6)


def trained(privacy: dict[str, Any] | None, seed: int = 0, **over: Any) -> FaultDiffusionPaper:
    sets, rng = make("process"), np.random.default_rng(seed)
    made = FaultDiffusionPaper(**{**TINY, **over}, privacy=privacy)
    made.pretrain(sets.normal, rng)
    return made.adapt(sets.shots, rng)


def test_a_private_pretraining_states_what_it_spent(tmp_path: Path) -> None:
    made = trained({"pretrain": BUDGET})
    claim = made.privacy_["pretrain"]
    spent = Ledger().subsampled(claim["noise multiplier"], claim["sampling rate"], claim["steps"])
    assert spent.epsilon(1e-3) == pytest.approx(claim["epsilon"], rel=1e-3)
    assert 0.98 * 4 < claim["epsilon"] <= 4
    assert (claim["unit"], claim["units"], claim["sampling rate"]) == ("window", 24, 6 / 24)
    assert "deviation" in claim["public"]
    assert "pretrain" not in made.curves_
    assert "adapt" not in made.privacy_
    again = load_generator(made.save(tmp_path / "a"))
    assert again.privacy_ == made.privacy_


def test_a_private_adaptation_leaves_nothing_of_the_shots_behind(tmp_path: Path) -> None:
    made = trained({"pretrain": BUDGET, "adapt": BUDGET})
    claim = made.privacy_["adapt"]
    assert claim["units"] == 8
    assert "little but noise" in claim["warning"]
    arrays, info = made._state()
    assert arrays["shots.x"].size == 0
    assert set(info["shots"]["text"]) == {"label"}
    assert not [name for name in arrays if name.startswith("shots.table")]
    assert made.curves_ == {}
    windows = load_generator(made.save(tmp_path / "a")).sample(
        3, np.random.default_rng(1), label="inner"
    )
    assert np.isfinite(windows.x).all()
    assert set(windows.table) <= {"label", "synthetic", "recording", "asset", "source"}


def test_a_unit_that_has_several_classes_pays_for_each() -> None:
    """All shots of a class are of one asset: one unit, in every step."""
    claim = trained({"adapt": {**BUDGET, "unit": "asset"}}).privacy_["adapt"]
    assert (claim["units"], claim["sampling rate"]) == (2, 1.0)
    sets, rng = make("process"), np.random.default_rng(0)
    shared = sets.shots.with_columns(asset="one")
    made = FaultDiffusionPaper(**TINY, privacy={"adapt": {**BUDGET, "unit": "asset"}})
    made.pretrain(sets.normal, rng).adapt(shared, rng)
    both = made.privacy_["adapt"]
    assert both["units"] == 1
    assert both["noise multiplier"] == pytest.approx(2**0.5 * claim["noise multiplier"], rel=0.02)


def test_seeded_noise_is_repeated_and_secret_noise_is_not() -> None:
    def weights(secret: bool) -> np.ndarray:
        step = {**BUDGET, "secret": secret}
        made = FaultDiffusionPaper(**{**TINY, "pretrain_steps": 1}, privacy={"pretrain": step})
        made.pretrain(make("process").normal, np.random.default_rng(0))
        return made.model_.trunk.rest.weight.detach().numpy()

    assert np.array_equal(weights(False), weights(False))
    assert not np.array_equal(weights(True), weights(True))


def test_no_bound_trains_without_noise_and_claims_nothing() -> None:
    made = trained({"pretrain": {"epsilon": None}})
    assert made.privacy_ == {}


def test_losses_that_couple_windows_are_refused_with_the_reason() -> None:
    made = FaultDiffusionPaper(**{**TINY, "diversity_weight": 0.1}, privacy={"adapt": BUDGET})
    with pytest.raises(InputError, match="couples the windows of a batch"):
        made.check_config()
    FaultDiffusionPaper(
        **{**TINY, "diversity_weight": 0.1}, privacy={"pretrain": BUDGET}
    ).check_config()


@pytest.mark.parametrize(
    ("privacy", "says"),
    [
        ({"train": BUDGET}, "expected pretrain or adapt"),
        ({"pretrain": {"epsilom": 1.0}}, "did you mean 'epsilon'"),
        ({"pretrain": {"delta": 1e-5}}, "expected epsilon"),
        ({"pretrain": {"epsilon": -1.0}}, "number > 0 or null"),
        ({"pretrain": {"epsilon": 1.0, "clip": 0.0}}, "clip > 0"),
    ],
)
def test_a_senseless_budget_is_refused(privacy: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        FaultDiffusionPaper(**TINY, privacy=privacy).check_config()


def test_gradients_through_the_vibration_trunk_are_those_of_a_loop() -> None:
    """Channels-last convolutions and attention by unit, against one backward pass for each."""
    normal = Readable(make("vibration").normal.take(np.arange(5)), None, 0.01, "test")
    network = built_with(0, lambda: UNet(N_GUIDES, N_TOLD, widths=(8, 16, 16)))
    for parameter in network.parameters():  # some start at zero, where other gradients vanish
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(2))
    how = Units(np.array([0, 0, 1, 2, 2]), 2, 0.0, 0.3, 1.0)
    lesson = PrivateNormals(normal, 256, how)
    assert lesson.units == 3
    drawn = lesson.draw(torch.arange(3), torch.Generator().manual_seed(4))
    assert drawn[0].shape == (3, 2, 1, 256)
    lesson.draw = lambda chosen, generator: drawn  # type: ignore[method-assign]
    trained = list(network.parameters())
    expected = [torch.zeros_like(p) for p in trained]
    for unit in range(3):
        network.zero_grad()
        lesson.loss(network, *(part[unit] for part in drawn)).backward()
        norm = float(torch.sqrt(sum(p.grad.square().sum() for p in trained)))
        for total, p in zip(expected, trained, strict=True):
            total += p.grad * min(1.0, how.clip / norm) / 3
    network.zero_grad()
    private_gradients(
        network,
        torch.optim.SGD(trained, lr=1.0),
        lesson,
        Privately(0.0, how.clip, 1.0),
        torch.Generator(),
    )
    for p, total in zip(trained, expected, strict=True):
        torch.testing.assert_close(p.grad, total, rtol=1e-3, atol=1e-6)


def test_a_unit_is_trained_on_its_own_normal_windows() -> None:
    normal = Readable(make("vibration").normal.take(np.arange(4)), None, 0.01, "test")
    lesson = PrivateNormals(normal, 512, Units(np.array([0, 1, 1, 0]), 3, 0.0, 1.0, 1.0))
    x = lesson.draw(torch.tensor([1, 0]), torch.Generator().manual_seed(0))[0].numpy()
    for made, rows in zip(x, ([1, 2], [0, 3]), strict=True):
        for one in made[:, 0]:  # rotated, so told by its spectrum
            lines = np.abs(np.fft.rfft(one))
            known = np.abs(np.fft.rfft(normal.read(np.array(rows)).x)).reshape(-1, len(lines))
            assert np.abs(known - lines).max(axis=1).min() < 1e-3 * lines.max()


VIBRATION: dict[str, Any] = {
    "pretrain_on": "normal", "pretrain_steps": 2, "steps": 1, "batch": 2, "sampler_steps": 2,
    "equalise": False, "guidance": 1.0,
}  # fmt: skip


def test_the_vibration_trunk_states_what_its_pretraining_spent(tmp_path: Path) -> None:
    sets = make("vibration")
    made = FaultDiffusionVibration(**VIBRATION, privacy={"pretrain": BUDGET})
    made.pretrain(sets.normal, np.random.default_rng(0))
    made.adapt(sets.shots, np.random.default_rng(1))
    claim = made.privacy_["pretrain"]
    spent = Ledger().subsampled(claim["noise multiplier"], claim["sampling rate"], claim["steps"])
    assert spent.epsilon(1e-3) == pytest.approx(claim["epsilon"], rel=1e-3)
    assert (claim["unit"], claim["units"]) == ("window", 24)
    assert claim["noise from"] == "the operating system"
    assert "little but noise" in claim["warning"]
    assert set(made.curves_) == {"adapt"}
    loaded = load_generator(made.save(tmp_path / "a"))
    assert loaded.privacy_ == made.privacy_
    rng = np.random.default_rng(2)
    assert np.isfinite(loaded.sample(2, rng, label="inner").x).all()


def test_the_router_hands_on_what_its_route_claims() -> None:
    config = {**VIBRATION, "privacy": {"pretrain": BUDGET}}
    made = FaultDiffusion(vibration=config)
    made.pretrain(make("vibration").normal, np.random.default_rng(0))
    assert made.privacy_["pretrain"]["unit"] == "window"
    seeded = FaultDiffusion.repeatable({"vibration": config})
    assert seeded["vibration"]["privacy"]["pretrain"]["secret"] is False
    assert FaultDiffusion.repeatable({}) == {}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"privacy": {"adapt": BUDGET}}, "would hide none of that"),
        ({"pretrain_on": "shipped"}, "have seen no recording"),
        ({"pretrain_on": "simulator"}, "have seen no recording"),
    ],
)
def test_vibration_refuses_privacy_that_would_be_a_sham(config: dict[str, Any], says: str) -> None:
    made = FaultDiffusionVibration(**{**VIBRATION, "privacy": {"pretrain": BUDGET}, **config})
    with pytest.raises(InputError, match=says):
        made.check_config()
