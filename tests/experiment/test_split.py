from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError, LeakError
from faultsyn.experiment.split import Fold, check_fold, folds_of
from faultsyn.experiment.task import Split

LABELS = ("normal", "inner", "outer")


def table_of(asset: list[int], labels: list[str], per_recording: int = 2) -> dict[str, Any]:
    """One window a row; an asset of each class, recordings of a few windows."""
    names = np.array([f"{label}-{a}" for a, label in zip(asset, labels, strict=True)])
    start = np.zeros(len(names))
    recording = names.astype(object)
    for name in set(names):
        rows = np.flatnonzero(names == name)
        start[rows] = np.arange(len(rows)) % per_recording
        recording[rows] = [f"{name}/{i // per_recording}" for i in range(len(rows))]
    return {
        "asset": names,
        "recording": recording.astype(str),
        "start": start,
        "end": start + 1.0,
        "load": np.array(asset) % 2,
    }


@st.composite
def group_tables(draw: Any) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    assets: list[int] = []
    labels: list[str] = []
    for label in LABELS[: draw(st.integers(2, 3))]:
        for asset in range(draw(st.integers(2, 6))):
            n = draw(st.integers(1, 5))
            assets += [asset] * n
            labels += [label] * n
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(assets))
    table = table_of(assets, labels)
    return {name: column[order] for name, column in table.items()}, np.array(labels)[order]


@settings(max_examples=60, deadline=None)
@given(group_tables(), st.sampled_from(["leave-one-out", "kfold"]), st.integers(2, 5))
def test_no_group_or_recording_stands_on_both_sides(
    drawn: tuple[dict[str, Any], np.ndarray[Any, Any]], scheme: Any, folds: int
) -> None:
    table, labels = drawn
    split = Split(scheme=scheme, level="asset", groups=("asset",), folds=folds)
    made = folds_of(table, labels, split, "t")
    tested: list[int] = []
    for fold in made:
        for column in ("asset", "recording"):
            assert not set(table[column][fold.train]) & set(table[column][fold.test])
        assert not set(fold.train) & set(fold.test)
        assert len(fold.train) + len(fold.test) == len(labels)
        tested += fold.test.tolist()
    assert sorted(tested) == list(range(len(labels)))  # each window is tested exactly once
    assert len({fold.name for fold in made}) == len(made)


@settings(max_examples=40, deadline=None)
@given(group_tables(), st.integers(2, 4))
def test_random_windows_never_overlap_across_sides(
    drawn: tuple[dict[str, Any], np.ndarray[Any, Any]], folds: int
) -> None:
    table, labels = drawn
    split = Split(scheme="window", level="window", folds=folds)
    assume(min((labels == label).sum() for label in set(labels)) >= folds)
    made = folds_of(table, labels, split, "t")
    assert sum(len(fold.test) for fold in made) == len(labels)
    table["end"] = table["start"] + 1.5  # now neighbours overlap
    for fold in made:
        side = np.isin(np.arange(len(labels)), fold.test)
        crossing = any(
            side[i] != side[j]
            for i in range(len(labels))
            for j in range(len(labels))
            if table["recording"][i] == table["recording"][j]
            and 0 < table["start"][j] - table["start"][i] < 1.5
        )
        if crossing:
            with pytest.raises(LeakError, match="overlaps"):
                check_fold(fold, table, split, "t")
        else:
            check_fold(fold, table, split, "t")


def two_assets() -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    assets = [0, 0, 0, 0, 1, 1, 1, 1] * 2
    labels = ["normal"] * 8 + ["inner"] * 8
    return table_of(assets, labels), np.array(labels)


def test_a_group_on_both_sides_is_a_leak() -> None:
    table, labels = two_assets()
    split = Split(scheme="leave-one-out", level="asset", groups=("asset",))
    first = folds_of(table, labels, split, "t")[0]
    bad = Fold("bad", np.append(first.train, first.test[0]), first.test[1:])
    with pytest.raises(LeakError, match=r"asset 'inner-0' stands on both sides"):
        check_fold(bad, table, split, "t")


def test_a_recording_on_both_sides_is_a_leak_whatever_the_groups() -> None:
    table, labels = two_assets()
    table["half"] = np.arange(len(labels)) % 2
    split = Split(scheme="leave-one-out", level="condition", groups=("half",))
    with pytest.raises(LeakError, match=r"recording .* stands on both sides"):
        folds_of(table, labels, split, "t")


def test_fixed_filters_that_share_a_group_are_a_leak() -> None:
    table, labels = two_assets()
    split = Split(
        scheme="fixed",
        level="asset",
        groups=("load",),
        train=({"asset": ("normal-0", "inner-0", "normal-1")},),
        test=({"asset": "inner-1"},),
    )
    with pytest.raises(LeakError, match="load '1' stands on both sides"):
        folds_of(table, labels, split, "t")


def test_synthetic_windows_are_never_tested_on() -> None:
    table, labels = two_assets()
    table["synthetic"] = np.arange(len(labels)) == 3
    split = Split(scheme="leave-one-out", level="asset", groups=("load",))
    with pytest.raises(LeakError, match="synthetic windows in the test set"):
        folds_of(table, labels, split, "t")


def test_pinned_classes_and_filters_stay_out_of_the_test() -> None:
    table, labels = two_assets()
    split = Split(
        scheme="leave-one-out",
        level="asset",
        groups=("asset",),
        pinned=("normal",),
        train=({"load": 0},),
    )
    folds = folds_of(table, labels, split, "t")
    assert [fold.name for fold in folds] == ["inner-0", "inner-1"]
    for fold in folds:
        assert set(labels[fold.test]) == {"inner"}
        assert set(table["load"][fold.train]) == {0}


def test_kfold_deals_every_class_evenly_and_partitions_differ() -> None:
    assets = [a for a in range(10) for _ in range(2)] * 2
    labels = np.array(["normal"] * 20 + ["inner"] * 20)
    table = table_of(assets, labels.tolist())
    split = Split(scheme="kfold", level="asset", groups=("asset",), folds=5, partitions=2)
    folds = folds_of(table, labels, split, "t")
    assert len(folds) == 10
    for fold in folds:
        assert (labels[fold.test] == "inner").sum() == (labels[fold.test] == "normal").sum() == 4
    assert {tuple(f.test) for f in folds[:5]} != {tuple(f.test) for f in folds[5:]}


def test_a_class_with_one_group_cannot_be_split() -> None:
    table, labels = two_assets()
    keep = ~((labels == "inner") & (table["asset"] == "inner-1"))
    table = {name: column[keep] for name, column in table.items()}
    split = Split(scheme="kfold", level="asset", groups=("asset",), folds=2)
    with pytest.raises(InputError, match=r"class 'inner' has one group only.*pinned"):
        folds_of(table, labels[keep], split, "t")


def test_an_empty_side_is_refused() -> None:
    table, labels = two_assets()
    split = Split(
        scheme="fixed",
        level="asset",
        groups=("asset",),
        train=({"load": 7},),
        test=({"load": 1},),
    )
    with pytest.raises(InputError, match="no training windows"):
        folds_of(table, labels, split, "t")
