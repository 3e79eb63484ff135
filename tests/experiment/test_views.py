"""Nothing of the test side reaches training: change every test sample, training stays the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import tiny_recordings

from faultsyn.errors import InputError
from faultsyn.experiment.arms import GeneratorArm
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.shots import Support, draw_support
from faultsyn.experiment.synthesis import Synthesis, amount_per_class, space_of
from faultsyn.experiment.task import RepresentationSpec, load_task
from faultsyn.experiment.views import (
    FeatureView,
    FoldFeatures,
    MetadataView,
    View,
    WindowView,
    metadata_rows,
)
from faultsyn.store import StoreWriter
from faultsyn.windows import NORMAL, WindowSet


def support_of(data: TaskData, normals: int | None = 10) -> Support:
    return draw_support(
        data.windows.table,
        data.windows.labels,
        data.classes,
        data.folds[0],
        data.task.shots,
        3,
        0,
        normals,
        data.task.name,
    )


@pytest.fixture
def pair(tiny_task: dict[str, Any], tmp_path: Path) -> tuple[TaskData, TaskData]:
    """A task, and the same task whose first fold's test recordings hold something else."""
    tiny_task["window"]["normal_stride"] = 4
    cache = ArrayCache(tmp_path / "cache")
    honest = load_data(load_task(tiny_task), cache)
    tested = set(honest.windows.column("recording")[honest.folds[0].test].tolist())
    path = tmp_path / "changed.h5"
    with StoreWriter(path) as writer:
        for recording in tiny_recordings():
            streams = recording.streams
            if recording.id in tested:
                streams = tuple(replace(s, samples=50 * s.samples[::-1] + 7) for s in streams)
            writer.add(replace(recording, streams=streams))
    return honest, load_data(load_task(tiny_task, store=str(path)), cache)


def views_of(data: TaskData, cache: Path, **spec: Any) -> tuple[View, View, View]:
    support, fold = support_of(data), data.folds[0]
    made = RepresentationSpec(features="statistics", **spec)
    features = FoldFeatures(data, fold, made, ArrayCache(cache))
    return (
        FeatureView(features, support),
        WindowView(data, fold, support),
        MetadataView(data, fold, support),
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"rows": "standardise"},
        {"rows": "residual", "drop": 2},
        {"channels": "zscore"},
        {"channels": "whiten", "rows": "none"},
    ],
)
def test_training_does_not_see_the_test_side(
    pair: tuple[TaskData, TaskData], tmp_path: Path, spec: dict[str, Any]
) -> None:
    ours, theirs = (views_of(data, tmp_path / "cache", **spec) for data in pair)
    for mine, other in zip(ours, theirs, strict=True):
        assert np.array_equal(mine.support.x, other.support.x)
        assert np.array_equal(mine.base.x, other.base.x)
        assert np.array_equal(mine.support.labels, other.support.labels)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        assert not np.allclose(mine.test.x, other.test.x)
    made = [
        synthesis(data, preset).windows(view, "features")
        for data, (view, _, _) in zip(pair, (ours, theirs), strict=True)
        for preset in ("diff-aug", "diff-aug-signal")
    ]
    for mine, other in zip(made[:2], made[2:], strict=True):
        assert mine is not None
        assert other is not None
        assert np.array_equal(mine.x, other.x)


def synthesis(data: TaskData, preset: str, **over: Any) -> Synthesis:
    found = load_preset(preset, "generator")
    arm = GeneratorArm(
        name=preset,
        method=found.method,
        config=over.get("config", found.config),
        n_synthetic=over.get("n_synthetic", 4),
    )
    return Synthesis(arm, data, data.folds[0], support_of(data), 3, 0, Path("nowhere"))


def test_overlapping_normals_replace_the_base_and_stay_in_training(
    pair: tuple[TaskData, TaskData], tmp_path: Path
) -> None:
    data = pair[0]
    view, windows, _ = views_of(data, tmp_path / "cache")
    assert data.overlapping is not None
    assert len(view.base) == len(windows.base) > len(view.support.of(NORMAL))
    trained = set(data.windows.column("recording")[data.folds[0].train].tolist())
    assert set(view.base.column("recording").tolist()) <= trained


def test_rows_are_standardised_on_the_support(
    pair: tuple[TaskData, TaskData], tmp_path: Path
) -> None:
    view, _, _ = views_of(pair[0], tmp_path / "cache")
    assert np.abs(view.support.rows.mean(axis=0)).max() < 1e-4
    assert view.support.rows.std(axis=0) == pytest.approx(1, abs=1e-3)


def test_windows_and_synthetic_windows_are_seen_alike(
    pair: tuple[TaskData, TaskData], tmp_path: Path
) -> None:
    data = pair[0]
    view, _, _ = views_of(data, tmp_path / "cache")
    again = view.see(data.windows.take(data.folds[0].test))
    assert np.allclose(again.x, view.test.x, atol=1e-5)


def test_amounts() -> None:
    labels = np.array([NORMAL] * 9 + ["a"] * 2 + ["b"] * 5)
    support = WindowSet(np.zeros((16, 1, 1), np.float32), {"label": labels}, 1.0, ("A",))
    classes = (NORMAL, "a", "b")
    assert amount_per_class(3, support, classes) == {"a": 3, "b": 3}
    assert amount_per_class("normals", support, classes) == {"a": 9, "b": 9}
    assert amount_per_class("balance", support, classes) == {"a": 7, "b": 4}
    faults = support.take(labels != NORMAL)
    assert amount_per_class("normals", faults, ("a", "b")) == {"a": 5, "b": 5}


def test_an_indifferent_generator_follows_its_classifier() -> None:
    arm = GeneratorArm(name="o", method="oversample", n_synthetic=1)
    assert space_of(arm, "features") == "features"
    assert space_of(arm, "windows") == "signal"
    fixed = GeneratorArm(name="d", method="diff-aug", config={"space": "features"}, n_synthetic=1)
    with pytest.raises(InputError, match="makes feature rows"):
        space_of(fixed, "windows")


def test_metadata_never_holds_the_label(pair: tuple[TaskData, TaskData]) -> None:
    data = pair[0]
    assert metadata_rows(data).shape == (len(data.windows), 4)  # load, rpm, start, index
    index = metadata_rows(data)[:, -1]
    assert index.max() == 7
    assert (np.bincount(index.astype(int)) == 18).all()
    for name in ("label", "severity"):
        task = data.task.model_copy(update={"metadata": (name,)})
        with pytest.raises(InputError, match="are the label itself"):
            metadata_rows(replace(data, task=task))
