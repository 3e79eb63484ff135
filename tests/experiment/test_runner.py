from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from faultsyn.errors import InputError, LeakError
from faultsyn.experiment import Results, load_study, run_study
from faultsyn.experiment.cells import Cell
from faultsyn.experiment.results import SCHEMA, TIMINGS
from faultsyn.experiment.results import confusion_matrix as matrix
from faultsyn.synth.diff_aug import DiffAug
from faultsyn.windows import WindowSet
from faultsyn.workers import Lost, Workers


def scores(results: Results) -> list[dict[str, Any]]:
    """Rows without what may differ between two equal runs."""
    kept = [name for name in SCHEMA if name not in (*TIMINGS, "commit")]
    return [
        {name: "nan" if row[name] != row[name] else row[name] for name in kept}
        for row in results.rows()
    ]


def run(study: dict[str, Any], out: Path, **over: Any) -> Results:
    return run_study(study, out, cache=out.parent / "cache", **over)


def test_every_arm_has_a_row_and_all_is_paired(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    said: list[tuple[int, int, str]] = []
    results = run(tiny_study, tmp_path / "out", progress=lambda *what: said.append(what))
    assert len(results) == 3 * 2 * 2 * 2 * 2  # folds, k, seeds, generators, classifiers
    assert set(results["status"].tolist()) == {"ok"}
    assert said[-1][:2] == (24, 24)
    assert results.where(generator="none")["n_synthetic"].tolist() == [0] * 24
    assert set(results.where(generator="diff-aug")["n_synthetic"].tolist()) == {12}
    shots = results.where(k="2")
    assert set(shots["n_train_windows"].tolist()) == {32 + 4}
    assert set(results["n_test_windows"].tolist()) == {48}
    assert set(results["split"].tolist()) == {"asset"}
    assert results["classes"][0] == "normal|inner|outer"
    for row in results.rows():
        counts = matrix(row["confusion"])
        assert counts.sum() == row["n_test_windows"]
        recall = counts.diagonal() / counts.sum(axis=1)
        assert row["balanced_accuracy"] == pytest.approx(recall.mean())
        assert 0 <= row["false_alarm_rate"] <= 1
    spent = ("generator_fit_seconds", "generator_sample_seconds", "generator_memory_mb")
    for column in spent:
        assert np.isnan(results.where(generator="none")[column]).all()
    for column in spent[:2]:
        assert (results.where(generator="diff-aug")[column] >= 0).all()
    assert results.ok()["balanced_accuracy"].mean() > 0.8  # three levels are easily told apart
    environment = json.loads((tmp_path / "out" / "environment.json").read_text())
    assert environment["packages"]["numpy"] == np.__version__
    assert environment["stores"] == {
        tiny_study["tasks"][0]["store"]: results["data_hash"][0].item()
    }
    assert load_study(tmp_path / "out" / "study.yaml") == load_study(tiny_study)


def test_two_jobs_give_the_rows_of_one(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    tiny_study["classifiers"].append({"method": "random-forest", "config": {"n_trees": 10}})
    one = run(tiny_study, tmp_path / "one")
    two = run_study(tiny_study, tmp_path / "two", jobs=2, cache=tmp_path / "other-cache")
    assert scores(one) == scores(two)


def test_a_second_run_computes_nothing(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    first = run(tiny_study, tmp_path / "out")
    said: list[tuple[int, int, str]] = []
    again = run(tiny_study, tmp_path / "out", progress=lambda *what: said.append(what))
    assert said == [(24, 24, "")]
    assert [*first.rows()].__repr__() == [*again.rows()].__repr__()


def test_a_changed_study_keeps_the_rows_it_shares(
    tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    full = run(tiny_study, tmp_path / "out")
    fewer = {**tiny_study, "generators": ["none"], "seeds": [1]}
    kept = run(fewer, tmp_path / "out")
    assert len(kept) == 12
    assert set(kept["key"].tolist()) < set(full["key"].tolist())
    said: list[tuple[int, int, str]] = []
    back = run(tiny_study, tmp_path / "out", progress=lambda *what: said.append(what))
    assert said == [(24, 24, "")]  # nothing that was once computed is lost
    assert scores(back) == scores(full)
    changed = {**tiny_study, "classifiers": [{"method": "nearest-mean"}]}
    changed["generators"] = ["none", {"preset": "diff-aug", "config": {"scale": 0.1}}]
    other = run(changed, tmp_path / "out")
    assert len(set(other["key"].tolist()) & set(full["key"].tolist())) == 12


def test_killed_anywhere_it_goes_on_to_the_same_end(
    tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    tiny_study["seeds"] = 4
    whole = run(tiny_study, tmp_path / "whole")
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(tiny_study))
    out = tmp_path / "killed"
    code = (
        "from faultsyn.experiment import run_study\n"
        f"run_study({str(file)!r}, {str(out)!r}, cache={str(tmp_path / 'cache')!r},"
        " progress=lambda *what: __import__('time').sleep(0.02))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    csv = out / "results.csv"
    deadline = time.monotonic() + 60
    while not (csv.is_file() and csv.read_text().count("\n") > 6):
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    n_before = csv.read_text().count("\n") - 1
    assert 0 < n_before < len(whole)
    csv.write_text(csv.read_text() + "tiny,asset,half a li")  # as a kill within a write leaves it
    said: list[int] = []
    resumed = run(tiny_study, out, progress=lambda done, *_: said.append(done))
    assert said[0] > 0
    assert scores(resumed) == scores(whole)


def test_a_cell_whose_worker_died_is_marked_and_tried_again(
    tiny_study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(self: Workers, function: Any, units: Any) -> Any:
        for number, unit in enumerate(units):
            cell = isinstance(unit, Cell) and number == 1
            yield unit, Lost("worker died twice") if cell else function(unit)

    monkeypatch.setattr(Workers, "run", dies)
    results = run(tiny_study, tmp_path / "out")
    died = results["status"] == "worker died twice"
    assert died.sum() == 2  # one cell of two classifiers
    assert set(results["status"][~died].tolist()) == {"ok"}
    monkeypatch.undo()
    again = run(tiny_study, tmp_path / "out")
    assert set(again["status"].tolist()) == {"ok"}
    assert scores(again) == scores(run(tiny_study, tmp_path / "whole"))


def test_a_costly_generator_is_pretrained_once_a_fold(
    tiny_study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained: list[int] = []
    before = DiffAug._pretrain

    def counted(self: DiffAug, normal: WindowSet, rng: np.random.Generator) -> None:
        pretrained.append(len(normal))
        before(self, normal, rng)

    monkeypatch.setattr(DiffAug, "_pretrain", counted)
    monkeypatch.setattr(DiffAug, "costly", True, raising=False)
    tiny_study["tasks"][0]["normals"] = 12
    tiny_study["generators"] = [{"preset": "diff-aug-signal", "n_synthetic": 3}]
    results = run(tiny_study, tmp_path / "out")
    assert set(results["status"].tolist()) == {"ok"}
    assert set(results["n_synthetic"].tolist()) == {6}
    assert pretrained == [12, 12, 12]  # three folds; seeds and k share
    run({**tiny_study, "seeds": 3}, tmp_path / "out")
    assert len(pretrained) == 3


def test_what_cannot_run_says_why(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    tiny_study["tasks"][0]["k"] = [2, 100]
    tiny_study["seeds"] = 1
    tiny_study["generators"] = [
        "none",
        {"preset": "cycle-bootstrap", "n_synthetic": 3, "k": [2]},
        {"preset": "diff-aug", "name": "scaled", "config": {"scale": 0.5}, "k": [2]},
    ]
    tiny_study["classifiers"] = [
        {"method": "nearest-mean"},
        {"method": "cnn", "config": {"steps": 1}},
    ]
    results = run(tiny_study, tmp_path / "out")
    too_few = results.where(k="100")
    assert len(too_few) == 3 * 2
    assert all("training windows, k = 100" in status for status in too_few["status"].tolist())
    assert np.isnan(too_few["balanced_accuracy"]).all()
    cycle = results.where(generator="cycle-bootstrap")
    assert all("bearing" in status for status in cycle["status"].tolist())
    features = results.where(generator="scaled", classifier="cnn")
    assert all("makes feature rows" in status for status in features["status"].tolist())
    assert set(results.where(generator="scaled", classifier="nearest-mean")["status"]) == {"ok"}


def test_leak_gap_and_controls_add_their_rows(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    tiny_study |= {"leak_gap": True, "controls": True, "seeds": 2}
    results = run(tiny_study, tmp_path / "out")
    assert set(results["status"].tolist()) == {"ok"}
    random = results.where(split="window")
    assert len(random) == 5 * 2 * 2  # folds, seeds, classifiers, at the largest k
    assert set(random["k"].tolist()) == {"4"}
    for name in ("control: shuffled labels", "control: metadata only"):
        control = results.where(classifier=name)
        assert len(control) == 3 * 2
        assert control["balanced_accuracy"].mean() < 0.55  # chance is a third


def test_examples_are_kept_for_figures(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    tiny_study |= {"examples": 3, "seeds": 1}
    tiny_study["generators"].append({"preset": "diff-aug-signal", "n_synthetic": 4})
    run(tiny_study, tmp_path / "out")
    folder = tmp_path / "out" / "examples"
    assert {path.name for path in folder.iterdir()} == {
        f"tiny__{generator}__{label}.npz"
        for generator in ("diff-aug", "diff-aug-signal")
        for label in ("inner", "outer")
    }
    with np.load(folder / "tiny__diff-aug-signal__inner.npz", allow_pickle=False) as kept:
        meta = json.loads(str(kept["meta"]))
        assert kept["real"].shape == kept["synthetic"].shape == (3, 2, 16)
        assert (meta["rate"], meta["channels"], meta["units"]) == (16.0, ["A", "B"], ["g", "g"])
    with np.load(folder / "tiny__diff-aug__inner.npz", allow_pickle=False) as kept:
        assert json.loads(str(kept["meta"]))["rate"] is None
        assert kept["real"].shape[0] <= 3


def test_a_leak_is_found_before_anything_is_run(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    tiny_study["tasks"][0]["split"] = {
        "scheme": "leave-one-out",
        "level": "condition",
        "groups": "start_sample",
    }
    with pytest.raises(LeakError, match=r"recording 'inner-0' stands on both sides"):
        run(tiny_study, tmp_path / "out")
    assert not (tmp_path / "out" / "results.csv").exists()


def test_bad_input_is_refused_before_anything_is_run(
    tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    def refused(message: str, **change: Any) -> None:
        with pytest.raises(InputError, match=message):
            run({**tiny_study, **change}, tmp_path / "out")

    task = tiny_study["tasks"][0]
    refused("no store", tasks=[{**task, "store": "nowhere.h5"}])
    refused(
        r"no windows of class \['ball'\]",
        tasks=[{**task, "label": {**task["label"], "classes": ["normal", "inner", "ball"]}}],
    )
    refused("has no channel", tasks=[{**task, "window": {**task["window"], "channels": ["C"]}}])
    refused("no window of 4096", tasks=[{**task, "window": {**task["window"], "samples": 4096}}])
    refused("has no setting 'scael'", generators=[{"preset": "diff-aug", "config": {"scael": 1}}])
    refused("unknown classifier", classifiers=[{"method": "oracle"}])


def test_two_runs_cannot_share_a_folder(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    def meddle(*_: Any) -> None:
        with pytest.raises(InputError, match="another run is writing here"):
            run(tiny_study, tmp_path / "out")

    run({**tiny_study, "seeds": 1, "generators": ["none"]}, tmp_path / "out", progress=meddle)
