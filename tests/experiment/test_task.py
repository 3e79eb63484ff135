from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from faultsyn.errors import InputError
from faultsyn.experiment.filters import Predicate, keys, matches, matches_any, text_of
from faultsyn.experiment.task import load_task
from faultsyn.resources import available

TABLE = {
    "label": np.array(["normal", "inner", "inner", "outer"]),
    "severity": np.array([0.0, 7.0, 14.0, np.nan]),
    "load": np.array([0, 1, 2, 3]),
}


def test_filters_compare_values_as_a_person_writes_them() -> None:
    assert matches(TABLE, {"severity": 7}, "t").tolist() == [False, True, False, False]
    assert matches(TABLE, {"severity": ("7", 14)}, "t").tolist() == [False, True, True, False]
    assert matches(TABLE, {"label": Predicate(like="in*")}, "t").tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert matches(TABLE, {"label": Predicate(not_like="*n*"), "load": 3}, "t").tolist() == [
        False,
        False,
        False,
        True,
    ]
    assert matches(TABLE, {"load": Predicate(min=1, max=2)}, "t").tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert matches(TABLE, {"label": Predicate(is_not=("inner", "outer"))}, "t").tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_filters_of_a_list_are_alternatives_and_none_is_everything() -> None:
    wheres: Any = ({"label": "outer"}, {"load": 0})
    assert matches_any(TABLE, wheres, "t").tolist() == [True, False, False, True]
    assert matches_any(TABLE, (), "t").all()


def test_filters_name_the_nearest_column() -> None:
    with pytest.raises(InputError, match=r"no column 'sevrity'.*did you mean 'severity'"):
        matches(TABLE, {"sevrity": 7}, "t")


def test_keys_join_columns() -> None:
    assert keys(TABLE, ("label", "severity"), "t").tolist()[:2] == ["normal/0", "inner/7"]
    assert text_of(7.5) == "7.5"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splt": {}}, r"unknown key 'splt'.*did you mean 'split'"),
        ({"window": {"sampels": 4}}, r"unknown key 'sampels'.*did you mean 'samples'"),
        ({"window": {"seconds": 1}}, "samples or seconds"),
        ({"window": {"select": {"column": "a", "channels": {"x": "A"}}}}, "channels or select"),
        ({"window": {"stride": 4}}, "overlap"),
        ({"label": {"normal": "healthy"}}, "not one of the classes"),
        ({"label": {"ordered": True}}, "must be numbers"),
        ({"split": {"level": "window"}}, "go together"),
        ({"split": {"scheme": "fixed"}}, "needs the filters"),
        ({"split": {"groups": []}}, "which columns make a group"),
        ({"shots": {"draw": "one-event"}}, "go together"),
        ({"k": [0]}, "k"),
        ({"name": "Not A Name"}, "name"),
        ({"where": {"load": {}}}, "empty condition"),
    ],
)
def test_a_wrong_task_says_what_is_wrong(
    tiny_task: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_task(tiny_task, **change)


def test_overrides_merge_mappings_and_replace_the_rest(tiny_task: dict[str, Any]) -> None:
    task = load_task(tiny_task, window={"samples": 8}, k=[1, "all"])
    assert task.window.samples == 8
    assert task.window.rate == 16
    assert task.k == (1, "all")


def test_numerics_ignore_what_cannot_change_a_result(tiny_task: dict[str, Any]) -> None:
    task = load_task(tiny_task)
    assert load_task(tiny_task, about="other words", store="b.h5", k=[9]).numerics == task.numerics
    assert load_task(tiny_task, normals=3).numerics != task.numerics


def test_a_task_file_is_named_after_its_task(tiny_task: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(tiny_task))
    with pytest.raises(InputError, match="name the file after the task"):
        load_task(path)


@pytest.mark.parametrize("name", available("experiments/tasks"))
def test_every_task_file_is_valid_and_documented(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert len(task.about) > 40
    assert task.budget.text
    assert "store" not in task.numerics
