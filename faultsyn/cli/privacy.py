"""What a generator gives away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.generate import Preset, RealStore, Seed, TaskName
from faultsyn.cli.options import Json
from faultsyn.cli.terminal import progress_bar, say, say_json, table


def audit(
    task: TaskName,
    generator: Preset,
    store: RealStore = None,
    k: Annotated[int, typer.Option(help="Windows of each fault class to learn from.")] = 20,
    n: Annotated[int, typer.Option(help="Windows to release of each fault class.")] = 100,
    fold: Annotated[str, typer.Option(help="The fold: its number or name.")] = "1",
    repeats: Annotated[int, typer.Option(help="Draws of the windows that are learned from.")] = 3,
    shadows: Annotated[int, typer.Option(help="The adversary's own generators; 0: none.")] = 3,
    canaries: Annotated[
        int, typer.Option(help="Trainings with and without a canary; 0: none.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Results folder (default: runs/audit/<task>-<preset>).")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Attack a generator: who was learned from, what the windows tell. JSON, a table, one page."""
    from faultsyn import api

    with progress_bar("auditing", as_json) as progress:
        found = api.audit(
            task, generator=generator, store=store, k=k, n=n, fold=fold, repeats=repeats,
            shadows=shadows, canaries=canaries, out=out, seed=seed, progress=progress,
        )  # fmt: skip
    _show(found, as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    rows = [
        [
            f"{row['attack']}, {row['view']}",
            f"{row['auc']['value']:.3f}",
            f"{row['auc']['low']:.3f}-{row['auc']['high']:.3f}",
            *(f"{rate['tpr']['value']:.3f}" if rate["resolved"] else "-" for rate in row["rates"]),
        ]
        for row in found["membership"]
        if row["against"] == "same groups"
    ]
    facts = found["facts"]
    title = (
        f"{facts['generator']} on {facts['task']}, K = {facts['k']}: telling members from others "
        "of the same groups"
    )
    table(title, ["attack", "area", "95 %", "TPR 1 %", "TPR 0.1 %"], rows)
    for sentence in found["findings"]:
        say(sentence)
    say(f"audit: {found['report']}")
