"""The private generators: what they spend, what one unit can move, what they keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synth_sets import features, make

from faultsyn.errors import InputError
from faultsyn.neural import built_with
from faultsyn.privacy.accountant import Ledger
from faultsyn.privacy.canary import canary_bound
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.dp2_vae import DP2VAE
from faultsyn.synth.dp_merf import private_embedding
from faultsyn.synth.pate_gan import _partition
from faultsyn.synth.private.adversarial import JudgeLesson, StudentLesson, TeacherLesson
from faultsyn.synth.private.autoencoding import DecoderLesson
from faultsyn.synth.private.lessons import Protected
from faultsyn.synth.private.networks import Coder, Judge, Judges, Maker
from faultsyn.windows import NORMAL, WindowSet, concat

SMALL: dict[str, dict[str, Any]] = {
    "dp-merf": {"frequencies": 30, "width": 16, "latent": 4, "steps": 5},
    "dp2-vae": {"width": 16, "latent": 4, "pretrain_steps": 5, "steps": 5, "batch": 4},
    "dp-cgan": {"width": 16, "latent": 4, "steps": 5, "batch": 4},
    "pate-gan": {"width": 16, "latent": 4, "steps": 5, "batch": 4, "teachers": 3},
}


def learned(name: str, shots: WindowSet | None = None, **over: Any) -> Any:
    config = {**SMALL[name], "space": "features", **over}
    rng = np.random.default_rng(0)
    made = build_generator(name, **config).pretrain(features(40, NORMAL, 0), rng)
    return made.adapt(make("features").shots if shots is None else shots, rng)


def protected(units: int = 9, of_each: int = 2, size: int = 5) -> Protected:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(units * of_each, size, generator=generator)
    places = torch.arange(units * of_each) // of_each % 2
    return Protected(rows, places, torch.arange(units).repeat_interleave(of_each))


@pytest.mark.parametrize("name", SMALL)
def test_what_is_stated_is_what_was_spent(name: str, tmp_path: Path) -> None:
    made = learned(name, epsilon=2.0, delta=1e-3)
    claim = made.privacy_["adapt"]
    if name == "dp-merf":
        spent = Ledger().gaussian(claim["noise"])
    elif name == "pate-gan":
        spent = Ledger().gaussian(claim["noise on votes"], claim["votes"])
    else:
        rate, steps = claim["sampling rate"], claim["steps"]
        spent = Ledger().subsampled(claim["noise multiplier"], rate, steps)
    assert spent.epsilon(1e-3) == pytest.approx(claim["epsilon"], rel=2e-3)
    assert 1.95 < claim["epsilon"] <= 2.0
    assert (claim["unit"], claim["units"]) == ("window", 8)
    assert "healthy" in claim["public"]
    assert load_generator(made.save(tmp_path / "a")).privacy_ == made.privacy_
    assert learned(name, epsilon=None).privacy_ == {}


@pytest.mark.parametrize("name", SMALL)
def test_nothing_of_a_shot_is_kept(name: str) -> None:
    made = learned(name)
    arrays, info = made._state()
    assert {key.split(".")[0] for key in arrays} <= {"scaler", "maker", "coder"}
    assert set(info) == {"table", "units"}
    windows = made.sample(2, np.random.default_rng(0), label="inner")
    assert "severity" not in windows.table
    if name != "dp-merf":  # its curve compares with the noisy mean, the others' with the shots
        assert "adapt" not in made.curves_


@pytest.mark.parametrize("name", SMALL)
def test_a_unit_may_be_an_asset(name: str) -> None:
    claim = learned(name, unit="asset", epsilon=2.0).privacy_["adapt"]
    assert (claim["unit"], claim["units"]) == ("asset", 2)
    with pytest.raises(InputError, match="unit of privacy is the asset"):
        learned(name, make("features").shots.with_columns(asset=""), unit="asset")


@pytest.mark.parametrize("name", SMALL)
def test_seeded_noise_repeats_and_secret_noise_does_not(name: str) -> None:
    def row(secret: bool) -> np.ndarray:
        made = learned(name, secret=secret, epsilon=1.0)
        return made.sample(1, np.random.default_rng(0), label="inner").x

    assert np.array_equal(row(False), row(False))
    assert not np.array_equal(row(True), row(True))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("dp-merf", {"steps": 200, "frequencies": 100}),
        ("dp2-vae", {"steps": 150, "pretrain_steps": 50, "batch": 32, "clip": 2.0}),
        ("dp-cgan", {"steps": 250, "batch": 32}),
    ],
)
def test_without_noise_the_classes_come_out(name: str, config: dict[str, Any]) -> None:
    shots = concat([features(60, "inner", 1), features(60, "outer", 2)])
    made = learned(name, shots, epsilon=None, **config)
    rng = np.random.default_rng(1)
    inner, outer = (made.sample(80, rng, label=c).rows.mean() for c in ("inner", "outer"))
    assert inner > 0.7  # 2 in truth
    assert outer < -0.7


def test_one_unit_moves_the_embedding_by_one_at_most_and_the_noise_is_as_told() -> None:
    data = protected(units=9, of_each=3)
    frequencies = torch.randn(5, 40, generator=torch.Generator().manual_seed(2))

    def total(part: Protected, noise: float = 0.0, seed: int = 0) -> torch.Tensor:
        counts = torch.bincount(part.places[::3], minlength=2)[:, None]
        generator = torch.Generator().manual_seed(seed)
        return private_embedding(part, frequencies, 2, noise, generator) * counts

    whole = total(data)
    keep = data.unit != 8
    without = Protected(data.rows[keep], data.places[keep], data.unit[keep])
    assert float((whole - total(without)).norm()) <= 1 + 1e-6
    expected = torch.zeros(2, 80)
    for row, place in zip(data.rows, data.places, strict=True):
        angles = row @ frequencies
        expected[place] += torch.cat([angles.cos(), angles.sin()]) / 40**0.5 / 3
    torch.testing.assert_close(whole, expected)
    noisy = torch.stack([total(data, 3.0, seed) for seed in range(100)])
    assert float((noisy - whole).std()) == pytest.approx(3.0, rel=0.03)


def test_every_unit_has_one_teacher_and_teachers_know_nothing_of_each_other() -> None:
    data = protected(units=9)
    parts = _partition(data, 4, torch.Generator().manual_seed(0))
    assert sum(len(rows) for rows, _ in parts) == len(data.rows)
    assert sorted(len(rows) for rows, _ in parts) == [4, 4, 4, 6]
    for rows, _ in parts:
        mine = (data.rows[:, None] == rows[None]).all(-1).any(1)
        for unit in range(9):
            assert mine[data.unit == unit].all() or not mine[data.unit == unit].any()
    judges = built_with(0, lambda: Judges(4, 5, 2, 8))
    maker = built_with(1, lambda: Maker(3, 2, 8, 5))

    def gradients(changed: list[tuple[torch.Tensor, torch.Tensor]]) -> list[torch.Tensor]:
        judges.zero_grad()
        TeacherLesson(judges, changed, maker, 3, 6)(torch.Generator().manual_seed(5)).backward()
        return [torch.cat([p.grad.flatten() for p in judge.parameters()]) for judge in judges.each]

    before = gradients(parts)
    after = gradients([(parts[0][0] + 5, parts[0][1]), *parts[1:]])
    assert not torch.equal(before[0], after[0])
    assert all(torch.equal(a, b) for a, b in zip(before[1:], after[1:], strict=True))


def test_votes_are_heard_under_noise() -> None:
    judges = built_with(0, lambda: Judges(5, 4, 2, 8))
    maker, student = built_with(1, lambda: Maker(3, 2, 8, 4)), built_with(2, lambda: Judge(4, 2, 8))
    rows, place = torch.randn(30, 4), torch.zeros(30, dtype=torch.long)
    by_hand = sum((judge(rows, place) > 0).long() for judge in judges.each)
    assert torch.equal(judges.votes(rows, place), by_hand)
    sure = StudentLesson(student, judges, maker, 3, 2, 400, 0.0)
    drowned = StudentLesson(student, judges, maker, 3, 2, 400, 1e6)
    seed = torch.Generator().manual_seed(3)
    assert float(drowned(seed).detach()) == pytest.approx(np.log(2), abs=0.1)
    again = torch.Generator().manual_seed(4)
    assert float(sure(again).detach()) != float(drowned(torch.Generator().manual_seed(4)).detach())


def test_losses_by_unit_look_at_their_own_unit_alone() -> None:
    data = protected()
    maker, judge = built_with(0, lambda: Maker(3, 2, 8, 5)), built_with(1, lambda: Judge(5, 2, 8))
    coder = built_with(2, lambda: Coder(5, 3, 8))
    for lesson, network in (
        (JudgeLesson(data, maker, 3), judge),
        (DecoderLesson(data, coder), maker),
    ):
        assert lesson.units == 9
        drawn = lesson.draw(torch.arange(9), torch.Generator().manual_seed(3))
        moved = [part.clone() for part in drawn]
        moved[0][4], moved[1][4] = 9.0, 9.0
        for unit in range(9):
            losses = [
                float(lesson.loss(network, *(part[unit] for part in parts)).detach())
                for parts in (drawn, moved)
            ]
            assert (losses[0] == losses[1]) == (unit != 4)
    codes = DecoderLesson(data, coder).draw(torch.arange(9), torch.Generator().manual_seed(3))[0]
    torch.testing.assert_close(codes.norm(dim=1), torch.full((9,), 3**0.5))


def test_the_encoder_of_dp2_vae_never_sees_a_shot() -> None:
    one, other = (learned("dp2-vae", make("features", k).shots) for k in (2, 4))
    assert isinstance(one, DP2VAE)
    for a, b in zip(one.coder_.parameters(), other.coder_.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_canaries_do_not_refute_what_is_stated(name: str) -> None:
    """A window far out, there or not: at epsilon 1 no test may tell by more."""
    shots = make("features").shots
    far = shots.take([0]).with_x(np.full_like(shots.x[:1], 8.0))
    both = concat([shots, far])
    normal = features(40, NORMAL, 0)

    def score(there: bool, rng: np.random.Generator) -> float:
        made = build_generator(name, **{**SMALL[name], "space": "features", "epsilon": 1.0})
        made.pretrain(normal, np.random.default_rng(0))
        made.adapt(both if there else shots, rng)
        rows = made.sample(50, rng, label="inner").rows
        return float(np.linalg.norm(rows - far.rows, axis=1).min())

    found = canary_bound(score, 60, 1e-5, np.random.default_rng(7))
    assert found.epsilon <= 1.0
    assert found.most > 2


def test_canaries_catch_a_generator_without_noise() -> None:
    """The same test must be able to fail: without noise one window is seen at once."""
    shots = make("features", 2).shots
    far = concat([shots, shots.take([0]).with_x(np.full_like(shots.x[:1], 8.0))])

    def score(there: bool, rng: np.random.Generator) -> float:
        made = learned("dp-merf", far if there else shots, epsilon=None, steps=30)
        return float(made.sample(20, rng, label="inner").rows.mean())

    found = canary_bound(score, 12, 0.0, np.random.default_rng(7))
    assert found.epsilon == found.most > 0.4
