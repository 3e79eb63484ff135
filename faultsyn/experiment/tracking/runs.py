"""A study as runs of an MLflow server or database."""

from __future__ import annotations

import json
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.tracking.base import Points, Row

_KEY = "faultsyn.key"
_SQLITE = "sqlite:///"
_RETRIES = ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its own seven take minutes
_MOST_TEXT = 6000  # characters of a parameter

log = logging.getLogger(__name__)


class MlflowRuns:
    """An experiment for each study: a run for the study, below it one for each pair of methods.

    A run of a generator and a classifier has their settings as parameters and a metric for each
    score and setting, whose steps are the cells in order of completion. Files go to the study's
    run. A study that is resumed in the same results folder goes on with the same runs.

    - `uri`: "http://HOST:PORT", "sqlite:///FILE", ...; "": what MLFLOW_TRACKING_URI says.
    - `study`: its name; `folder`: of its results; `known`: rows that were logged before.

    A server that fails later costs what it was to log, with a warning, and not the study.
    Raises `InputError` when MLflow is not installed or nothing answers at `uri`.
    """

    def __init__(self, uri: str, study: str, folder: Path, known: Iterable[Row] = ()) -> None:
        self._folder = str(folder.absolute())
        self._methods: dict[tuple[str, str], dict[str, Any]] = {}
        self._points = Points(known)
        self._runs: dict[str, str] = {}
        self._failed = False
        os.environ.setdefault(*_RETRIES)
        try:
            with _quiet():
                self._client = _library()(tracking_uri=uri or None)
                self._experiment = self._experiment_of(study, uri)
                self._study = self._run(study, {})
        except InputError:
            raise
        except Exception as error:  # of many kinds: database, network, address
            at = uri or "MLFLOW_TRACKING_URI"
            raise InputError(
                f"no MLflow tracking at '{at}' ({_first_line(error)})",
                "give mlflow:http://HOST:PORT of a server, or mlflow:sqlite:///FILE",
            ) from None

    def describe(self, texts: Mapping[str, str]) -> None:
        """Log the texts as files; remember the settings of methods for their runs."""
        told = yaml.safe_load(texts.get("study.yaml", "")) or {}
        for kind in ("generators", "classifiers"):
            for arm in told.get(kind, ()):
                self._methods[kind, str(arm.get("name"))] = dict(arm)
        for name, text in texts.items():
            self._try(self._client.log_text, self._study, text, name)

    def add(self, rows: Iterable[Row]) -> None:
        """Log finished rows; those without scores are left out."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for point in self._points.of(rows):
            params = {
                **self._settings("generators", point.generator),
                **self._settings("classifiers", point.classifier),
            }
            metrics = [
                Metric(_plain(f"{name}/{point.setting}"), value, now, point.step)
                for name, value in point.scores.items()
            ]
            self._try(self._log, point.run, params, metrics)

    def keep(self, paths: Iterable[Path]) -> None:
        """Log files, and folders under their name, as artefacts of the study's run."""
        for path in paths:
            if path.is_dir():
                self._try(self._client.log_artifacts, self._study, str(path), path.name)
            elif path.is_file():
                self._try(self._client.log_artifact, self._study, str(path))

    def close(self) -> None:
        """Mark the runs as finished."""
        for run in self._runs.values():
            self._try(self._client.set_terminated, run)
        self._runs.clear()

    def _experiment_of(self, study: str, uri: str) -> str:
        found = self._client.get_experiment_by_name(study)
        if found is not None:
            return str(found.experiment_id)
        files = None
        if uri.startswith(_SQLITE):  # else they would go below the current folder
            database = Path(uri.removeprefix(_SQLITE)).absolute()
            files = (database.parent / "mlartifacts" / _plain(study)).as_uri()
        return str(self._client.create_experiment(study, artifact_location=files))

    def _run(self, name: str, params: Mapping[str, str]) -> str:
        """The id of a run, made if it is not there yet; the first is the study's."""
        key = config_hash({"folder": self._folder, "run": name, "params": dict(params)})
        if key in self._runs:
            return self._runs[key]
        found = self._client.search_runs([self._experiment], f"tags.`{_KEY}` = '{key}'")
        if found:
            run = str(found[0].info.run_id)
            self._client.update_run(run, status="RUNNING")
        else:
            tags = {_KEY: key, "faultsyn.folder": self._folder}
            if self._runs:
                tags["mlflow.parentRunId"] = self._study
            made = self._client.create_run(self._experiment, tags=tags, run_name=name)
            run = str(made.info.run_id)
            for label, value in params.items():
                self._client.log_param(run, _plain(label), value)
        self._runs[key] = run
        return run

    def _settings(self, kind: str, name: str) -> dict[str, str]:
        """Parameters that say what a method is."""
        role = kind.removesuffix("s")
        arm = self._methods.get((kind, name), {})
        found = {role: name}
        for key, value in arm.items():
            if key == "config":
                found |= {f"{role}.{k}": _text(v) for k, v in (value or {}).items()}
            elif key != "name" and value is not None:
                found[f"{role}.{key}"] = _text(value)
        return found

    def _log(self, run: str, params: Mapping[str, str], metrics: list[Any]) -> None:
        self._client.log_batch(self._run(run, params), metrics=metrics)

    def _try(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            with _quiet():
                call(*arguments)
        except Exception as error:
            if not self._failed:  # one word of it, not one a row
                log.warning("MLflow does not take what is logged: %s", _first_line(error))
            self._failed = True


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's own notes on databases and deprecations."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _library() -> Any:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise InputError(
            "tracking with MLflow needs the package 'mlflow-skinny', which is not installed",
            "pip install 'faultsyn[scale]'",
        ) from None
    return MlflowClient


def _plain(name: str) -> str:
    """A name of characters that MLflow allows."""
    return re.sub(r"[^\w\-. :/]", "-", name, flags=re.ASCII)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:_MOST_TEXT]


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
