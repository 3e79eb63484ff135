"""Judging stores of synthetic windows: shots kept apart, copies found, bad input refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rig_stores import make_rig, rig_task, write_synthetic

from faultsyn.errors import InputError
from faultsyn.experiment import load_task
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.quality import StoreQuality, evaluate_store
from faultsyn.experiment.synthesize import synthesize_windows
from faultsyn.resources import available
from faultsyn.store import Store
from faultsyn.synth import build_generator

QUICK = ("kurtosis", "memorisation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("quality")
    make_rig(made)
    return made


def judged(folder: Path, generator: str, *, k: int = 3, n: int = 6, **over: Any) -> StoreQuality:
    out = folder / f"{generator}.h5"
    task = rig_task(folder / "rig.h5")
    synthesize_windows(task, generator, out, k=k, n=n, labels=("inner",), gate=False, cache=folder)
    return evaluate_store(folder / "rig.h5", out, metrics=QUICK, cache=folder, **over)


def test_shots_are_taken_out_of_the_real_side_and_copies_are_found(folder: Path) -> None:
    found = judged(folder, "oversample")
    assert (found.task, found.generators) == ("rig-bearing", ("oversample",))
    report = found.reports["inner"]
    assert (report.n_real, report.n_shots, report.n_synthetic) == (16 - 3, 3, 6)
    suspects = report.views.suspects
    assert suspects is not None
    assert suspects.copied == 6
    np.testing.assert_allclose(suspects.synthetic, suspects.nearest)
    assert any("6 synthetic windows are copies" in warning for warning in report.warnings)


def test_windows_that_repeat_no_shot_are_no_copies(folder: Path) -> None:
    report = judged(folder, "phase-randomised").reports["inner"]
    assert report.views.suspects is not None
    assert report.views.suspects.copied == 0
    assert not any("copies" in warning for warning in report.warnings)


def test_equal_seeds_give_equal_figures(folder: Path) -> None:
    first, second = (judged(folder, "physics-safe").reports["inner"] for _ in range(2))
    assert first.to_dict() == second.to_dict()


def _signal_generators() -> list[str]:
    names = []
    for name in available("models"):
        try:
            preset = load_preset(name, "generator")
        except InputError:  # a classifier
            continue
        space = build_generator(preset.method, **preset.config).space
        if space == "signal" and preset.n_synthetic != 0:
            names.append(name)
    return names


@pytest.mark.slow
@pytest.mark.parametrize("generator", _signal_generators())
def test_windows_of_every_signal_generator_can_be_judged(folder: Path, generator: str) -> None:
    report = judged(folder, generator).reports["inner"]
    kurtosis = report.measurements.get("kurtosis")
    assert kurtosis is None or kurtosis.value is not None or kurtosis.reason
    assert report.n_synthetic == 6
    assert report.views.spectrum is not None


def test_whatever_overlaps_a_shot_is_no_unseen_window(folder: Path, tmp_path: Path) -> None:
    # The shot starts half-way into the second window and ends half-way into the third.
    task = rig_task(folder / "rig.h5", cap={"columns": ["recording"], "n": 20})
    with Store(folder / "rig.h5") as store:
        ids, labels = store.recordings["id"], store.recordings["label"]
        name = str(ids[labels == "inner"][0])
        total = int((labels == "inner").sum()) * (12000 // 1024)
    start = 1.5 * 1024 / 12000
    shots = f'[["{name}", {start}, {start + 1024 / 12000}]]'
    made = write_synthetic(tmp_path / "y.h5", shots=shots)
    found = evaluate_store(
        folder / "rig.h5", made, task=task, metrics=("kurtosis",), cache=folder
    ).reports["inner"]
    assert (found.n_real, found.n_shots) == (total - 2, 2)


@pytest.mark.parametrize(
    ("synthetic", "over", "says"),
    [
        ({}, {}, "does not say what task"),
        ({"label": "gear"}, {"task": {}}, "no real windows of class 'gear'"),
        ({}, {"task": {"window": {"samples": 2048}}}, "1 channels x 2048 samples"),
        ({}, {"task": {"window": {"channels": "XX"}}}, "XX"),
        ({}, {"task": {}, "metrics": ("kurtosiss",)}, "did you mean 'kurtosis'"),
        ({"lengths": (1024, 512)}, {"task": {}}, "lengths of 512, 1024 samples"),
        ({"shots": '{"a": 1}'}, {"task": {}}, "should be .recording, start, end."),
    ],
)
def test_what_cannot_be_compared_is_refused(
    folder: Path, tmp_path: Path, synthetic: dict[str, Any], over: dict[str, Any], says: str
) -> None:
    made = write_synthetic(tmp_path / "y.h5", **synthetic)
    if "task" in over:
        over = {**over, "task": rig_task(folder / "rig.h5", **over["task"])}
    with pytest.raises(InputError, match=says):
        evaluate_store(folder / "rig.h5", made, cache=folder, **{"metrics": QUICK, **over})


def test_a_store_without_synthetic_windows_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="holds no synthetic windows"):
        evaluate_store(folder / "rig.h5", folder / "rig.h5", cache=folder)


def test_the_task_of_another_data_set_is_refused(folder: Path, tmp_path: Path) -> None:
    made = write_synthetic(tmp_path / "y.h5")
    with pytest.raises(InputError, match="zema-valve"):
        evaluate_store(folder / "rig.h5", made, task=load_task("zema-valve"), cache=folder)


def test_when_every_real_window_is_a_shot_nothing_can_be_judged(folder: Path) -> None:
    with pytest.raises(InputError, match="has seen every real window of class 'inner'"):
        judged(folder, "oversample", k=16)


def test_recordings_of_the_pretraining_are_no_reference(folder: Path) -> None:
    task = rig_task(folder / "rig.h5")
    with Store(folder / "rig.h5") as store:
        inner = store.recordings["id"][store.recordings["label"] == "inner"].tolist()
    counts = []
    for name, seen in (("blind.h5", []), ("seen.h5", inner[:3])):
        made = write_synthetic(folder / name, info={"seen": {"pretrain": seen}})
        found = evaluate_store(
            folder / "rig.h5", made, task=task, metrics=("kurtosis",), cache=folder
        )
        counts.append(found.reports["inner"].n_real)
    assert counts == [16, 16 - 3 * 2]
