"""Comparisons of generators and classifiers, and of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from faultsyn.api.progress import Progress

if TYPE_CHECKING:
    from faultsyn.experiment import Results, Task


def run(
    study: str | Path,
    *,
    out: str | Path | None = None,
    jobs: int | None = None,
    ray: str | None = None,
    track: str | Path | None = None,
    progress: Progress | None = None,
) -> Results:
    """Run what is left of a study; kill it anywhere and call again to go on.

    - `study`: the name of a study or a path to one.
    - `out`: the results folder; `runs/<study>` when left out.
    - `jobs`: processes; what the study says when left out.
    - `ray`: address of a Ray cluster, or "local"; its nodes must see the same paths. `jobs` then
      limits the cells at once.
    - `track`: where scores and files are shown too: a folder for TensorBoard's event files, or
      "mlflow:URI" of an MLflow server or database ("mlflow": that of the environment).
    """
    from faultsyn.experiment import load_study, run_study

    loaded = load_study(study)
    folder = Path("runs") / loaded.name if out is None else Path(out)
    return run_study(loaded, folder, jobs, progress, ray=ray, track=track)


def report(results: str | Path, *, track: str | Path | None = None) -> Path:
    """Write `report.html` (one file, no network needed) and its figures into a results folder.

    - `track`: where to log them, as of `run`.
    """
    from faultsyn.report import write_report

    page = write_report(Path(results))
    if track is not None:
        from faultsyn.experiment.tracking import keep_report

        keep_report(track, Path(results))
    return page


def rank(
    task: str | Path,
    *,
    store: str | Path | None = None,
    features: str | None = None,
    top: int = 15,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Which features separate a task's classes on held-out groups: rules, scores, a page.

    - `task`: name of a task, or a path to one; `store` replaces the store that it names.
    - `features`: an extraction in place of the task's own ("statistics", "log-spectrum", ...).
    - `top`: features in the page. `out`: the folder; `runs/rank/<task>` when left out.

    Returns what `rank.json` holds: `rules`, `features` from the best down, `forest`, `report`.
    """
    from faultsyn.experiment.rank import rank_features
    from faultsyn.report.feature_page import write_ranking

    chosen = _task(task, store)
    found = rank_features(chosen, features=features, seed=seed, progress=progress)
    return write_ranking(found, Path("runs/rank") / chosen.name if out is None else out, top)


def _task(task: str | Path, store: str | Path | None) -> Task:
    from faultsyn.experiment.task import load_task

    return load_task(task, **({} if store is None else {"store": str(store)}))
