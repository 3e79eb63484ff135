"""The same cells on a Ray cluster: equal rows, deaths survived, needs respected."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deadly import die_once, double, double_or_die, fail
from test_runner import scores

from faultsyn.errors import InputError
from faultsyn.experiment import run_study
from faultsyn.experiment.needs import Needs
from faultsyn.experiment.ray_workers import RayWorkers
from faultsyn.workers import Lost


@pytest.fixture(scope="module")
def ray() -> Iterator[RayWorkers]:
    """One cluster for this file: starting takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        with RayWorkers("local", 2) as workers:
            yield workers


def test_a_cluster_gives_the_rows_of_one_job(
    ray: RayWorkers, tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    one = run_study(tiny_study, tmp_path / "one", jobs=1, cache=tmp_path / "cache")
    said: list[tuple[int, int, str]] = []
    many = run_study(
        tiny_study, tmp_path / "ray", ray="local", cache=tmp_path / "other",
        progress=lambda *what: said.append(what),
    )  # fmt: skip
    assert scores(many) == scores(one)
    assert set(many["status"].tolist()) == {"ok"}
    assert said[-1][:2] == (24, 24)
    assert many["key"].tolist() == one["key"].tolist()
    again = run_study(
        tiny_study, tmp_path / "one", ray="local", cache=tmp_path / "cache",
        progress=lambda *what: said.append(what),
    )  # fmt: skip
    assert said[-1] == (24, 24, "")  # nothing is left for the cluster
    assert scores(again) == scores(one)


def test_deaths_are_survived_and_failures_reported(
    ray: RayWorkers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answers = dict(ray.run(double_or_die, range(5)))
    lost = answers.pop(3)
    assert answers == {i: 2 * i for i in (0, 1, 2, 4)}
    assert isinstance(lost, Lost)
    assert lost.reason == "worker died: WorkerCrashedError (three times)"
    assert caplog.text.count("trying again") == 2
    assert dict(ray.run(die_once, [tmp_path / "a"])) == {tmp_path / "a": "lived"}
    assert dict(ray.run(fail, [5])) == {5: Lost("failed: ValueError: unit 5 (three times)")}


def refuse(unit: int) -> int:
    raise InputError("no such store", "make it")


def test_bad_input_is_raised_at_once(ray: RayWorkers) -> None:
    with pytest.raises(InputError, match="no such store") as caught:
        list(ray.run(refuse, [1, 2]))
    assert caught.value.hint == "make it"
    assert dict(ray.run(double, [1])) == {1: 2}


@dataclass(frozen=True)
class Heavy:
    needs: Needs


def free(unit: Heavy) -> float:
    import ray

    return float(ray.get_runtime_context().get_assigned_resources()["CPU"])


def test_units_get_what_they_need_or_are_refused(ray: RayWorkers) -> None:
    heavy = Heavy(Needs(cpu=2, memory_gb=0.1))
    assert dict(ray.run(free, [heavy])) == {heavy: 2.0}
    with pytest.raises(InputError, match=r"no node .*'gpu': 0\.25"):
        list(ray.run(free, [Heavy(Needs(gpu=0.25))]))


def test_needs_of_a_cell_are_the_most_of_its_methods(tiny_study: dict[str, Any]) -> None:
    from faultsyn.experiment import load_study

    plain = load_study(tiny_study)
    tiny_study["needs"] = {"memory_gb": 2}
    tiny_study["classifiers"][0]["needs"] = {"cpu": 2}
    tiny_study["generators"][1]["needs"] = {"gpu": 0.5}
    study = load_study(tiny_study)
    arms = [study.generators[1], study.classifiers[0], study.classifiers[1]]
    assert Needs.most([study.needs, *(arm.needs for arm in arms)]) == Needs(
        cpu=2, gpu=0.5, memory_gb=2
    )
    for arm, other in zip(study.classifiers, plain.classifiers, strict=True):
        assert arm.numerics == other.numerics  # what a cell needs changes no key


def test_no_cluster_there() -> None:
    import ray

    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(InputError, match="no Ray cluster at '127"), RayWorkers("127.0.0.1:1"):
        pass
