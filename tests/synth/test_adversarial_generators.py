"""C-WGAN and WDCGAN as generators: conditioning, the guard, resumption, switches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synth_sets import make, vibration
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.neural import Checkpoint
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.convolutional import collapse, model
from faultsyn.synth.convolutional.adversaries import Maker
from faultsyn.synth.convolutional.collapse import Yardstick
from faultsyn.synth.convolutional.generator import AdversarialGenerator
from faultsyn.windows import NORMAL, WindowSet, concat

SMALL: dict[str, Any] = {"width": 6, "latent": 8, "steps": 60, "batch": 12, "ema": 0.9}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def built(name: str = "cwgan", **config: Any) -> AdversarialGenerator:
    made = build_generator(name, **{**SMALL, **config})
    assert isinstance(made, AdversarialGenerator)
    return made


def waves(n: int, label: str, seed: int, samples: int = 16) -> WindowSet:
    """Two channels of some samples: waves of random phase; faults are steps up and down."""
    phase = rng(seed).uniform(0, 2 * np.pi, (n, 1, 1))
    at = np.arange(samples) / samples
    x = np.sin(2 * np.pi * np.array([[[1.0], [2.0]]]) * at + phase)
    x = x + {NORMAL: 0.0, "up": 3.0, "down": -3.0}[label] * (at > 0.5)
    return WindowSet(x.astype(np.float32), {"label": np.full(n, label)}, 1.0, ("a", "b"))


def shots(k: int) -> WindowSet:
    return concat([waves(k, "up", 1), waves(k, "down", 2)])


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("cwgan", {}),
        ("cwgan", {"normals": False, "scaling": "class"}),
        ("wdcgan", {"representation": "frequency", "shifts": False}),
        ("wdcgan", {"representation": "image"}),
    ],
)
def test_the_class_moves_what_is_made(name: str, config: dict[str, Any]) -> None:
    generator = built(name, steps=100, learning_rate=2e-3, **config)
    samples = 64 if config.get("representation") == "image" else 16
    faults = [waves(12, label, seed, samples) for seed, label in enumerate(("up", "down"), 1)]
    generator.pretrain(waves(60, NORMAL, 0, samples), rng()).adapt(concat(faults), rng())
    heights = {}
    part = samples // 16
    for label in ("up", "down"):
        x = generator.sample(60, rng(2), label=label).x
        heights[label] = x[:, :, 10 * part : 14 * part].mean() - x[:, :, part : 6 * part].mean()
    # 3 and -3 in the shots, on waves whose own halves differ by less than 1.
    assert heights["up"] > 1.0
    assert heights["down"] < -1.0


def test_real_windows_pass_the_guard_and_copies_do_not() -> None:
    real = vibration(40, "inner", 0).x
    yardstick = Yardstick(real[:6], None)
    assert yardstick.judge(real[6:30]).trouble() == ""
    rolled = np.stack([np.roll(real[i % 6], 31 * i, axis=-1) for i in range(24)])
    assert yardstick.judge(rolled).trouble() == "memorised (100 % copies of shots)"
    one = np.stack([2.0 * np.roll(real[20], 7 * i, axis=-1) for i in range(24)]).astype(np.float32)
    assert yardstick.judge(one).trouble().startswith("collapsed (diversity 0.00")
    broken = real[6:30].copy()
    broken[3, 0, 5] = np.nan
    assert yardstick.judge(broken).trouble() == "windows that are not finite"
    # One shot leaves the spread of normals to read against.
    alone = Yardstick(real[:1], vibration(20, NORMAL, 3).x)
    assert alone.judge(real[6:30]).trouble() == ""
    assert alone.judge(np.repeat(real[:1], 5, axis=0)).trouble()


@pytest.fixture
def collapsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makers that do not look at their noise."""
    forward = Maker.forward

    def deaf(self: Maker, noise: Tensor, told: Tensor) -> Tensor:
        return forward(self, noise * 0, told)

    monkeypatch.setattr(Maker, "forward", deaf)


@pytest.mark.usefixtures("collapsing")
def test_a_collapse_stops_training_and_is_told(tmp_path: Path) -> None:
    generator = built(steps=80).pretrain(waves(40, NORMAL, 0), rng()).adapt(shots(5), rng())
    curve = generator.curves_["adapt"]
    assert curve["stopped"] == "guard"
    assert len(curve["losses"]) == 32  # a quarter without judgement, then four looks
    assert curve["best"] is None
    assert generator.warnings_[0].startswith(
        "training stopped at step 32: collapsed (diversity 0.00 of the real); weights kept: none"
    )
    assert [w.split(":")[0] for w in generator.warnings_[1:]] == ["up", "down"]
    loaded = load_generator(generator.save(tmp_path / "a"))
    assert loaded.warnings_ == generator.warnings_
    assert loaded.curves_["adapt"]["troubles"][-1][1].startswith("collapsed")


def test_the_last_good_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, collapsed = Maker.forward, False

    def deaf(self: Maker, noise: Tensor, told: Tensor) -> Tensor:
        return forward(self, noise * (0 if collapsed else 1), told)

    def progress(done: int, total: int, how: str) -> None:
        nonlocal collapsed
        collapsed = done >= 50

    monkeypatch.setattr(Maker, "forward", deaf)
    monkeypatch.setattr(collapse, "FEWEST_DIVERSE", 0.02)
    generator = built(steps=100, learning_rate=3e-3)
    generator.progress = progress
    generator.pretrain(waves(60, NORMAL, 0), rng()).adapt(shots(12), rng())
    assert generator.warnings_[0].startswith("training stopped at step 70: collapsed")
    assert generator.warnings_[0].endswith("weights kept: those of step 50")
    collapsed = False
    assert np.std(generator.sample(20, rng(), label="up").x, axis=0).mean() > 0.02


def test_a_critic_that_runs_away_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_LOSS", 1e-9)
    generator = built(steps=40).pretrain(waves(40, NORMAL, 0), rng()).adapt(shots(5), rng())
    assert generator.warnings_[0].startswith("training stopped at step 8: critic diverged (loss")


def test_what_is_not_finite_is_told_and_the_windows_are_finite() -> None:
    # No penalty, no clipping, and a rate that no network survives.
    generator = built(penalty=0.0, learning_rate=1e12, steps=40, normals=False, scaling="class")
    generator.adapt(shots(5), rng())
    assert generator.curves_["adapt"]["stopped"] == "guard"
    assert "training stopped at step" in generator.warnings_[0]
    assert np.isfinite(generator.sample(5, rng(), label="up").x).all()


def test_clipping_is_a_switch() -> None:
    few = {"steps": 6, "normals": False, "scaling": "class"}
    plain = built(**few).adapt(shots(5), rng())
    clipped = built(clip=0.02, **few).adapt(shots(5), rng())
    assert isinstance(clipped, AdversarialGenerator)
    weights = list(clipped.model_.players.critic.parameters())
    # The weights are averages of clipped ones and of the first.
    assert max(float(w.detach().abs().max()) for w in weights) < 0.5
    assert not np.allclose(
        plain.sample(3, rng(), label="up").x, clipped.sample(3, rng(), label="up").x
    )


def test_a_budget_of_seconds_ends_training() -> None:
    generator = built(steps=100000, seconds=0.4, normals=False, scaling="class")
    started = time.monotonic()
    generator.adapt(shots(5), rng())
    assert time.monotonic() - started < 20
    assert generator.curves_["adapt"]["stopped"] == "seconds"


def test_adapted_again_from_what_was_pretrained_it_is_the_same(tmp_path: Path) -> None:
    pretrained = built(pretrain_steps=4, steps=4).pretrain(waves(40, NORMAL, 0), rng())
    path = pretrained.save(tmp_path / "a")
    first = pretrained.adapt(shots(4), rng()).sample(3, rng(), label="up").x
    pretrained.adapt(shots(4), rng())
    loaded = load_generator(path).adapt(shots(4), rng())
    assert np.array_equal(pretrained.sample(3, rng(), label="up").x, first)
    assert np.array_equal(loaded.sample(3, rng(), label="up").x, first)


def test_interrupted_adaptation_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpoint, "due", lambda self, steps: True)

    class Stop(Exception):
        pass

    def stop(done: int, total: int, how: str) -> None:
        if done == 12:
            raise Stop

    def fresh() -> AdversarialGenerator:
        generator = built(steps=20).pretrain(waves(40, NORMAL, 0), rng())
        assert isinstance(generator, AdversarialGenerator)
        return generator

    whole, broken = fresh().adapt(shots(4), rng()), fresh()
    broken.checkpoint, broken.progress = tmp_path, stop
    with pytest.raises(Stop):
        broken.adapt(shots(4), rng())
    head = json.loads((tmp_path / "adapt" / "checkpoint.json").read_text())
    assert len(head["state"]["losses"]) == 11
    broken.progress = None
    broken.adapt(shots(4), rng())
    made = [g.sample(3, rng(), label="down").x for g in (whole, broken)]
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("width", 0), ("latent", 0), ("critic_steps", 0), ("batch", 1), ("steps", -1),
        ("penalty", -1.0), ("clip", 0.0), ("learning_rate", 0.0), ("ema", 1.0),
        ("seconds", 0.0), ("representation", "phase"), ("scaling", "window"),
    ],
)  # fmt: skip
def test_a_senseless_setting_is_named(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"wdcgan: expected {setting} .*got {value!r}"):
        built("wdcgan", **{setting: value})


def test_windows_too_short_are_refused() -> None:
    sets = make("process")
    short = WindowSet(sets.normal.x[..., :6], sets.normal.table, 1.0, sets.normal.channels)
    with pytest.raises(InputError, match="at least 8 samples, got 6"):
        built().pretrain(short, rng())


def test_on_the_spectrum_shifts_are_those_of_the_signal() -> None:
    sets = make("vibration")
    generator = built("wdcgan", representation="frequency", shifts=True, steps=2, scaling="class")
    generator.adapt(sets.shots, rng())
    made = generator.sample(2, rng(), label="inner")
    assert made.x.shape == (2, 2, 512)
    assert torch.isfinite(torch.from_numpy(made.x)).all()


def test_each_window_is_told_a_speed_of_the_shots_and_carries_it() -> None:
    shots = make("vibration", k=6).shots
    rpm = np.where(np.arange(len(shots)) % 2, 1700.0, 1800.0)
    generator = built(steps=4, scaling="class", shifts=True).adapt(
        shots.with_columns(rpm=rpm), rng()
    )
    assert isinstance(generator, AdversarialGenerator)
    assert sorted(set(generator._speed(generator.shots_).tolist())) == [-1.0, 1.0]
    made = generator.sample(40, rng(), label="inner")
    assert set(made.column("rpm").tolist()) == {1700.0, 1800.0}
    with torch.no_grad():
        generator.model_.players.maker.speed.fill_(1.0)
    fast, slow = (generator.model_.sample(0, np.full(3, s, np.float32), rng()) for s in (1.0, -1.0))
    assert not np.allclose(fast, slow)
