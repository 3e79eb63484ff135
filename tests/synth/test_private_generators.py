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
from faultsyn.privacy.accountant import Ledger, noise_for
from faultsyn.privacy.canary import canary_bound
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.dp2_vae import DP2VAE
from faultsyn.synth.dp_merf import private_embedding
from faultsyn.synth.private.adversarial import JudgeLesson, blurred
from faultsyn.synth.private.autoencoding import DecoderLesson
from faultsyn.synth.private.lessons import Protected
from faultsyn.synth.private.networks import Coder, Judge, Judges, Maker
from faultsyn.synth.private.teaching import NoisyVotes, StudentLesson, TeacherLesson, dealt
from faultsyn.windows import NORMAL, WindowSet, concat

SMALL: dict[str, dict[str, Any]] = {
    "dp-merf": {"frequencies": 30, "width": 16, "latent": 4, "steps": 5},
    "dp2-vae": {"width": 16, "latent": 4, "pretrain_steps": 5, "steps": 5, "batch": 4},
    "dp-cgan": {"width": 16, "latent": 4, "steps": 5, "batch": 4},
    "pate-gan": {"width": 16, "latent": 4, "steps": 5, "batch": 4, "teachers": 3},
}


def learned(name: str, shots: WindowSet | None = None, **over: Any) -> Any:
    config = {**SMALL[name], "space": "features", "secret": False, **over}
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
    parts = dealt(data, 4, torch.Generator().manual_seed(0))
    assert sum(len(rows) for rows, _ in parts) == len(data.rows)
    assert sorted(len(rows) for rows, _ in parts) == [4, 4, 4, 6]
    for _, places in parts:  # 5 units of one class, 4 of the other
        assert {0, 1} == set(places.tolist())
    for rows, _ in parts:
        mine = (data.rows[:, None] == rows[None]).all(-1).any(1)
        for unit in range(9):
            assert mine[data.unit == unit].all() or not mine[data.unit == unit].any()
    judges = built_with(0, lambda: Judges(4, 5, 2, 8))
    maker = built_with(1, lambda: Maker(3, 2, 8, 5))

    def gradients(changed: list[tuple[torch.Tensor, torch.Tensor]]) -> list[torch.Tensor]:
        judges.zero_grad()
        lesson = TeacherLesson(judges, changed, maker, 3, 6, 1.0)
        lesson(torch.Generator().manual_seed(5)).backward()
        grads = torch.cat([p.grad.flatten(1) for p in judges.parameters()], dim=1)
        return list(grads)

    before = gradients(parts)
    after = gradients([(parts[0][0] + 5, parts[0][1]), *parts[1:]])
    assert not torch.equal(before[0], after[0])
    assert all(torch.equal(a, b) for a, b in zip(before[1:], after[1:], strict=True))


def test_votes_are_heard_under_noise() -> None:
    judges = built_with(0, lambda: Judges(5, 4, 2, 8))
    maker, student = built_with(1, lambda: Maker(3, 2, 8, 4)), built_with(2, lambda: Judge(4, 2, 8))
    rows, place = torch.randn(30, 4), torch.zeros(30, dtype=torch.long)
    each = []
    for at in range(5):  # the same weights in a judge of its own
        judge = Judge(4, 2, 8)
        layers = [layer for layer in judge.layers if isinstance(layer, torch.nn.Linear)]
        for layer, weight, bias in zip(layers, judges.weights, judges.biases, strict=True):
            layer.load_state_dict({"weight": weight[at].T, "bias": bias[at, 0]})
        each.append(judge)
    odds = torch.stack([judge(rows, place) for judge in each])
    mine = judges(rows.expand(5, -1, -1), place.expand(5, -1))
    torch.testing.assert_close(mine, odds)
    assert torch.equal(judges.votes(rows, place), (odds > 0).sum(dim=0))
    sure, drowned = (
        StudentLesson(student, NoisyVotes(judges, noise), maker, 3, 2, 400, 0.0)
        for noise in (0.0, 1e6)
    )
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


def test_blurred_rows_are_under_noise_of_every_size_up_to_what_was_asked() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.zeros(4000, 50)
    sizes = blurred(rows, 2.0, generator).std(dim=1)
    assert 0.9 < float(sizes.mean()) < 1.1
    assert float(sizes.max()) < 2.7
    assert float(sizes.min()) < 0.1
    assert blurred(rows, 0.0, generator) is rows


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_canaries_do_not_refute_what_is_stated(name: str) -> None:
    """A window far out, there or not: at epsilon 1 no test may tell by more."""
    shots = make("features").shots
    far = shots.take([0]).with_x(np.full_like(shots.x[:1], 8.0))
    both = concat([shots, far])
    normal = features(40, NORMAL, 0)

    def score(there: bool, rng: np.random.Generator) -> float:
        config = {**SMALL[name], "space": "features", "epsilon": 1.0, "secret": False}
        made = build_generator(name, **config)
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


class _Agreed(Judges):
    """Judges of which so many take every row for real."""

    def __init__(self, yes: int) -> None:
        super().__init__(10, 4, 2, 8)
        self.yes = yes

    def votes(self, rows: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        return torch.full((len(rows),), self.yes)


@pytest.mark.parametrize(("of", "refuted"), [(200, False), (1, True)])
def test_canaries_at_the_votes_refute_noise_for_one_vote_only(of: int, refuted: bool) -> None:
    """The worst neighbours there are: one teacher changes sides on every one of 200 rows."""
    claim, delta, votes = 1.0, 1e-5, 200
    noise = noise_for(claim, delta, lambda sigma: Ledger().gaussian(sigma, of))
    rows, place = torch.zeros(votes, 4), torch.zeros(votes, dtype=torch.long)
    generator = torch.Generator().manual_seed(5)

    def score(there: bool, _: np.random.Generator) -> float:
        heard = NoisyVotes(_Agreed(4 + there), noise)
        return float(heard(rows, place, generator).sum())

    found = canary_bound(score, 6000, delta, np.random.default_rng(0))
    assert (found.epsilon > claim) == refuted
    # Powerful enough that a bound comes out where the noise is right, too.
    assert found.epsilon > 0.1
