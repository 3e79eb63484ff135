"""The generator `faultdiffusion-paper`: what adaptation may change, what its switches do."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synth_sets import make

from faultsyn.errors import InputError
from faultsyn.neural import Checkpoint
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.faultdiffusion_paper import FaultDiffusionPaper
from faultsyn.windows import NORMAL, WindowSet, concat

SMALL: dict[str, Any] = {
    "width": 16,
    "heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "noise_steps": 30,
    "pretrain_steps": 30,
    "batch": 16,
    "adapt_steps": 20,
    "adapt_batch": 16,
    "learning_rate": 3e-3,
    "ema": 0.9,
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def built(**config: Any) -> FaultDiffusionPaper:
    made = build_generator("faultdiffusion-paper", **{**SMALL, **config})
    assert isinstance(made, FaultDiffusionPaper)
    return made


def waves(n: int, label: str, seed: int) -> WindowSet:
    """Two channels of 16 samples: a wave of random phase; the fault is a step of level 4."""
    phase = rng(seed).uniform(0, 2 * np.pi, (n, 1, 1))
    time = np.arange(16) / 16
    x = np.sin(2 * np.pi * np.array([[[1.0], [2.0]]]) * time + phase)
    x = x + (0.0 if label == NORMAL else 4.0) * (time > 0.5)
    return WindowSet(x.astype(np.float32), {"label": np.full(n, label)}, 1.0, ("a", "b"))


def weights(generator: FaultDiffusionPaper) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in generator.model_.trunk.state_dict().items()}


def test_adapting_changes_the_adapters_and_nothing_else(tmp_path: Path) -> None:
    generator = built().pretrain(waves(40, NORMAL, 0), rng())
    before = weights(generator)
    generator.adapt(concat([waves(4, "step", 1)]), rng())
    after = weights(generator)
    assert all(torch.equal(before[name], after[name]) for name in before)
    trained = generator.model_.adapters["step"].state_dict()
    assert any(name.endswith("out.weight") and v.abs().max() > 0 for name, v in trained.items())
    # Adapted again, from the pretrained artefact, it is the same.
    fresh = built().pretrain(waves(40, NORMAL, 0), rng())
    loaded = load_generator(fresh.save(tmp_path / "pretrained"))
    loaded.adapt(waves(4, "step", 1), rng())
    made = [g.sample(3, rng(5)).x for g in (generator, loaded)]
    assert np.array_equal(*made)
    assert set(generator.curves_) == {"pretrain", "adapt"}
    assert len(generator.curves_["adapt"]["step"]["losses"]) == 20


def test_it_learns_the_normal_and_the_step_that_the_fault_adds() -> None:
    config = {"pretrain_steps": 120, "noise_steps": 60, "sample_steps": 10}
    generator = built(**config).pretrain(waves(200, NORMAL, 0), rng())
    losses = generator.curves_["pretrain"]["losses"]
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20])
    heights = {}
    for steps in (0, 80):  # without a step of adaptation it is the normal model
        again = resumed(generator, adapt_steps=steps).adapt(waves(5, "step", 1), rng())
        made = again.sample(60, rng(2)).x
        heights[steps] = made[:, :, 11:14].mean() - made[:, :, :2].mean()
    assert abs(heights[0]) < 0.7
    assert 1.5 < heights[80] < 5.0  # 4 in the shots


@pytest.mark.parametrize("config", [{"target": "noise"}, {"adapters": "all"}, {"eta": 1.0}])
def test_every_switch_trains_and_samples(config: dict[str, Any]) -> None:
    few = {"pretrain_steps": 4, "adapt_steps": 4, "sample_steps": 5}
    plain = built(**few).pretrain(waves(20, NORMAL, 0), rng()).adapt(waves(3, "step", 1), rng())
    other = built(**few, **config).pretrain(waves(20, NORMAL, 0), rng())
    other.adapt(waves(3, "step", 1), rng())
    made = [g.sample(4, rng(1)).x for g in (plain, other)]
    assert np.isfinite(made[1]).all()
    assert not np.allclose(*made)


@pytest.mark.parametrize("reach", [1.0, 1.25])
def test_windows_stay_within_reach_of_what_was_seen(reach: float) -> None:
    # Untrained, it would make anything.
    config = {"target": "noise", "pretrain_steps": 1, "adapt_steps": 1, "reach": reach}
    generator = built(**config).pretrain(waves(20, NORMAL, 0), rng())
    shots = waves(4, "step", 1)
    shots.x[:, 1] *= 200.0  # far beyond where compression begins
    made = generator.adapt(shots, rng()).sample(40, rng(1)).x
    scaler = generator.scaler_

    def farthest(x: np.ndarray) -> np.ndarray:
        far = np.abs(x - scaler.mean[:, None]) / scaler.deviation[:, None]
        return far.max(axis=(0, 2))

    ratio = farthest(made) / farthest(np.concatenate([shots.x, waves(20, NORMAL, 0).x]))
    assert (ratio < 1.01 * reach).all()
    assert (ratio > 0.9 * reach).any()


def test_without_adapters_each_class_trains_a_trunk_of_its_own(tmp_path: Path) -> None:
    shots = concat([waves(3, "step", 1), waves(3, "other", 2)])
    plain = {"adapters": "none", "diversity_weight": 0.0, "sample_steps": 5}
    generator = built(**plain).pretrain(waves(20, NORMAL, 0), rng())
    before = weights(generator)
    generator.adapt(shots, rng())
    assert all(torch.equal(before[name], w) for name, w in weights(generator).items())
    tuned = generator.model_.tuned
    assert set(tuned) == {"step", "other"}
    for trunk in tuned.values():
        assert any(not torch.equal(before[name], w) for name, w in trunk.state_dict().items())
    loaded = load_generator(generator.save(tmp_path / "a"))
    for label in ("step", "other"):
        made = [g.sample(2, rng(4), label=label).x for g in (generator, loaded)]
        assert np.array_equal(*made)


def resumed(pretrained: FaultDiffusionPaper, **config: Any) -> FaultDiffusionPaper:
    """The same trunk under other settings of adaptation."""
    with tempfile.TemporaryDirectory() as folder:
        path = pretrained.save(Path(folder) / "a")
        head = json.loads((path / "artifact.json").read_text())
        head["config"].update(config)
        (path / "artifact.json").write_text(json.dumps(head))
        return FaultDiffusionPaper.load(path)


def spread(generator: FaultDiffusionPaper) -> float:
    """Root-mean-square distance of predictions from the same noise level, over four levels."""
    task, shots = generator.model_.task, waves(5, "step", 1)
    clean = torch.from_numpy(generator.scaler_.apply(shots.x))
    total = 0.0
    for t in (8, 14, 20, 26):
        step, draw = torch.full((5,), t), torch.Generator().manual_seed(t)
        noise = torch.randn(clean.shape, generator=draw)
        noisy = task.schedule.noised(clean, step, noise)
        trunk, adapters = generator.model_.trunk, generator.model_.adapters["step"]
        with torch.no_grad():
            made = trunk(noisy, step, adapters)
        total += float(torch.cdist(made.flatten(1), made.flatten(1)).mean())
    return total / 4


def test_diversity_bounded_raises_printed_shrinks_and_zero_is_off() -> None:
    normal, shots = waves(100, NORMAL, 0), waves(5, "step", 1)
    trunk = built(pretrain_steps=60).pretrain(normal, rng())
    spreads, banks = {}, {}
    for form, weight in (("bounded", 0.0), ("printed", 0.0), ("bounded", 3.0), ("printed", 3.0)):
        again = resumed(trunk, diversity=form, diversity_weight=weight, adapt_steps=50)
        again.adapt(shots, rng(3))
        spreads[form, weight] = spread(again)
        banks[form, weight] = again.model_.adapters["step"].state_dict()
    off = zip(banks["bounded", 0.0].values(), banks["printed", 0.0].values(), strict=True)
    assert all(torch.equal(a, b) for a, b in off)
    assert spreads["bounded", 3.0] > 1.05 * spreads["bounded", 0.0]
    assert spreads["printed", 3.0] < 0.95 * spreads["printed", 0.0]


def test_only_conditions_that_all_shots_share_are_carried_over() -> None:
    few = {"pretrain_steps": 2, "adapt_steps": 2, "sample_steps": 2}
    shots = waves(3, "step", 1).with_columns(rpm=1800.0, load=np.array([0.0, 1.0, 1.0]))
    made = built(**few).pretrain(waves(9, NORMAL, 0), rng()).adapt(shots, rng()).sample(2, rng())
    assert made.column("rpm").tolist() == [1800.0, 1800.0]
    assert made.column("source").tolist() == [-1, -1]
    assert "load" not in made.table


def test_interrupted_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpoint, "due", lambda self, steps: True)

    class Stop(Exception):
        pass

    def stop(done: int, total: int, how: str) -> None:
        if done == 20:
            raise Stop

    whole = built().pretrain(waves(40, NORMAL, 0), rng())
    broken = built()
    broken.checkpoint, broken.progress = tmp_path, stop
    with pytest.raises(Stop):
        broken.pretrain(waves(40, NORMAL, 0), rng())
    # The step that was interrupted was not saved; the one before was.
    head = json.loads((tmp_path / "pretrain" / "checkpoint.json").read_text())
    assert len(head["state"]["losses"]) == 19
    broken.progress = None
    broken.pretrain(waves(40, NORMAL, 0), rng())
    assert all(torch.equal(v, weights(broken)[k]) for k, v in weights(whole).items())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("width", 9),
        ("heads", 0),
        ("adapter_window", 4),
        ("target", "both"),
        ("diversity", "off"),
        ("sample_steps", 31),
        ("eta", 1.5),
        ("seasonal_lines", 0),
        ("diversity_weight", -0.1),
        ("ema", 1.0),
        ("reach", 0.0),
    ],
)
def test_a_senseless_setting_is_named(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"paper: expected {setting} .*got {value!r}"):
        built(**{setting: value})


def test_long_windows_are_refused_with_a_way_out() -> None:
    x = np.zeros((2, 1, 4096), np.float32)
    long = WindowSet(x, {"label": np.full(2, NORMAL)}, 1.0, ("a",))
    with pytest.raises(InputError, match=r"got 4096 samples .*`faultdiffusion` takes long ones"):
        built().pretrain(long, rng())


def test_vast_excursions_come_back_in_their_own_units() -> None:
    sets = make("process")
    few = {"pretrain_steps": 2, "adapt_steps": 2}
    generator = built(**few).pretrain(sets.normal, rng())
    x = sets.shots.x * np.float32(50)
    back = generator.scaler_.undo(generator.scaler_.apply(x))
    assert np.allclose(back, x, rtol=1e-4, atol=1e-4 * np.abs(sets.normal.x).max(axis=(0, 2)).max())
    scaled = generator.scaler_.apply(sets.normal.x)
    assert np.allclose(scaled.mean(axis=(0, 2)), 0, atol=0.1)
    assert np.allclose(scaled.std(axis=(0, 2)), 1, atol=0.2)
