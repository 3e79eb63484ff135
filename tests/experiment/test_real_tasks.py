"""Every task on the public recordings, and the negative controls that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn.experiment import Results, load_task, run_study
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.ingest import ingest, load_card
from faultsyn.resources import available
from faultsyn.windows import NORMAL

pytestmark = pytest.mark.data

StoreOf = Callable[[str], Path]


@pytest.fixture(scope="session")
def store_of(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> StoreOf:
    """The store of a public data set, ingested once a session when it is first asked for."""
    folder = tmp_path_factory.mktemp("stores")

    def made(name: str) -> Path:
        path = folder / f"{name}.h5"
        if not path.exists():
            ingest(load_card(name), recordings / name, path)
        return path

    return made


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real-cache")


def set_of(task: str) -> str:
    return task.split("-")[0].removesuffix("22")


def data_of(task: str, store_of: StoreOf, cache: Path, **over: Any) -> TaskData:
    made = load_task(task, store=str(store_of(set_of(task))), **over)
    return load_data(made, ArrayCache(cache))


# Windows (where the recordings' documentation gives them) and folds.
SIZES = {
    "tep": (19 * 20 + 18 * 33 + 40, 1),
    "tep22": (22 * 20 + 21 * 33 + 40, 1),
    "tep-onset": (19 * 20 + 18 * 33 + 40, 1),
    "zema-accumulator": (1488, 10),
    "zema-accumulator-event": (1488, 10),
    "zema-valve": (1488, 10),
    "zema-pump": (1488, 10),
    "zema-cooler": (1488, 10),
    "zema-shift-valve": (1488, 3),
    "zema-shift-pump": (1488, 3),
    "zema-shift-accumulator": (1488, 3),
    "cwru-bearing": (None, 6),
    "cwru-bearing-4096": (None, 6),
    "cwru-cross-end": (None, 2),
    "cwru-load": (None, 1),
    "cwru-load-shots": (None, 5),
}


def test_no_task_is_forgotten() -> None:
    others = {
        name
        for name in available("experiments/tasks")
        if name.startswith("rig-") or load_task(name).split.scheme == "episodes"
    }
    assert set(available("experiments/tasks")) - others == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_every_task_loads_without_a_leak(name: str, store_of: StoreOf, cache: Path) -> None:
    data = data_of(name, store_of, cache)
    windows, folds = SIZES[name]
    assert len(data.folds) == folds
    assert windows in (None, len(data.windows))
    assert np.isfinite(data.windows.x).all()
    for fold in data.folds:
        for label in data.classes:
            assert (data.windows.labels[fold.train] == label).any(), (fold.name, label)
            assert (data.windows.labels[fold.test] == label).any(), (fold.name, label)
        more = data.base_of(fold)
        if data.overlapping is not None:
            assert set(data.overlapping.labels[more]) == {NORMAL}
            held_out = set(data.windows.column("recording")[fold.test])
            assert not held_out & set(data.overlapping.column("recording")[more])


def test_tep_trains_and_tests_on_different_runs(store_of: StoreOf, cache: Path) -> None:
    data = data_of("tep", store_of, cache)
    (fold,) = data.folds
    labels = data.windows.labels
    assert all((labels[fold.train] == label).sum() == 20 for label in data.classes)
    assert (labels[fold.test] == NORMAL).sum() == 40
    assert all((labels[fold.test] == label).sum() == 33 for label in data.classes[1:])
    assert len(data.base_of(fold)) == 239


def test_zema_caps_the_three_large_combinations(store_of: StoreOf, cache: Path) -> None:
    data = data_of("zema-accumulator", store_of, cache)
    names = ("cooler", "valve", "pump", "accumulator")
    columns = [data.windows.column(name) for name in names]
    combinations = ["/".join(row) for row in zip(*columns, strict=True)]
    _, counts = np.unique(combinations, return_counts=True)
    assert len(counts) == 144
    assert counts.max() == 12
    normal = data.windows.labels == NORMAL
    assert set(data.windows.column("severity")[normal]) == {130.0}


def test_cwru_bearing_reads_the_sensor_at_the_faulty_end(store_of: StoreOf, cache: Path) -> None:
    data = data_of("cwru-bearing", store_of, cache)
    assert {fold.name for fold in data.folds} == {
        f"{end}/{size}" for end in ("drive_end", "fan_end") for size in (7, 14, 21)
    }
    outer = data.windows.labels == "outer"
    drive_end = data.windows.column("location") == "drive_end"
    assert set(data.windows.column("position")[outer & drive_end]) == {"6"}
    assert data.healthy is not None
    assert len(data.healthy) == 5
    other = data_of(
        "cwru-bearing", store_of, cache, window={"select": {"channels": {"fan_end": "DE"}}}
    )
    same = (data.windows.x == other.windows.x).all(axis=(1, 2))
    assert (same == drive_end).all()


def controls(store_of: StoreOf, cache: Path, folder: Path) -> Results:
    tasks: list[dict[str, Any]] = [
        {"task": "tep", "store": str(store_of("tep")), "k": ["all"]},
        {"task": "zema-accumulator", "store": str(store_of("zema")), "k": ["all"]},
        {"task": "cwru-bearing", "store": str(store_of("cwru")), "k": ["all"]},
    ]
    tasks[1]["split"] = {"partitions": 1}
    study = {
        "name": "controls",
        "tasks": tasks,
        "seeds": 2,
        "generators": ["none"],
        "classifiers": [
            {"method": "lda"},
            {"method": "lda", "name": "renamed", "control": "permuted names"},
        ],
        "controls": True,
    }
    return run_study(study, folder, cache=cache)


def test_negative_controls_give_chance(store_of: StoreOf, cache: Path, tmp_path: Path) -> None:
    results = controls(store_of, cache, tmp_path / "out")
    assert set(results["status"].tolist()) == {"ok"}
    for task in results.values("task"):
        rows = results.where(task=task)
        chance = 1 / len(str(rows["classes"][0]).split("|"))
        honest = rows.where(classifier="lda")["balanced_accuracy"].mean()
        for name in ("control: shuffled labels", "control: metadata only"):
            control = rows.where(classifier=name)["balanced_accuracy"].mean()
            assert control < chance + 0.06, (task, name, control)
            assert control < honest - 0.3, (task, name, control)
        renamed = rows.where(classifier="renamed")
        plain = rows.where(classifier="lda")
        assert renamed["group"].tolist() == plain["group"].tolist()
        assert renamed["confusion"].tolist() == plain["confusion"].tolist(), task
