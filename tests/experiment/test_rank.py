"""Ranking a task's features: nothing of a held-out group reaches a rule; the page stands alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.experiment import load_task
from faultsyn.experiment import rank as rank_module
from faultsyn.experiment.rank import rank_features


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rank_module, "_TREES", 10)


def test_what_separates_stands_first_and_gives_a_rule(tiny_task: dict[str, Any]) -> None:
    found = rank_features(load_task(tiny_task), seed=1)
    best = found.meanings[found.ranking.order()[0]]
    assert best.name.split()[-1] in {"rms", "std", "peak", "peak-to-peak"}
    rules = {rule.label: rule for rule in found.ranking.rules()}
    outer = rules["outer"]  # amplitude 3 against 2 and 1
    assert outer.low is not None
    assert outer.high is None
    assert outer.accuracy > 0.95
    assert outer.blind <= outer.accuracy
    assert rules["normal"].low is None
    inner = rules["inner"]  # between the two
    assert inner.low is not None
    assert inner.high is not None
    assert inner.accuracy > 0.9
    assert found.ranking.importance().shape == (len(found.meanings),)
    again = rank_features(load_task(tiny_task), seed=1)
    np.testing.assert_array_equal(found.ranking.importance(), again.ranking.importance())


def test_held_out_groups_do_not_reach_rules(
    tiny_task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rank_features(load_task(tiny_task))
    load = rank_module.load_data

    def spoiled(task: Any, cache: Any) -> Any:
        """The same with the windows of the first fold's test side out of all proportion."""
        data = load(task, cache)
        x = data.windows.x.copy()
        x[data.folds[0].test] *= 1000
        keys = {**data.keys, "windows": "spoiled"}
        return rank_module.TaskData(
            **{**vars(data), "windows": data.windows.with_x(x), "keys": keys}
        )

    monkeypatch.setattr(rank_module, "load_data", spoiled)
    first = rank_features(load_task(tiny_task)).ranking.folds[0]
    known = plain.ranking.folds[0]
    np.testing.assert_array_equal(first.low, known.low)
    np.testing.assert_array_equal(first.high, known.high)
    assert not np.array_equal(first.rows, known.rows)


def test_the_page_stands_alone_and_machines_can_read(
    tiny_task: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(json.dumps(tiny_task))  # JSON is YAML
    found = api.rank(path, features="process", top=3, out=tmp_path / "out")
    page = Path(found["report"]).read_text()
    assert page.count('src="data:image/png;base64,') == 2
    assert all(rule["text"] in page for rule in found["rules"])
    assert json.loads((tmp_path / "out" / "rank.json").read_text()) == found
    with (tmp_path / "out" / "rank.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found["features"]) == 8
    assert float(rows[0]["separation"]) == found["features"][0]["separation"]
    assert {
        (tmp_path / "out" / "figures" / f"{n}.svg").is_file() for n in ("features", "rules")
    } == {True}


def test_tasks_without_held_out_groups_are_refused(tiny_task: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="held-out groups"):
        rank_features(load_task("tep-novel"))
