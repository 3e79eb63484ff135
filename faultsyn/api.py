"""The verbs of the command line as Python calls: same names, same arguments.

from faultsyn import api

api.simulate("data/rig.h5")
api.run("experiments/demo.yaml", out="runs/demo")
api.report("runs/demo")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from faultsyn.errors import InputError

if TYPE_CHECKING:
    from faultsyn.experiment import Results, Task
    from faultsyn.ingest import FetchSummary, IngestSummary, Preview
    from faultsyn.plant.diagnoser import Diagnoser

Progress = Callable[..., None]
"""Called with `(done, total, detail="")` as long work goes on."""


def simulate(
    out: str | Path,
    *,
    kind: str = "bearing",
    assets: int = 4,
    seconds: float | None = None,
    cycles: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a simulated rig to a store and say what is in it (as `inspect`).

    - `kind`: "bearing" (machines of one bearing type), "machines" (every one of another geometry,
      with gear faults), "hydraulic" (units with worn cooler, valve, pump or accumulator).
    - `assets`: machines per fault mode, or hydraulic units.
    - `seconds`: length of a recording [s]; 5 when None. A hydraulic cycle always lasts 60.
    - `cycles`: of each hydraulic unit at each stage of wear.

    Raises `InputError` on an unknown kind or an impossible rig.
    """
    from faultsyn.ingest.simulate import recordings_of
    from faultsyn.store import StoreWriter

    total, recordings = recordings_of(kind, assets, seconds, cycles, seed)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with StoreWriter(out, info={"simulated": kind, "seed": seed}) as writer:
        for done, recording in enumerate(recordings, 1):
            writer.add(recording)
            if progress:
                progress(done, total)
    return inspect(out)


def ingest(
    card: str | Path,
    raw: str | Path,
    out: str | Path,
    *,
    append: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    jobs: int = 1,
    shards: int | None = None,
    progress: Progress | None = None,
) -> IngestSummary:
    """Read the files below `raw` as the dataset card says, into the store `out`.

    - `card`: the name of a card ("cwru", "zema", "tep") or a path to one.
    - `append`: add to an existing store; what it holds already is recognised by hash and skipped.
    - `on_error`: "stop" at the first file that cannot be read, or "skip" it and say so.
    - `jobs`: processes; more than one make several stores, `out` becomes their index. `shards`: how
      many stores that are (16).
    """
    from faultsyn.ingest import ingest as ingest_files
    from faultsyn.ingest import ingest_shards, load_card
    from faultsyn.ingest.shards import SHARDS

    loaded = load_card(card)
    if jobs > 1 or shards is not None:
        return ingest_shards(
            loaded, raw, out, shards=shards or SHARDS, jobs=jobs, append=append,
            on_error=on_error, progress=progress,
        )  # fmt: skip
    return ingest_files(loaded, raw, out, append=append, on_error=on_error, progress=progress)


def inspect(store: str | Path, *, plot: str | Path | None = None) -> dict[str, Any]:
    """What a store holds: recordings by label, asset and condition; streams; flags; data hash.

    - `plot`: a folder for `inspect.html` (one file, no network needed) and its figures: examples of
      waveforms and spectra with the fault orders marked. Their paths are then in what is returned.
    """
    from faultsyn.store import Store
    from faultsyn.store.summary import summarise

    with Store(store) as opened:
        found = summarise(opened)
        if plot is not None:
            from faultsyn.report.inspect_page import write_inspection

            found |= write_inspection(opened, found, plot)
    return found


def validate(store: str | Path) -> list[str]:
    """Everything that is wrong with a store; empty when it is sound."""
    from faultsyn.store import validate as check

    return check(store)


def join(stores: Sequence[str | Path], *, out: str | Path) -> dict[str, Any]:
    """Put several stores (one an asset, or a month) behind one index, which opens as one store.

    - `stores`: paths or addresses; they stay where they are. `out`: the index.

    Returns what `inspect` says of it.
    """
    from faultsyn.store import join_stores

    join_stores(stores, out)
    return inspect(out)


def bearing(
    designation: str | None = None,
    *,
    balls: int | None = None,
    ball_diameter: float | None = None,
    pitch_diameter: float | None = None,
    angle: float = 0.0,
    rpm: float | None = None,
    harmonics: int = 3,
    table: str | Path | None = None,
) -> dict[str, Any]:
    """Fault orders and, at a speed, fault frequencies of a bearing; without one, the table.

    - `designation`: of the table, or balls x ball diameter / pitch diameter @ angle:
      "9x7.94/39.04@0". Or give `balls`, `ball_diameter`, `pitch_diameter` (one unit) and `angle`
      [degrees].
    - `rpm`: shaft speed [1/min]. `harmonics`: multiples of each frequency.
    - `table`: a file of your own on top of the package's; `data/bearings.csv` of the working folder
      when left out.

    Returns geometry, source, `orders` and `hz`, each fault's multiples in a list; or `bearings`.
    Raises `InputError` on an unknown bearing (with the nearest) or an impossible geometry.
    """
    from faultsyn.signal import Bearing, bearings, fault_table, find_bearing

    if designation is not None:
        return fault_table(find_bearing(designation, table), rpm, harmonics)
    if balls is None and ball_diameter is None and pitch_diameter is None:
        return {"bearings": [vars(known) for known in bearings(table).values()]}
    if balls is None or ball_diameter is None or pitch_diameter is None:
        raise InputError("a bearing's geometry needs balls, ball diameter and pitch diameter")
    named = f"{balls}x{ball_diameter:g}/{pitch_diameter:g}@{angle:g}"
    found = Bearing(named, balls, ball_diameter, pitch_diameter, angle)
    return fault_table(found, rpm, harmonics)


def gear(
    designation: str | None = None,
    *,
    rpm: float | None = None,
    harmonics: int = 3,
    table: str | Path | None = None,
) -> dict[str, Any]:
    """Shaft, tooth-mesh and hunting-tooth orders of a gear train; without one, the table.

    - `designation`: of the table, or teeth on teeth, stage by stage: "32/96+48/80".
    - `rpm`: speed of the input shaft [1/min]; `harmonics`, `table` as of `bearing` (`gears.csv`).
    """
    from faultsyn.signal import gear_train, gears, mesh_table

    if designation is not None:
        return mesh_table(gear_train(designation, table), rpm, harmonics)
    return {
        "gears": [
            {
                "designation": name,
                "teeth": "+".join(f"{a}/{b}" for a, b in train.teeth),
                "source": train.source,
            }
            for name, train in gears(table).items()
        ]
    }


def pretrain(
    task: str | Path,
    *,
    generator: str | Path,
    out: str | Path,
    store: str | Path | None = None,
    fold: str | int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Pretrain a generator on a task's healthy windows and leave it as an artefact.

    - `task`: name of a task, or a path to one; `store` replaces the store that it names.
    - `generator`: name of a preset, or a path to one. `out`: the artefact's folder.
    - `fold`: number (from 1) or name of the fold whose training side alone is seen; without, all
      healthy windows are, and no study can test on them.

    Stopped, a generator that trains goes on when called again. Returns what the artefact says.
    """
    from faultsyn.experiment.training import pretrain_generator

    pretrain_generator(
        _task(task, store), generator, out, fold=fold, seed=seed, progress=progress
    )  # fmt: skip
    return _artifact(out)


def adapt(
    artifact: str | Path,
    task: str | Path,
    *,
    out: str | Path,
    store: str | Path | None = None,
    labels: Sequence[str] = (),
    k: int = 5,
    fold: str | int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Adapt a pretrained artefact to K shots of each fault class: another artefact.

    - `artifact`: folder of the pretrained one; the rest as of `pretrain` and `synthesize`. The
      fold is that of the pretraining unless it is given.

    Returns what the artefact says.
    """
    from faultsyn.experiment.training import adapt_generator

    adapt_generator(
        artifact, _task(task, store), out, k=k, labels=tuple(labels), fold=fold, seed=seed,
        progress=progress,
    )  # fmt: skip
    return _artifact(out)


def _task(task: str | Path, store: str | Path | None) -> Task:
    from faultsyn.experiment.task import load_task

    return load_task(task, **({} if store is None else {"store": str(store)}))


def _artifact(path: str | Path) -> dict[str, Any]:
    """What a generator's artefact says, without its weights."""
    from faultsyn.artifact import read_head

    head = read_head(path, "generator")
    keys = ("classes", "shape", "channels", "rate", "provenance", "curves")
    told = {key: head["info"][key] for key in keys}
    told["privacy"] = head["info"].get("privacy", {})
    return {"path": str(path), "generator": head["name"], "config": head["config"], **told}


def synthesize(
    source: str | Path,
    *,
    out: str | Path,
    generator: str | Path | None = None,
    store: str | Path | None = None,
    labels: Sequence[str] = (),
    k: int | None = None,
    n: int = 100,
    seed: int = 0,
    gate: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write `n` windows of each fault class to the store `out`, and a page beside it (`*.html`).

    - `source`: folder of an adapted artefact; or, with `generator`, a task that a preset is first
      pretrained on and adapted to, in one go.
    - `generator`: name of a preset, or a path to one. `k`: shots of each class (5).
    - `store`: replaces the store that the task names. `labels`: fault classes; all when empty.
    - `gate`: replace windows that are copies of a shot or out of the real range.

    Returns the paths, the names, the number of windows of each class (`windows`), and what the gate
    counted (`classes`). Raises `InputError` when no window is accepted.
    """
    from faultsyn.experiment.synthesize import synthesize_artifact, synthesize_windows
    from faultsyn.report import write_passport

    if generator is not None:
        made = synthesize_windows(
            _task(source, store), generator, out, k=5 if k is None else k, n=n, seed=seed,
            labels=tuple(labels), gate=gate, progress=progress,
        )  # fmt: skip
    elif not Path(source).is_dir():
        raise InputError(
            f"{source}: no artefact, and no generator named",
            "give the folder of an adapted artefact, or a task and --generator PRESET",
        )
    elif k is not None:
        raise InputError(f"{source}: adapted to its shots already, k = {k} cannot change them")
    else:
        made = synthesize_artifact(
            source, out, store=store, n=n, seed=seed, labels=tuple(labels), gate=gate,
            progress=progress,
        )  # fmt: skip
    return write_passport(made)


def evaluate(
    real: str | Path,
    synthetic: str | Path,
    *,
    task: str | Path | None = None,
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge synthetic windows by real ones; write `quality.json`, `quality.html` and figures.

    - `real`, `synthetic`: the two stores.
    - `task`: a task's name or path; what the synthetic store was made for when left out.
    - `metrics`: names of measures; all but the costly ones when None.
    - `out`: the folder; `runs/quality/<name of the synthetic store>` when left out.

    Returns what `quality.json` holds.
    """
    from faultsyn.experiment.quality import evaluate_store
    from faultsyn.experiment.task import load_task
    from faultsyn.report import write_quality

    chosen = None if task is None else load_task(task)
    found = evaluate_store(
        real, synthetic, task=chosen, metrics=metrics, seed=seed, progress=progress
    )
    folder = Path("runs/quality") / Path(synthetic).stem if out is None else Path(out)
    return write_quality(found, real, synthetic, folder)


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

    Returns `verdicts` (see `faultsyn.plant.verdict.Verdict`), `counts` of them, and `unmatched`,
    the files that the card does not know. A recording that cannot be diagnosed is refused with its
    reason, and the rest goes on.
    """
    from faultsyn.plant.diagnoser import Diagnoser
    from faultsyn.plant.diagnosing import Kept, diagnose_all

    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    diagnoser = Diagnoser.load(artifact)
    kept = None if html is None else Kept()
    found = diagnose_all(diagnoser, paths, card=card, csv=csv, keep=kept, progress=progress)
    if html is not None and kept is not None:
        from faultsyn.report.verdict_figures import Shown
        from faultsyn.report.verdict_page import write_verdicts

        shown = [Shown(made.as_json(), windows) for made, windows in kept]
        reference = None if diagnoser.baseline is None else diagnoser.baseline.reference
        told = {"path": str(artifact), **diagnoser.summary()}
        found["page"] = str(write_verdicts(found, shown, reference, told, html))
    return found


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


def undo(artifact: str | Path) -> dict[str, Any]:
    """Take back the last `add_fault` or `rebaseline` of a diagnoser.

    Returns what the artefact says then; raises `InputError` when there is nothing to undo.
    """
    from faultsyn.artifact import undo_save
    from faultsyn.plant.diagnoser import Diagnoser

    undo_save(artifact)
    return {"path": str(artifact), **Diagnoser.load(artifact).summary()}


def watch(
    artifact: str | Path,
    folder: str | Path,
    *,
    card: str | Path,
    journal: str | Path | None = None,
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
    - `once`: end when no file is left waiting. `every`: seconds between looks at the folder;
      `settle`: seconds for which a file must stand still before it is read.
    - `n`, `m`, `on`, `off`: an alarm is raised when n of a machine's last m recordings have a
      probability of a fault of `on` or more, and cleared when n of them lie below `off`; the
      diagnoser's own threshold and half of `on` when None.

    Yields an entry for each file once it is written down: `file`, `verdicts`, `alarms` (what was
    raised or cleared). Raises `InputError` before the first on a folder that is not there or a
    journal that another process writes.
    """
    from faultsyn.ingest import load_card
    from faultsyn.plant.diagnoser import Diagnoser
    from faultsyn.plant.journal import Journal
    from faultsyn.plant.watching import Pace, Watcher, alarm_rule, entries

    diagnoser = Diagnoser.load(artifact)
    rule, pace = alarm_rule(diagnoser, n, m, on, off), Pace(every, settle)
    place = Path(folder)
    kept = Journal(place.with_name(f"{place.name}.watch.jsonl") if journal is None else journal)
    try:
        watcher = Watcher(diagnoser, place, load_card(card), kept, rule, pace)
    except BaseException:
        kept.close()
        raise
    return entries(watcher, kept, once)


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
    - `track`: a folder for TensorBoard event files of the scores.
    """
    from faultsyn.experiment import load_study, run_study

    loaded = load_study(study)
    folder = Path("runs") / loaded.name if out is None else Path(out)
    return run_study(loaded, folder, jobs, progress, ray=ray, track=track)


def audit(
    task: str | Path,
    *,
    generator: str | Path,
    store: str | Path | None = None,
    k: int = 20,
    n: int = 100,
    fold: str | int = 1,
    repeats: int = 3,
    shadows: int = 3,
    canaries: int = 0,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Attack a generator on a fold of a task; write `audit.json`, `audit.html` and figures.

    - `task`, `generator`, `store`: as of `pretrain`.
    - `k`: windows of each fault class that it learns from; `n`: windows that it releases of each.
    - `repeats`: draws of the K windows; `shadows`: generators of the adversary's own; `canaries`:
      trainings with and without a canary.
    - `out`: the folder; `runs/audit/<task>-<preset>` when left out.

    Returns what `audit.json` holds. See `docs/privacy.md` for what the figures mean.
    """
    from faultsyn.experiment.audit import audit_generator
    from faultsyn.report import write_audit

    chosen = _task(task, store)
    found = audit_generator(
        chosen, generator, k=k, n=n, fold=fold, seed=seed, repeats=repeats, shadows=shadows,
        canaries=canaries, progress=progress,
    )  # fmt: skip
    folder = Path("runs/audit") / f"{chosen.name}-{Path(generator).stem}"
    return write_audit(found, folder if out is None else Path(out))


def report(results: str | Path) -> Path:
    """Write `report.html` (one file, no network needed) and its figures into a results folder."""
    from faultsyn.report import write_report

    return write_report(Path(results))


def card(folder: str | Path, *, out: str | Path | None = None) -> str:
    """A first dataset card from a look at the files below `folder`; `# ?` marks what is unsure.

    - `out`: where to write it as well; an existing file is not replaced.

    Raises `InputError` when nothing there can be read.
    """
    from faultsyn.ingest import guess_card

    text = guess_card(folder)
    if out is not None:
        try:
            with Path(out).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise InputError(f"{out}: is there already", "give another --out") from None
    return text


def preview(card: str | Path, raw: str | Path, *, progress: Progress | None = None) -> Preview:
    """What `ingest` would do with the files below `raw`: recordings, labels, streams, problems."""
    from faultsyn.ingest import load_card
    from faultsyn.ingest import preview as look

    return look(load_card(card), Path(raw), progress=progress)


def fetch(
    card: str | Path, *, to: str | Path | None = None, progress: Progress | None = None
) -> FetchSummary:
    """Download the files of a public data set from where its card says, checked by SHA-256.

    - `to`: the folder; `data/<name of the card>` when left out.

    Raises `InputError` when there is no network, a file is not the published one, or the disk is
    full; what came is kept, and the same call goes on with it.
    """
    from faultsyn.ingest import fetch as download
    from faultsyn.ingest import load_card

    loaded = load_card(card)
    return download(loaded, Path("data") / loaded.name if to is None else to, progress=progress)
