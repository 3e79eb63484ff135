"""Meta-training that cells share: once a base set, the same rows, nothing of the test side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn import api
from faultsyn.diagnose.prototypical import Prototypical
from faultsyn.errors import InputError, LeakError
from faultsyn.experiment import Results, load_study, run_study
from faultsyn.experiment.base_sets import base_set
from faultsyn.experiment.base_views import base_view
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import load_data
from faultsyn.experiment.results import SCHEMA, TIMINGS
from faultsyn.experiment.task import load_task
from faultsyn.windows import WindowSet

LEARNER = {
    "method": "prototypical",
    "config": {"encoder": "rows", "width": 8, "base_steps": 4, "way": 3, "batch": 12, "pseudo": 4},
}


def study_of(tiny_study: dict[str, Any], *arms: dict[str, Any]) -> dict[str, Any]:
    return {**tiny_study, "classifiers": list(arms)}


def scores(results: Results) -> list[dict[str, Any]]:
    kept = [name for name in SCHEMA if name not in (*TIMINGS, "commit")]
    return [{name: str(row[name]) for name in kept} for row in results.rows()]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[WindowSet]:
    """The base sets that learners were meta-trained on, in order."""
    seen: list[WindowSet] = []
    before = Prototypical._meta_fit

    def counted(self: Prototypical, base: WindowSet, rng: np.random.Generator) -> None:
        seen.append(base)
        before(self, base, rng)

    monkeypatch.setattr(Prototypical, "_meta_fit", counted)
    return seen


def test_a_learner_is_meta_trained_once_a_fold(
    tiny_study: dict[str, Any], tmp_path: Path, trained: list[WindowSet]
) -> None:
    study = study_of(tiny_study, LEARNER)
    results = run_study(study, tmp_path / "out", cache=tmp_path / "cache")
    assert set(results["status"].tolist()) == {"ok"}
    assert len(results) == 3 * 2 * 2 * 2
    assert len(trained) == 3  # folds; k, seeds and generators share
    again = run_study({**study, "seeds": 3}, tmp_path / "out", cache=tmp_path / "cache")
    assert len(trained) == 3
    assert len(again) == 3 * 2 * 3 * 2
    draws = study_of(tiny_study, {**LEARNER, "name": "twice", "base": {"draws": 2}})
    run_study(draws, tmp_path / "out", cache=tmp_path / "cache")
    assert len(trained) == 3 + 3  # the first draw is there already


def test_rows_are_the_same_with_a_cache_without_one_and_in_two_jobs(
    tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    study = study_of(tiny_study, LEARNER)
    first = run_study(study, tmp_path / "a", cache=tmp_path / "cache")
    cached = run_study(study, tmp_path / "b", cache=tmp_path / "cache")
    two = run_study(study, tmp_path / "c", cache=tmp_path / "other", jobs=2)
    assert scores(first) == scores(cached) == scores(two)


def test_a_base_set_is_of_the_training_side_and_knows_no_shots(tiny_task: dict[str, Any]) -> None:
    tiny_task["normals"] = 10
    task = load_task(tiny_task)
    data = load_data(task, ArrayCache(Path(tiny_task["store"]).parent / "cache"))
    for fold in data.folds:
        base = base_set(data, fold, None, ArrayCache(Path(tiny_task["store"]).parent / "cache"))
        assert len(base.own) == 10
        assert set(base.own) <= set(fold.train)
        assert set(data.windows.labels[base.own]) == {"normal"}
        view = base_view(base, None)
        np.testing.assert_array_equal(view.windows.x, data.windows.x[base.own])


def test_episodes_of_the_same_novel_classes_share(
    tiny_study: dict[str, Any], tmp_path: Path, trained: list[WindowSet]
) -> None:
    split = {
        "scheme": "episodes", "level": "asset", "groups": "asset", "way": 2, "queries": 3,
        "train": {"session": ["s0", "s1"]}, "test": {"session": "s2"},
        "novel": [["inner", "outer"]], "episodes": 3,
    }  # fmt: skip
    tiny_study["tasks"][0] |= {"split": split}
    study = study_of(tiny_study, LEARNER)
    study["generators"] = ["none"]
    results = run_study(study, tmp_path / "out", cache=tmp_path / "cache")
    assert set(results["status"].tolist()) == {"ok"}
    assert len(trained) == 1
    assert set(trained[0].labels.tolist()) == {"normal"}


def other_machines(store: Path, **over: Any) -> dict[str, Any]:
    return {
        "store": str(store),
        "channels": ["DE"],
        "label": {"column": "label", "classes": ["inner", "outer", "ball"]},
        "budget": {"kind": "other-machines", "text": "a simulated rig"},
        **over,
    }


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "machines.h5"
    api.simulate(path, kind="machines", assets=3, seconds=0.2)
    return path


def rig_study(rig: Path, **base: Any) -> dict[str, Any]:
    """On another park than the base set's, brought to the task's rate and length."""
    park = rig.parent / "park.h5"
    if not park.exists():
        api.simulate(park, kind="machines", assets=4, seconds=0.2, seed=5)
    task = {
        "task": "rig-bearing", "store": str(park), "k": [1],
        "window": {"samples": 512, "rate": 6000},
        "split": {"folds": 2},
        "representation": {"features": "log-spectrum"},
    }  # fmt: skip
    arm = {**LEARNER, "name": "with-rig", "base": {"other": other_machines(rig), **base}}
    return {
        "name": "rigs", "tasks": [task], "seeds": 1, "generators": ["none"],
        "classifiers": [LEARNER, arm],
    }  # fmt: skip


def test_other_machines_are_added_to_the_base_set(
    rig: Path, tmp_path: Path, trained: list[WindowSet]
) -> None:
    results = run_study(rig_study(rig), tmp_path / "out", cache=tmp_path / "cache")
    assert set(results["status"].tolist()) == {"ok"}
    alone, both = trained[0], trained[1]  # of the first fold
    assert set(alone.labels.tolist()) == {"normal"}
    assert set(both.labels.tolist()) == {"normal", "inner", "outer", "ball"}
    assert both.x.shape[1:] == alone.x.shape[1:]
    budgets = {row["classifier"]: row["budget"] for row in results.rows()}
    assert budgets["with-rig"] == "other-machines: a simulated rig"
    assert budgets["prototypical"].startswith("normal+shots")
    only = run_study(rig_study(rig, own=False), tmp_path / "only", cache=tmp_path / "cache")
    assert set(trained[-1].labels.tolist()) == {"inner", "outer", "ball"}
    keys = [set(r["key"].tolist()) for r in (results, only)]
    assert len(keys[0] & keys[1]) == 2  # the arm without other machines


def test_the_other_store_decides_the_row_and_its_place_does_not(rig: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.h5"
    shutil.copy(rig, moved)
    changed = tmp_path / "changed.h5"
    api.simulate(changed, kind="machines", assets=3, seconds=0.2, seed=9)
    keys = []
    for store in (rig, moved, changed):
        study = rig_study(rig)
        study["classifiers"][1]["base"]["other"]["store"] = str(store)
        study["classifiers"] = study["classifiers"][1:]
        results = run_study(study, tmp_path / f"out{len(keys)}", cache=tmp_path / "cache")
        keys.append(set(results["key"].tolist()))
    assert keys[0] == keys[1]
    assert not keys[0] & keys[2]


def test_other_machines_that_are_tested_on_are_a_leak(rig: Path, tmp_path: Path) -> None:
    study = rig_study(rig)
    park = study["tasks"][0]["store"]
    study["classifiers"][1]["base"]["other"]["store"] = park
    with pytest.raises(LeakError, match=r"base set of 'with-rig' has seen recording"):
        run_study(study, tmp_path / "out", cache=tmp_path / "cache")


def test_made_up_windows_of_base_faults_are_added(
    rig: Path, tmp_path: Path, trained: list[WindowSet]
) -> None:
    study = rig_study(rig)
    study["tasks"][0]["split"] = {
        "scheme": "episodes", "level": "window", "groups": [], "way": 2, "queries": 2,
        "novel": [["inner", "outer"]], "episodes": 1,
    }  # fmt: skip
    made = {"preset": "diff-aug", "n_synthetic": 5}
    study["classifiers"] = [{**LEARNER, "base": {"made": made}}]
    results = run_study(study, tmp_path / "out", cache=tmp_path / "cache")
    assert set(results["status"].tolist()) == {"ok"}
    base = trained[0]
    assert set(base.labels.tolist()) == {"normal", "ball"}
    assert set(base.labels[base.synthetic].tolist()) == {"ball"}
    assert base.synthetic.sum() == 5
    assert set(base.column("recording")[base.synthetic].tolist()) == {"made ball"}
    assert results["budget"][0].startswith("normal+shots")  # nothing else was seen


def test_what_cannot_be_made_is_said_in_the_row(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    arm = {**LEARNER, "base": {"made": {"preset": "diff-aug", "n_synthetic": 5}}}
    study = {**study_of(tiny_study, arm), "generators": ["none"]}
    results = run_study(study, tmp_path / "out", cache=tmp_path / "cache")
    assert all("at least one shot" in status for status in results["status"].tolist())


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ({"own": False}, "leaves nothing to learn from"),
        ({"others": {}}, "did you mean 'other'"),
        ({"other": {"store": "x.h5"}}, "label"),
        ({"made": {"preset": "no-such"}}, "no-such"),
        ({"draws": 0}, "draws"),
    ],
)
def test_a_bad_base_is_refused(tiny_study: dict[str, Any], base: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_study(study_of(tiny_study, {**LEARNER, "base": base}))


def test_only_learners_take_a_base(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    study = study_of(tiny_study, {"method": "lda", "base": {"draws": 2}})
    with pytest.raises(InputError, match="'lda' is not meta-trained"):
        run_study(study, tmp_path / "out", cache=tmp_path / "cache")


def test_channels_of_other_machines_must_fit(rig: Path, tmp_path: Path) -> None:
    study = rig_study(rig)
    study["classifiers"][1]["base"]["other"]["channels"] = ["DE", "DE2"]
    with pytest.raises(InputError, match=r"DE2|expected 1 channels"):
        run_study(study, tmp_path / "out", cache=tmp_path / "cache")
