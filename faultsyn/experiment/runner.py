"""Running a study: resumable, in parallel, every row on disk as soon as it is known."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.experiment.cache import CACHE
from faultsyn.experiment.cells import Cell, Workspace, blank_rows
from faultsyn.experiment.environment import code_version, environment
from faultsyn.experiment.plan import (
    MetaTrain,
    Prepare,
    Pretrain,
    meta_trainings,
    plan,
    preparations,
    pretrainings,
)
from faultsyn.experiment.ray_workers import RayWorkers
from faultsyn.experiment.results import (
    TRANSIENT,
    Appender,
    Results,
    Row,
    read_rows,
    write_rows,
)
from faultsyn.experiment.scoring import run_cell
from faultsyn.experiment.shared import prepare, prepare_generator, prepare_learner
from faultsyn.experiment.study import Study, dump_study, load_study
from faultsyn.experiment.tracking import Tracker, open_tracker
from faultsyn.workers import Executor, Lost, Workers

RESULTS = "results.csv"
SUPERSEDED = "superseded.csv"

Progress = Callable[[int, int, str], None]
"""Called with cells done, cells in all, and what has just been done."""


def run_study(
    study: Study | str | Path | Mapping[str, Any],
    out: str | Path,
    jobs: int | None = None,
    progress: Progress | None = None,
    cache: str | Path = CACHE,
    ray: str | None = None,
    track: str | Path | None = None,
) -> Results:
    """Run what is left of a study and return all its results.

    - `out`: folder of `results.csv`, `study.yaml` (resolved), `environment.json`, `examples/`.
    - `jobs`: processes; None = what the study says.
    - `cache`: folder of arrays and pretrained generators that runs share; may be deleted.
    - `ray`: address of a Ray cluster to run on, or "local" to start one here; its nodes must see
      the stores, `out` and `cache` at the same paths. `jobs` then limits the cells at once.
    - `track`: where scores and files are shown beside the results, see `open_tracker`.

    Rows that are there already are kept; a run that was killed goes on where it stopped. Rows of
    an earlier version of the study move to `superseded.csv` and come back when they are asked for
    again. Raises `InputError`, `StoreError` or `LeakError` before anything is run.
    """
    resolved = study if isinstance(study, Study) else load_study(study)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(Path(cache).absolute(), folder.absolute(), code_version())
    with _only_one(folder):
        cells = plan(resolved, workspace.cache)
        rows = _restore(folder, cells)
        data = {cell.task.store: cell.data_hash for cell in cells}
        about = {
            "study.yaml": dump_study(resolved),
            "environment.json": environment(workspace.commit, data),
        }
        for name, text in about.items():
            _write_text(folder / name, text)
        executor = Workers(jobs or resolved.jobs) if ray is None else RayWorkers(ray, jobs)
        with _tracking(track, resolved.name, folder, rows, about) as tracker:
            with _keeping(folder / RESULTS, tracker) as keep:
                _run(cells, rows, workspace, executor, keep, progress)
            order = {key: place for place, key in enumerate(_keys(cells))}
            ordered = sorted(rows.values(), key=lambda row: order[row["key"]])
            write_rows(folder / RESULTS, ordered)
            if tracker is not None:
                tracker.keep([folder / RESULTS])
    return Results.read(folder)


def _run(
    cells: list[Cell],
    rows: dict[str, Row],
    workspace: Workspace,
    executor: Executor,
    keep: Callable[[list[Row]], None],
    progress: Progress | None,
) -> None:
    """Run the cells that lack rows, add these to `rows` and hand them to `keep`."""
    have = set(rows)
    left = [part for cell in cells if (part := cell.without(have)) is not None]
    done = len(cells) - len(left)

    def say(detail: str) -> None:
        if progress is not None:
            progress(done, len(cells), detail)

    say("")
    with executor as workers:
        for _ in workers.run(partial(_prepare, workspace=workspace), preparations(left)):
            say("features")
        for _ in workers.run(partial(_pretrain, workspace=workspace), pretrainings(left)):
            say("pretraining")
        learners = meta_trainings(left, workspace.cache)
        for _ in workers.run(partial(_meta_train, workspace=workspace), learners):
            say("meta-training")
        for cell, answer in workers.run(partial(run_cell, workspace=workspace), left):
            made = (
                blank_rows(cell, workspace, answer.reason) if isinstance(answer, Lost) else answer
            )
            keep(made)
            rows.update({row["key"]: row for row in made})
            done += 1
            say(f"{cell.task.name}, {cell.generator.name}, K = {cell.k}")


@contextmanager
def _tracking(
    track: str | Path | None,
    study: str,
    folder: Path,
    known: Mapping[str, Row],
    about: Mapping[str, str],
) -> Iterator[Tracker | None]:
    """A tracker that knows what the study is, where one is wanted."""
    if track is None:
        yield None
        return
    tracker = open_tracker(track, study, folder, known.values())
    try:
        tracker.describe(about)
        yield tracker
    finally:
        tracker.close()


@contextmanager
def _keeping(path: Path, tracker: Tracker | None) -> Iterator[Callable[[list[Row]], None]]:
    """What takes finished rows to the results file, and to the tracker if there is one."""
    appender = Appender(path)

    def keep(rows: list[Row]) -> None:
        appender.add(rows)
        if tracker is not None:
            tracker.add(rows)

    try:
        yield keep
    finally:
        appender.close()


def _prepare(unit: Prepare, workspace: Workspace) -> None:
    prepare(unit.task, unit.representation, unit.fold, workspace)


def _pretrain(unit: Pretrain, workspace: Workspace) -> None:
    prepare_generator(unit.task, unit.generator, unit.fold, workspace)


def _meta_train(unit: MetaTrain, workspace: Workspace) -> None:
    prepare_learner(unit.task, unit.classifier, unit.fold, unit.draw, workspace)


def _keys(cells: list[Cell]) -> Iterator[str]:
    return (key for cell in cells for key in cell.keys)


def _restore(folder: Path, cells: list[Cell]) -> dict[str, Row]:
    """The rows that are done, by key; leaves a results file of whole, wanted rows."""
    wanted = set(_keys(cells))
    known: dict[str, Row] = {}
    for name in (SUPERSEDED, RESULTS):
        if (folder / name).is_file():
            known.update({row["key"]: row for row in read_rows(folder / name)})
    rows = {
        key: row
        for key, row in known.items()
        if key in wanted and not row["status"].startswith(TRANSIENT)
    }
    others = [row for key, row in known.items() if key not in wanted]
    if others:
        write_rows(folder / SUPERSEDED, others)
    write_rows(folder / RESULTS, rows.values())
    return rows


def _write_text(path: Path, text: str) -> None:
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(made).chmod(0o644)
    Path(made).replace(path)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Refuse a second run in the same folder; the lock ends with its process, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"{folder}: another run is writing here", "wait for it, or choose another --out"
            ) from None
        yield
