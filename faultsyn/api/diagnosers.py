"""Diagnosers: trained, asked, taught, kept up to date, taken to the edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faultsyn.api.progress import Progress

if TYPE_CHECKING:
    from faultsyn.experiment import Task
    from faultsyn.plant.diagnoser import Diagnoser
    from faultsyn.plant.diagnosing import Kept
    from faultsyn.plant.watching import Watcher
    from faultsyn.report.watch_page import WatchPage


def train(
    store: str | Path,
    *,
    task: str | Path,
    classifier: str | Path,
    out: str | Path,
    generator: str | Path = "none",
    k: int | str = "all",
    n_synthetic: int | None = None,
    fold: str | int | None = None,
    coverage: float = 0.9,
    recall: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a diagnoser and leave it as an artefact that `diagnose` asks.

    - `store`: recordings to learn from, in place of those that the task names.
    - `task`: name of a task, or a path to one; it says which windows and classes.
    - `classifier`, `generator`: names of presets, or paths; "none" makes no synthetic windows.
    - `k`: windows of each fault class to learn from, or "all"; `n_synthetic`: synthetic windows of
      each, the preset's amount when None.
    - `fold`: number (from 1) or name of the fold whose training side alone is seen.
    - `coverage`: stated coverage of the prediction sets.
    - `recall`: share of held-out faults that the alarm threshold shall recall; without, a recording
      is alarmed where a fault is more probable than not.

    Returns what the artefact says, `measured` on held-out parts of the training recordings first.
    """
    from faultsyn.plant.training import train_diagnoser

    made = train_diagnoser(
        _task(task, store), generator, classifier, k=k, n_synthetic=n_synthetic, fold=fold,
        coverage=coverage, recall=recall, seed=seed, progress=progress,
    )  # fmt: skip
    return {"path": str(made.save(out)), **made.summary()}


def diagnose(
    artifact: str | Path,
    sources: str | Path | Sequence[str | Path],
    *,
    card: str | Path | None = None,
    csv: str | Path | None = None,
    html: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Verdicts on every recording of files, folders or stores.

    - `artifact`: folder of a diagnoser. `sources`: one path or several.
    - `card`: name of a dataset card, or a path to one; how files are read.
    - `csv`: a file for one row a recording; `html`: a page for people, with evidence.

    Returns `verdicts` (see `faultsyn.plant.verdict.Verdict`), `counts` of them, `trends` of each
    machine with two recordings or more (see `faultsyn.plant.trend.Trend`), and `unmatched`, the
    files that the card does not know. A recording that cannot be diagnosed is refused with its
    reason, and the rest goes on.
    """
    from faultsyn.plant.diagnoser import Diagnoser
    from faultsyn.plant.diagnosing import Kept, diagnose_all
    from faultsyn.plant.trends import Trends

    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    diagnoser = Diagnoser.load(artifact)
    kept = None if html is None else Kept()
    trends = Trends(diagnoser.posed, diagnoser.baseline)
    found = diagnose_all(
        diagnoser, paths, card=card, csv=csv, keep=kept, trends=trends, progress=progress
    )
    if html is not None and kept is not None:
        from faultsyn.report.verdict_figures import Shown
        from faultsyn.report.verdict_page import write_verdicts

        shown = [Shown(made.as_json(), windows) for made, windows in kept]
        reference = None if diagnoser.baseline is None else diagnoser.baseline.reference
        told = {"path": str(artifact), **diagnoser.summary()}
        found["page"] = str(write_verdicts(found, shown, trends, reference, told, html))
    return found


def watch(
    artifact: str | Path,
    folder: str | Path,
    *,
    card: str | Path,
    journal: str | Path | None = None,
    csv: str | Path | None = None,
    html: str | Path | None = None,
    once: bool = False,
    every: float = 5.0,
    settle: float = 2.0,
    n: int = 2,
    m: int = 3,
    on: float | None = None,
    off: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Diagnose the files of a folder as they arrive, each exactly once, however often it is killed.

    - `artifact`: folder of a diagnoser. `card`: how files are read.
    - `journal`: where it is written down; `<folder>.watch.jsonl` when left out.
    - `csv`: a table with one row for each recording of the journal; `html`: a page of the latest,
      with trends and evidence. Both are renewed after each batch of files, in one step.
    - `once`: end when no file is left waiting. `every`: seconds between looks at the folder;
      `settle`: seconds for which a file must stand still before it is read.
    - `n`, `m`, `on`, `off`: an alarm is raised when n of a machine's last m recordings have a
      probability of a fault of `on` or more, and cleared when n of them lie below `off`; the
      diagnoser's own threshold and half of `on` when None.

    Yields an entry for each file once it is written down: `file`, `verdicts`, `alarms` (what was
    raised or cleared), `trends` (statistics that left healthy or came back). Raises `InputError`
    before the first on a folder that is not there or a journal that another process writes.
    """
    from faultsyn.ingest import load_card
    from faultsyn.plant.diagnoser import Diagnoser
    from faultsyn.plant.diagnosing import Kept
    from faultsyn.plant.journal import Journal
    from faultsyn.plant.renewing import Renewed, RenewedCsv, entries
    from faultsyn.plant.watching import Pace, Watcher, alarm_rule

    diagnoser = Diagnoser.load(artifact)
    rule, pace = alarm_rule(diagnoser, n, m, on, off), Pace(every, settle)
    place = Path(folder)
    kept = Journal(place.with_name(f"{place.name}.watch.jsonl") if journal is None else journal)
    try:
        keep = None if html is None else Kept(latest=True)
        watcher = Watcher(diagnoser, place, load_card(card), kept, rule, pace, keep)
        outputs: list[Renewed] = [] if csv is None else [RenewedCsv(csv, kept.path)]
        if html is not None and keep is not None:
            told = {"path": str(artifact), **diagnoser.summary()}
            outputs.append(_watch_page(html, watcher, keep, told))
    except BaseException:
        kept.close()
        raise
    return entries(watcher, kept, once, outputs)


def add_fault(
    artifact: str | Path,
    *,
    label: str,
    windows: str | Path | Sequence[str | Path],
    card: str | Path | None = None,
    confirm: Callable[[dict[str, Any]], bool] | None = None,
) -> dict[str, Any]:
    """Teach a diagnoser one fault more from a few windows, without training its encoder anew.

    - `artifact`: folder of the diagnoser; `label`: the fault.
    - `windows`: recordings of it: files, folders or stores; `card`: how files are read.
    - `confirm`: asked with the effect before it is kept; without, it is kept.

    Returns the effect: `classes` and `false_alarms` on held-out windows `before` and `after`, and
    whether it was `kept`. `undo` puts the old one back.
    """
    from faultsyn.plant.add_fault import with_fault
    from faultsyn.plant.diagnoser import Diagnoser

    paths = [windows] if isinstance(windows, str | Path) else list(windows)
    made, effect = with_fault(Diagnoser.load(artifact), label, paths, card)
    return _kept(made, effect, artifact, confirm)


def rebaseline(
    artifact: str | Path,
    sources: str | Path | Sequence[str | Path],
    *,
    card: str | Path | None = None,
    confirm: Callable[[dict[str, Any]], bool] | None = None,
) -> dict[str, Any]:
    """Learn anew what healthy looks like, after maintenance or a new sensor.

    - `artifact`: folder of the diagnoser. `sources`: healthy recordings; `card`: how files are
      read. `confirm`: asked with the effect before it is kept; without, it is kept.

    The classifier stays as it is. Returns the effect: `verdicts` on the recordings, and by state
    the levels that move most; and whether it was `kept`. `undo` puts the old baseline back.
    """
    from faultsyn.plant.diagnoser import Diagnoser
    from faultsyn.plant.rebaseline import rebaselined

    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    made, effect = rebaselined(Diagnoser.load(artifact), paths, card)
    return _kept(made, effect, artifact, confirm)


def undo(artifact: str | Path) -> dict[str, Any]:
    """Take back the last `add_fault` or `rebaseline` of a diagnoser.

    Returns what the artefact says then; raises `InputError` when there is nothing to undo.
    """
    from faultsyn.artifact import undo_save
    from faultsyn.plant.diagnoser import Diagnoser

    undo_save(artifact)
    return {"path": str(artifact), **Diagnoser.load(artifact).summary()}


def export(
    artifact: str | Path, *, out: str | Path, store: str | Path | None = None
) -> dict[str, Any]:
    """Write a diagnoser as one ONNX file: preprocessing, classifier, calibration, unknown score.

    - `artifact`: folder of a trained diagnoser. `out`: the file.
    - `store`: recordings that the file must judge as the diagnoser does; those that it was trained
      on when left out.

    Needs the extra `[edge]`. Returns what the file says of itself, `bytes`, and `difference`, the
    largest in probability. Raises `InputError` when a part of the diagnoser cannot be exported.
    """
    from faultsyn.edge import export_onnx
    from faultsyn.edge.sample import windows_of
    from faultsyn.plant.diagnoser import Diagnoser

    diagnoser = Diagnoser.load(artifact)
    place = diagnoser.posed.task.store if store is None else store
    return export_onnx(diagnoser, out, windows_of(place, diagnoser.posed))


def _watch_page(path: str | Path, watcher: Watcher, keep: Kept, told: dict[str, Any]) -> WatchPage:
    from faultsyn.report.verdict_figures import Shown
    from faultsyn.report.watch_page import WatchPage

    watcher.show_latest()
    return WatchPage(
        path,
        watcher.journal,
        trends=watcher.trends,
        shown=lambda: [Shown(made.as_json(), windows) for made, windows in keep],
        raised=lambda: [asset for asset, state in watcher.alarms.items() if state.raised],
        artifact=told,
        reference=watcher.reference,
    )


def _task(task: str | Path, store: str | Path | None) -> Task:
    from faultsyn.experiment.task import load_task

    return load_task(task, **({} if store is None else {"store": str(store)}))


def _kept(
    made: Diagnoser,
    effect: dict[str, Any],
    artifact: str | Path,
    confirm: Callable[[dict[str, Any]], bool] | None,
) -> dict[str, Any]:
    keep = confirm is None or confirm(effect)
    if keep:
        made.save(artifact, keep_old=True)
    return {"path": str(artifact), **effect, "kept": keep}
