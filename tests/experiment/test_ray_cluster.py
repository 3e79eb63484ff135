"""A study on two Ray nodes of which one is killed, and one that is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_runner import scores

from faultsyn.experiment import load_study, run_study
from faultsyn.experiment.cells import Cell
from faultsyn.experiment.plan import plan
from faultsyn.experiment.ray_workers import RayWorkers

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each on this machine."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.second = made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def large(study: dict[str, Any]) -> dict[str, Any]:
    """72 cells of about half a second."""
    forest = {"method": "random-forest", "config": {"n_trees": 250}}
    return {**study, "seeds": 6, "classifiers": [*study["classifiers"], forest]}


def test_a_node_is_killed_and_the_study_ends_as_it_should(
    cluster: Any, tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    import ray

    study = large(tiny_study)
    alive: list[int] = []

    def kill(done: int, total: int, detail: str) -> None:
        if done == 10 and not alive:
            alive.append(sum(node["Alive"] for node in ray.nodes()))
            cluster.remove_node(cluster.second, allow_graceful=False)
        if done == total:
            alive.append(sum(node["Alive"] for node in ray.nodes()))

    many = run_study(
        study, tmp_path / "ray", ray=cluster.address, cache=tmp_path / "a", progress=kill
    )
    assert alive[0] == 2
    assert alive[-1] == 1
    assert len(many) == 72 * 3
    assert scores(many) == scores(run_study(study, tmp_path / "one", cache=tmp_path / "b"))


def nothing(cell: Cell) -> str:
    return cell.keys[0]


def test_an_empty_cell_costs_little(
    cluster: Any, tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    cells = plan(load_study({**tiny_study, "seeds": 10}), tmp_path)  # 120
    with RayWorkers(cluster.address) as workers:
        list(workers.run(nothing, cells[:8]))  # starts the processes
        started = time.perf_counter()
        answers = list(workers.run(nothing, cells))
        each = (time.perf_counter() - started) / len(cells)
    assert {cell.keys[0] for cell in cells} == {answer for _, answer in answers}
    print(f"{1e3 * each:.1f} ms a cell")  # noqa: T201
    assert each < 0.05


def test_stopped_by_hand_it_goes_on(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    study = large(tiny_study)
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    file.write_text(yaml.safe_dump(study))
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; from faultsyn.cli.app import main; main()"  # a background job ignores it
    command = [sys.executable, "-c", code, "run", str(file), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [*command, "--ray", "local", "--jobs", "2"],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    csv, end = out / "results.csv", time.monotonic() + 300
    while not (csv.is_file() and csv.read_text().count("\n") > 9):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "run the same command again to go on" in told
    said: list[int] = []
    resumed = run_study(
        study, out, cache=tmp_path / "a", progress=lambda done, *_: said.append(done)
    )
    assert said[0] >= 3
    assert scores(resumed) == scores(run_study(study, tmp_path / "one", cache=tmp_path / "b"))
