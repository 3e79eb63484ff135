"""A generator's steps, and what its windows are worth and give away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faultsyn.api.progress import Progress
from faultsyn.errors import InputError

if TYPE_CHECKING:
    from faultsyn.experiment import Task


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


def _artifact(path: str | Path) -> dict[str, Any]:
    """What a generator's artefact says, without its weights."""
    from faultsyn.artifact import read_head

    head = read_head(path, "generator")
    keys = ("classes", "shape", "channels", "rate", "provenance", "curves")
    told = {key: head["info"][key] for key in keys}
    told["privacy"] = head["info"].get("privacy", {})
    return {"path": str(path), "generator": head["name"], "config": head["config"], **told}


def _task(task: str | Path, store: str | Path | None) -> Task:
    from faultsyn.experiment.task import load_task

    return load_task(task, **({} if store is None else {"store": str(store)}))
