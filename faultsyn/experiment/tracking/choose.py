"""From what a user asks for to a tracker."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from faultsyn.errors import InputError
from faultsyn.experiment.tracking.base import Row, Tracker
from faultsyn.experiment.tracking.board import Board
from faultsyn.experiment.tracking.runs import MlflowRuns

_MLFLOW = "mlflow"
_REPORT = ("report.html", "summary.md", "figures")


def open_tracker(
    where: str | os.PathLike[str], study: str, folder: Path, known: Iterable[Row] = ()
) -> Tracker:
    """The tracker that `where` names.

    - `where`: "mlflow:URI" for an MLflow server or database, "mlflow" for the one of the
      environment (MLFLOW_TRACKING_URI), else a folder for TensorBoard's event files.
    - `study`: its name; `folder`: of its results; `known`: rows that were logged before.

    Raises `InputError` when the package is not installed, or nothing answers there.
    """
    kind, _, uri = os.fspath(where).partition(":")
    if kind == _MLFLOW:
        return MlflowRuns(uri, study, folder, known)
    return Board(Path(where), known)


def keep_report(where: str | os.PathLike[str], folder: Path) -> None:
    """Log the report of a results folder to where its scores were tracked."""
    try:
        study = yaml.safe_load((folder / "study.yaml").read_text())["name"]
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        raise InputError(
            f"{folder}: no study.yaml that names the study", "track a folder that a study wrote"
        ) from None
    tracker = open_tracker(where, str(study), folder)
    try:
        tracker.keep(folder / name for name in _REPORT)
    finally:
        tracker.close()
