"""A generator's three steps: pretrain, adapt, synthesize."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import progress_bar, say, say_json, table

TaskName = Annotated[str, typer.Argument(help="A task: its name, or a path (*.yaml).")]
Preset = Annotated[str, typer.Option(help="A preset: its name, or a path (*.yaml).")]
Folder = Annotated[Path, typer.Option(help="The folder to write the artefact to.")]
RealStore = Annotated[Path | None, typer.Option(help="Real recordings (default: the task's).")]
FoldName = Annotated[str | None, typer.Option(help="See the training side of this fold only.")]
Labels = Annotated[list[str] | None, typer.Option(help="A fault class; may be repeated.")]
Seed = Annotated[int, typer.Option(help="Equal seeds give equal results.")]


def pretrain(
    task: TaskName,
    generator: Preset,
    out: Folder,
    store: RealStore = None,
    fold: FoldName = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Pretrain a generator on healthy windows: an artefact. Run it again to go on after a stop."""
    from faultsyn import api

    with progress_bar("pretraining", as_json) as progress:
        made = api.pretrain(
            task, generator=generator, out=out, store=store, fold=fold, seed=seed,
            progress=progress,
        )  # fmt: skip
    _show_artifact(made, "pretrain", as_json)


def adapt(
    artifact: Annotated[Path, typer.Argument(help="A pretrained artefact.")],
    task: TaskName,
    out: Folder,
    store: RealStore = None,
    label: Labels = None,
    k: Annotated[int, typer.Option(help="Shots of each fault class.")] = 5,
    fold: FoldName = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Adapt a pretrained artefact to K shots of each fault class: another artefact."""
    from faultsyn import api

    with progress_bar("adapting", as_json) as progress:
        made = api.adapt(
            artifact, task, out=out, store=store, labels=label or (), k=k, fold=fold, seed=seed,
            progress=progress,
        )  # fmt: skip
    _show_artifact(made, "adapt", as_json)


def synthesize(
    source: Annotated[str, typer.Argument(help="An adapted artefact; or a task, with a preset.")],
    out: Annotated[Path, typer.Option(help="The store to write (*.h5).")],
    generator: Annotated[
        str | None, typer.Option(help="A preset, to pretrain and adapt in one go.")
    ] = None,
    store: RealStore = None,
    label: Labels = None,
    k: Annotated[
        int | None, typer.Option(help="Shots of each fault class, with a preset [5].")
    ] = None,
    n: Annotated[int, typer.Option(help="Windows to make of each fault class.")] = 100,
    seed: Seed = 0,
    gate: Annotated[
        bool, typer.Option(help="Replace copies of shots and windows out of the real range.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Make fault windows: a store of its own, a passport for every window, a page about them."""
    from faultsyn import api

    with progress_bar("synthesizing", as_json) as progress:
        made = api.synthesize(
            source, generator=generator, out=out, store=store, labels=label or (), k=k, n=n,
            seed=seed, gate=gate, progress=progress,
        )  # fmt: skip
    _show_made(made, as_json)


def _show_artifact(made: dict[str, Any], step: str, as_json: bool) -> None:
    if as_json:
        say_json(made)
        return
    told = made["provenance"][step]
    rows = [
        ["task", told["task"]],
        ["fold", told["fold"] or "all windows"],
        ["windows", str(told["windows"])],
        ["recordings", str(len(told["seen"]["recordings"]))],
        ["channels", str(len(made["channels"]))],
        ["seconds", f"{told['seconds']:.1f}"],
    ]
    rows += _curve_rows(made["curves"].get(step, {}))
    claim = made["privacy"].get(step, {})
    rows += [[f"privacy: {name}", str(value)] for name, value in claim.items() if name != "warning"]
    if step == "adapt":
        rows.insert(1, ["classes", ", ".join(made["classes"])])
    table(f"{made['generator']}: {step}", ["", ""], rows)
    if "warning" in claim:
        say(f"warning: {claim['warning']}")
    say(f"artefact: {made['path']}")


def _curve_rows(curves: dict[str, Any]) -> list[list[str]]:
    """How training went: of one curve, or of one for each class or part."""
    if "losses" in curves:
        return [["steps", f"{len(curves['losses'])}, stopped by {curves['stopped']}"]]
    return [
        [f"steps, {name}", f"{len(curve['losses'])}, stopped by {curve['stopped']}"]
        for name, curve in curves.items()
        if isinstance(curve, dict) and "losses" in curve
    ]


def _show_made(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(made)
        return
    rows = [
        [
            name,
            str(row["accepted"]),
            str(row["drawn"]),
            ", ".join(f"{reason} {count}" for reason, count in row["rejected"].items()) or "-",
        ]
        for name, row in made["classes"].items()
    ]
    title = f"{made['generator']} on {made['task']}, K = {made['k']}"
    table(title, ["class", "windows", "drawn", "rejected"], rows)
    for message in made["messages"]:
        say(message)
    say(f"synthetic windows: {made['path']}\npage:              {made['page']}")
