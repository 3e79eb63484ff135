"""What MLflow's own client reads back of a study that was tracked in a database file."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.experiment import run_study
from faultsyn.experiment.tracking import keep_report

pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy")

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:The ``noload`` loader")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with MLflow's tables, whose making takes seconds."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path.read_bytes()


@pytest.fixture
def database(empty: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty)
    return path


def runs_of(database: Path, study: str) -> tuple[Any, dict[str, Any]]:
    """A client, and the runs of a study by their names."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{database}")
    experiment = client.get_experiment_by_name(study)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return client, {run.info.run_name: run for run in found}


def test_scores_settings_and_files(
    tiny_study: dict[str, Any], database: Path, tmp_path: Path
) -> None:
    track, out = f"mlflow:sqlite:///{database}", tmp_path / "out"
    first = {**tiny_study, "seeds": [0]}
    run_study(first, out, cache=tmp_path / "cache", track=track)
    results = run_study(tiny_study, out, cache=tmp_path / "cache", track=track)
    api.report(out, track=track)
    client, runs = runs_of(database, tiny_study["name"])
    assert set(runs) == {
        tiny_study["name"],
        "none + nearest-mean", "none + lda", "diff-aug + nearest-mean", "diff-aug + lda",
    }  # fmt: skip
    study, run = runs.pop(tiny_study["name"]), runs["diff-aug + lda"]
    for child in runs.values():
        assert child.data.tags["mlflow.parentRunId"] == study.info.run_id
        assert child.info.status == "FINISHED"
    assert run.data.params["generator"] == "diff-aug"
    assert run.data.params["classifier"] == "lda"
    assert run.data.params["generator.method"] == "diff-aug"
    assert run.data.params["generator.scale"] == "0.7"
    points = client.get_metric_history(run.info.run_id, "balanced_accuracy/tiny K-4 asset")
    assert sorted(point.step for point in points) == list(range(6))  # resumed once
    rows = results.where(generator="diff-aug", classifier="lda", k="4")
    np.testing.assert_allclose(
        sorted(point.value for point in points), sorted(rows["balanced_accuracy"])
    )
    kept = {file.path for file in client.list_artifacts(study.info.run_id)}
    assert kept >= {
        "results.csv", "study.yaml", "environment.json", "report.html", "summary.md", "figures",
    }  # fmt: skip
    copy = Path(client.download_artifacts(study.info.run_id, "results.csv", str(tmp_path)))
    assert copy.read_bytes() == (out / "results.csv").read_bytes()
    verb = [sys.executable, "-m", "faultsyn.cli", "report", str(out), "--track", "mlflow:no:///x"]
    done = subprocess.run(verb, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no MLflow tracking at 'no:///x'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_fails_costs_no_row(
    tiny_study: dict[str, Any],
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    def gone(*_: Any, **__: Any) -> None:
        raise MlflowException("the server is gone")

    monkeypatch.setattr(MlflowClient, "log_batch", gone)
    track = f"mlflow:sqlite:///{database}"
    with caplog.at_level(logging.WARNING, "faultsyn"):
        results = run_study(tiny_study, tmp_path / "out", cache=tmp_path / "cache", track=track)
    assert set(results["status"].tolist()) == {"ok"}
    assert [r.message for r in caplog.records if "MLflow" in r.message] == [
        "MLflow does not take what is logged: the server is gone"
    ]


def test_refusals_in_a_line(
    tiny_study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def run(track: str) -> None:
        run_study(tiny_study, tmp_path / "out", cache=tmp_path / "cache", track=track)

    with pytest.raises(InputError, match=r"no MLflow tracking at 'http://127\.0\.0\.1:9'"):
        run("mlflow:http://127.0.0.1:9")
    with pytest.raises(InputError, match="no MLflow tracking at 'nonsense:///x'"):
        run("mlflow:nonsense:///x")
    with pytest.raises(InputError, match=r"no study\.yaml"):
        keep_report("mlflow", tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(InputError, match="needs the package 'mlflow-skinny'"):
        run("mlflow")


def test_it_is_imported_only_when_asked_for() -> None:
    code = "import faultsyn.experiment, sys; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
