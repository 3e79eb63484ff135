"""The audit finds a leak where there is one, and none where windows share nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rig_stores import make_rig, rig_task

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.experiment.audit import audit_generator
from faultsyn.experiment.audit_found import OTHER, SAME, Audit
from faultsyn.experiment.audit_sides import draw_sides
from faultsyn.experiment.task import Task
from faultsyn.experiment.training import Place
from faultsyn.report import write_audit


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def task(cache: Path) -> Task:
    cap = {"columns": ["recording"], "n": 10}
    return rig_task(make_rig(cache), cap=cap, split={"folds": 2})


def audited(task: Task, preset: str, cache: Path, **over: Any) -> Audit:
    settings = {"k": 8, "n": 24, "repeats": 2, "shadows": 2, **over}
    return audit_generator(task, preset, cache=cache / "arrays", **settings)


@pytest.fixture(scope="module")
def copied(task: Task, cache: Path) -> Audit:
    return audited(task, "oversample", cache)


@pytest.fixture(scope="module")
def fresh(task: Task, cache: Path) -> Audit:
    return audited(task, "domain-randomised", cache)


def areas(audit: Audit) -> dict[tuple[str, str], float]:
    return {(r.attack, r.view): r.auc.value for r in audit.membership if r.against == SAME}


def test_sides_share_no_window_and_keep_to_their_groups(task: Task, cache: Path) -> None:
    place = Place.of(task, 1, 0, cache / "arrays")
    sides = draw_sides(place, 8, 0, np.random.default_rng(0))
    every = [sides.members, sides.same, sides.other, sides.reference, sides.shadow]
    rows = np.concatenate(every)
    assert len(set(rows.tolist())) == len(rows)
    train, test = set(place.side.train.tolist()), set(place.side.test.tolist())
    assert set(sides.members.tolist()) | set(sides.same.tolist()) <= train
    assert set(sides.other.tolist()) | set(sides.shadow.tolist()) <= test
    assert "normal" not in place.data.windows.labels[rows]
    with pytest.raises(InputError, match="an audit needs 4"):
        draw_sides(place, 39, 0, np.random.default_rng(0))


def test_a_generator_that_copies_is_found_out(copied: Audit) -> None:
    found = areas(copied)
    for attack in ("distance", "reconstruction", "shadow models"):
        for view in ("waveform", "spectrum"):
            assert found[attack, view] > 0.9, (attack, view)
    assert copied.leaks
    sure = next(r for r in copied.membership if r.attack == "distance" and r.against == SAME)
    assert sure.rates[0].tpr.value == 1
    assert copied.copies["waveform"].copies == 3 * 24
    assert copied.copies["waveform"].closer == 1


def test_windows_that_share_nothing_give_chance(fresh: Audit) -> None:
    rows = [row for row in fresh.membership if row.against == SAME]
    assert len(rows) == 8
    for row in rows:
        assert 0.5 in row.strict, (row.attack, row.view)
        assert row.strict.high - row.strict.low < 0.6
    assert not fresh.leaks
    for check in fresh.copies.values():
        assert check.copies == 0
        assert check.low <= check.closer <= check.high


def test_metadata_and_attributes_are_judged_by_what_goes_out(copied: Audit, fresh: Audit) -> None:
    for audit in (copied, fresh):
        told = {row.name: row.leak for row in audit.attributes}
        assert told["load"].values == ("0", "1", "2", "3")
        assert told["load"].n == 3 * 24
        assert "within a class" in audit.left_out["attribute severity"]
    leak = {row.name: row.leak for row in fresh.attributes}["load"]
    assert leak.accuracy <= leak.control + 0.1
    assert copied.anonymity is not None
    assert "rpm" in copied.anonymity.columns
    assert copied.anonymity.k == 1
    assert not {"asset", "recording", "label", "source"} & set(copied.anonymity.columns)


def test_equal_arguments_give_equal_figures(task: Task, cache: Path) -> None:
    found = [
        audited(task, "oversample", cache, k=4, n=8, repeats=1, shadows=0).as_json()
        for _ in range(2)
    ]
    assert found[0] == found[1]


def test_canaries_see_a_copy(task: Task, cache: Path) -> None:
    found = audited(task, "oversample", cache, k=2, repeats=1, shadows=0, canaries=18)
    assert found.canary is not None
    assert found.canary.epsilon == found.canary.most > 1
    assert found.left_out["shadow models"] == "not asked for"


def test_a_generator_of_feature_rows_is_attacked_there(task: Task, cache: Path) -> None:
    found = audited(task, "smote", cache, repeats=1, shadows=0)
    assert {row.view for row in found.membership} == {"features"}
    assert {row.against for row in found.membership} == {SAME, OTHER}
    assert areas(found)["reconstruction", "features"] > 0.7


def test_page_and_json_say_the_same(copied: Audit, fresh: Audit, tmp_path: Path) -> None:
    told = write_audit(copied, tmp_path / "copied")
    page = (tmp_path / "copied" / "audit.html").read_text()
    assert "It leaks" in page
    assert "copies of training windows" in page
    assert "http" not in page.split("</head>")[1]
    assert json.loads((tmp_path / "copied" / "audit.json").read_text()) == told
    assert (tmp_path / "copied" / "figures" / "areas.svg").is_file()
    write_audit(fresh, tmp_path / "fresh")
    assert "No leak found" in (tmp_path / "fresh" / "audit.html").read_text()


def test_senseless_arguments_are_refused(task: Task) -> None:
    for over in ({"k": 1}, {"n": 0}, {"repeats": 0}):
        with pytest.raises(InputError, match="at least"):
            audit_generator(task, "oversample", **over)
    with pytest.raises(InputError, match="no fold"):
        api.audit("rig-bearing", generator="oversample", store=task.store, fold="nowhere")
