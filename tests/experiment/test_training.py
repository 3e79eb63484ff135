"""Pretraining and adaptation as artefacts: what they say, what they refuse, what they may cost."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from rig_stores import make_rig, rig_task

from faultsyn import synth
from faultsyn.artifact import read_head
from faultsyn.errors import InputError, LeakError
from faultsyn.experiment import load_study, run_study
from faultsyn.experiment.arms import GeneratorArm
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import load_data
from faultsyn.experiment.plan import plan
from faultsyn.experiment.seen import Seen, refuse_seen
from faultsyn.experiment.study import dump_study
from faultsyn.experiment.training import Place, adapt_generator, pretrain_generator
from faultsyn.store import Recording, StoreWriter, StreamData
from faultsyn.synth.diff_aug import DiffAug
from faultsyn.synth.oversample import Oversample
from faultsyn.windows import WindowSet


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rig(tmp_path_factory.mktemp("rig"))


def provenance(path: Path) -> dict[str, Any]:
    return dict(read_head(path, "generator")["info"]["provenance"])


def test_a_fold_keeps_its_test_side_unseen(rig: Path, tmp_path: Path) -> None:
    task = rig_task(rig)
    pretrain_generator(task, "diff-aug-signal", tmp_path / "x", fold=2, cache=tmp_path)
    told = provenance(tmp_path / "x")["pretrain"]
    data = load_data(task, ArrayCache(tmp_path))
    fold, table = data.folds[1], data.windows.table
    assert told["fold"] == fold.name
    tested = set(table["recording"][fold.test].tolist())
    trained = table["recording"][fold.train][data.windows.labels[fold.train] == "normal"]
    assert set(told["seen"]["recordings"]) == set(trained.tolist())
    assert not set(told["seen"]["recordings"]) & tested
    adapt_generator(tmp_path / "x", task, tmp_path / "y", k=2, cache=tmp_path)
    adapted = provenance(tmp_path / "y")["adapt"]
    assert adapted["fold"] == fold.name  # without being told again
    assert not set(adapted["seen"]["recordings"]) & tested
    assert provenance(tmp_path / "y")["pretrain"] == told
    assert {len(shots) for shots in adapted["shots"].values()} == {2}


def study(rig: Path, artifact: Path, **over: Any) -> dict[str, Any]:
    task = rig_task(rig).model_copy(update={"k": (1,)})
    arm = {"artifact": str(artifact), "name": "trained", **over}
    return {
        "name": "s", "tasks": [task], "seeds": 1, "generators": ["none", arm],
        "classifiers": [{"preset": "nearest-mean", "representation": {"features": "log-spectrum"}}],
    }  # fmt: skip


def test_a_study_refuses_an_artefact_that_saw_a_test_group(rig: Path, tmp_path: Path) -> None:
    pretrain_generator(rig_task(rig), "diff-aug-signal", tmp_path / "x", cache=tmp_path)
    with pytest.raises(LeakError, match=r"has seen recording '.*' in pretraining, and rig-bearing"):
        run_study(study(rig, tmp_path / "x"), tmp_path / "out", cache=tmp_path)
    pretrain_generator(rig_task(rig), "diff-aug-signal", tmp_path / "z", fold=1, cache=tmp_path)
    with pytest.raises(LeakError, match="has seen"):  # the other folds test what it was trained on
        run_study(study(rig, tmp_path / "z"), tmp_path / "out", cache=tmp_path)


def test_a_group_is_known_though_none_of_its_tested_recordings_was_seen(rig: Path) -> None:
    data = load_data(rig_task(rig), ArrayCache(rig.parent / "cache"))
    fold, table, split = data.folds[0], data.windows.table, data.task.split
    tested = str(table["asset"][fold.test][0])
    far = {"seen elsewhere": Seen(("other",), {"asset": (tested,), "session": ("s",)})}
    with pytest.raises(LeakError, match=f"asset '{tested}'"):
        refuse_seen({"adapt": far["seen elsewhere"]}, fold, table, split, "models/x", "rig")
    # Only the recording is known, not its group: the task's own table says which it is.
    inside = Seen((str(table["recording"][fold.test][0]),), {})
    with pytest.raises(LeakError, match="recording"):
        refuse_seen({"adapt": inside}, fold, table, split, "models/x", "rig")
    clean = Seen.of(data.windows.take(fold.train), split)
    refuse_seen({"pretrain": clean}, fold, table, split, "models/x", "rig")
    assert Seen.from_json(json.loads(json.dumps(clean.as_json()))) == clean


def test_an_artefact_of_other_recordings_runs_in_a_study(rig: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_rig(tmp_path / "other")
    data = load_data(rig_task(other), ArrayCache(tmp_path))
    generator = DiffAug(space="signal")
    generator.pretrain(data.windows.of("normal"), np.random.default_rng(0))
    windows = data.windows.of("normal").with_columns(recording="afar", asset="afar", session="afar")
    seen = Seen.of(windows, data.task.split).as_json()
    generator.provenance_ = {"pretrain": {"seen": seen, "n_synthetic": 3}}
    generator.save(tmp_path / "x")
    loaded = load_study(study(rig, tmp_path / "x"))
    arm = loaded.generators[1]
    assert (arm.name, arm.method, arm.n_synthetic) == ("trained", "diff-aug", 3)
    (tmp_path / "study.yaml").write_text(dump_study(loaded))
    assert load_study(tmp_path / "study.yaml") == loaded
    results = run_study(loaded, tmp_path / "out", cache=tmp_path / "cache")
    assert set(results["status"].tolist()) == {"ok"}
    made = results["n_synthetic"][results["generator"] == "trained"]
    assert set(made.astype(int).tolist()) == {9}

    generator.scale = 0.1
    generator.save(tmp_path / "x")
    with pytest.raises(InputError, match="brings its own method"):
        load_study(tmp_path / "study.yaml")


def test_an_arm_without_an_artefact_has_the_key_that_it_always_had() -> None:
    arm = GeneratorArm(name="a", method="diff-aug", config={"scale": 0.5}, n_synthetic=4)
    assert arm.numerics == {
        "name": "a", "method": "diff-aug", "config": {"scale": 0.5}, "n_synthetic": 4,
    }  # fmt: skip
    trained = arm.model_copy(update={"artifact": "models/x", "weights": "ab"})
    assert trained.numerics == {**arm.numerics, "weights": "ab"}


def test_what_a_study_cannot_use_is_refused(rig: Path, tmp_path: Path) -> None:
    task = rig_task(rig)
    pretrain_generator(task, "physics-safe", tmp_path / "x", cache=tmp_path)
    adapt_generator(tmp_path / "x", task, tmp_path / "y", k=1, cache=tmp_path)
    with pytest.raises(InputError, match="adapted to shots already"):
        load_study(study(rig, tmp_path / "y"))
    with pytest.raises(InputError, match="brings its own method"):
        load_study(study(rig, tmp_path / "x", config={"gain": 2}))
    silent = Oversample()
    silent.pretrain(load_data(task, ArrayCache(tmp_path)).windows.of("normal"),
                    np.random.default_rng(0))  # fmt: skip
    silent.save(tmp_path / "z")
    with pytest.raises(InputError, match="does not say what it was trained on"):
        plan(load_study(study(rig, tmp_path / "z")), tmp_path)


class Slow(Oversample):
    """Trains in ten steps; may be stopped after any of them."""

    name = "slow"
    stop: ClassVar[int | None] = None
    steps: ClassVar[list[int]] = []

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        assert self.checkpoint is not None
        folder = self.checkpoint / "pretrain"
        folder.mkdir(exist_ok=True)
        at = folder / "step"
        done = int(at.read_text()) if at.exists() else 0
        for step in range(done, 10):
            if step == self.stop:
                raise KeyboardInterrupt
            self.steps.append(step)
            at.write_text(str(step + 1))
            if self.progress is not None:
                self.progress(step + 1, 10, "loss 1")
        self.curves_ = {**self.curves_, "pretrain": {"losses": [1.0] * 10, "stopped": "steps"}}


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(synth.GENERATORS, "slow", Slow)
    monkeypatch.setattr(Slow, "stop", None)
    monkeypatch.setattr(Slow, "steps", [])
    preset = tmp_path / "slow.yaml"
    preset.write_text("kind: generator\nmethod: slow\nn_synthetic: normals\n")
    return preset


def test_a_stopped_training_goes_on_and_its_checkpoint_goes(
    rig: Path, tmp_path: Path, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, told = tmp_path / "x", []
    monkeypatch.setattr(Slow, "stop", 4)
    with pytest.raises(KeyboardInterrupt):
        pretrain_generator(rig_task(rig), slow, out, cache=tmp_path)
    assert (out / "checkpoint" / "pretrain" / "step").read_text() == "4"
    with pytest.raises(InputError, match="checkpoint of another run"):
        pretrain_generator(rig_task(rig), slow, out, seed=1, cache=tmp_path)
    monkeypatch.setattr(Slow, "stop", None)
    made = pretrain_generator(
        rig_task(rig), slow, out, cache=tmp_path, progress=lambda *step: told.append(step)
    )
    assert Slow.steps == list(range(10))
    assert told[0] == (5, 10, "loss 1")
    assert not (out / "checkpoint").exists()
    assert (made.checkpoint, made.progress) == (None, None)
    assert Slow.load(out).curves_["pretrain"]["stopped"] == "steps"


def test_an_artefact_replaces_an_artefact_and_nothing_else(rig: Path, tmp_path: Path) -> None:
    task, out = rig_task(rig), tmp_path / "x"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is no artefact; it is not overwritten"):
        pretrain_generator(task, "oversample", out, cache=tmp_path)
    (out / "thesis.tex").unlink()
    for seed in (0, 1):
        pretrain_generator(task, "oversample", out, seed=seed, cache=tmp_path)
    assert provenance(out)["pretrain"]["seed"] == 1
    assert sorted(path.name for path in out.iterdir()) == ["artifact.json", "weights.safetensors"]


def test_a_failed_training_leaves_no_folder(rig: Path, tmp_path: Path) -> None:
    task = rig_task(rig)
    pretrain_generator(task, "oversample", tmp_path / "x", cache=tmp_path)
    with pytest.raises(InputError, match="k = 99"):
        adapt_generator(tmp_path / "x", task, tmp_path / "y", k=99, cache=tmp_path)
    assert not (tmp_path / "y").exists()
    with pytest.raises(InputError, match="no fold '9'; there are 4"):
        pretrain_generator(task, "oversample", tmp_path / "y", fold=9, cache=tmp_path)
    other = rig_task(rig, window={"samples": 512})
    with pytest.raises(InputError, match="expected 1 channels x 1024 samples"):
        adapt_generator(tmp_path / "x", other, tmp_path / "y", cache=tmp_path)


class Thrifty(Oversample):
    """Looks at one batch at a time, as a network does."""

    name = "thrifty"

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        for _ in range(5):
            rows = np.sort(rng.integers(0, len(normal), 16))
            assert np.isfinite(normal.x[rows].mean())


def test_pretraining_memory_does_not_grow_with_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(synth.GENERATORS, "thrifty", Thrifty)
    preset = tmp_path / "thrifty.yaml"
    preset.write_text("kind: generator\nmethod: thrifty\nn_synthetic: normals\n")
    monkeypatch.setattr("faultsyn.experiment.reading._STORE_MEMORY", 1 << 20)
    monkeypatch.setattr("faultsyn.experiment.reading._BLOCK", 1 << 20)
    monkeypatch.setattr("faultsyn.experiment.data._BLOCK", 1 << 20)
    rng = np.random.default_rng(0)
    seconds, labels = 20, ["normal", "inner", "outer", "ball"]
    with StoreWriter(tmp_path / "big.h5") as writer:
        for i in range(24):
            x = rng.standard_normal((seconds * 12000, 1), dtype=np.float32)
            stream = StreamData("vibration", x, 12e3, ("DE",), ("acceleration",), ("g",), None)
            label = labels[i % 4] if i < 12 else "normal"
            columns = {"asset": f"a{i}", "session": "s", "rpm": 1800.0, "load": 0.0}
            writer.add(Recording(f"r{i}", label, (stream,), f"{i}", f"{i:064x}", columns))
    size = (tmp_path / "big.h5").stat().st_size
    task = rig_task(tmp_path / "big.h5", normals=None).model_copy(
        update={"normals": None, "cap": None}
    )
    # Every other recording is normal at first: what is pretrained on is no single stretch.
    tracemalloc.start()
    try:
        pretrain_generator(task, preset, tmp_path / "x", fold=1, cache=tmp_path / "cache")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 20e6
    assert peak < 0.6 * size  # tables of 5616 windows included
    place = Place.of(task, 1, 0, tmp_path / "cache")
    np.testing.assert_array_equal(
        place.normals().x[-3:],
        place.data.windows.of("normal").take(
            np.isin(place.data.windows.of("normal").column("recording"),
                    place.normals().column("recording"))
        ).x[-3:],
    )  # fmt: skip
