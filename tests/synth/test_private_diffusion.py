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
from faultsyn.synth.diffusion_ts.adapter import ClassAdapters
from faultsyn.synth.diffusion_ts.denoising import Denoising, PrivateLesson
from faultsyn.synth.diffusion_ts.network import Adapted, Trunk
from faultsyn.synth.diffusion_ts.settings import Layout
from faultsyn.synth.faultdiffusion_paper import FaultDiffusionPaper
from faultsyn.synth.gaussian_diffusion.schedule import cosine_schedule

TINY: dict[str, Any] = {
    "width": 8, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "noise_steps": 10,
    "pretrain_steps": 4, "adapt_steps": 3, "batch": 6, "adapt_batch": 4, "diversity_weight": 0.0,
}  # fmt: skip
BUDGET = {"epsilon": 4.0, "delta": 1e-3}


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
