"""The tables of docs/plant.md are those of the rows in experiments/results/plant."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = (
    "unknown scores", "limits", "alarms of unknowns", "calibration", "coverage", "alarms",
)  # fmt: skip


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("plant_rows")


@pytest.mark.parametrize("title", TABLES)
def test_the_page_shows_what_the_rows_say(rows: ModuleType, title: str) -> None:
    assert set(rows.TABLES) == set(TABLES)
    assert rows.TABLES[title]() in (ROOT / "docs" / "plant.md").read_text()


@pytest.mark.parametrize("what", ["unknown", "calibration", "coverage", "alarms"])
def test_every_row_names_the_code_that_made_it(rows: ModuleType, what: str) -> None:
    for row in rows.read(what):
        assert row["task"] in rows.TASKS
        assert row["commit"]
        assert "dirty" not in row["commit"]


def test_a_task_that_is_measured_again_takes_the_place_of_its_rows(
    rows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "OUT", tmp_path / "plant")
    rows.keep("unknown", "cwru-load", [{"task": "cwru-load", "taken": 0.5}] * 2)
    rows.keep("unknown", "tep", [{"task": "tep", "taken": 0.25, "more": None}])
    rows.keep("unknown", "cwru-load", [{"task": "cwru-load", "taken": 0.75}])
    found = rows.by_task("unknown")
    assert {name: [row["taken"] for row in mine] for name, mine in found.items()} == {
        "tep": ["0.25"], "cwru-load": ["0.75"],
    }  # fmt: skip
    assert rows.mean(found["tep"], "more") is None
    assert rows.mean(found["cwru-load"], "taken") == 0.75
