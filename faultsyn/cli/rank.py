"""Which features separate the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import progress_bar, say, say_json, table


def rank(
    task: Annotated[str, typer.Argument(help="A task: its name, or a path (*.yaml).")],
    store: Annotated[Path | None, typer.Option(help="A store in place of the task's.")] = None,
    features: Annotated[
        str | None, typer.Option(help="Features in place of the task's, e.g. statistics.")
    ] = None,
    top: Annotated[int, typer.Option(help="Features to show.")] = 15,
    out: Annotated[
        Path | None, typer.Option(help="Results folder (default: runs/rank/<task>).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal figures.")] = 0,
    as_json: Json = False,
) -> None:
    """Rank features by how well each alone separates the classes on held-out groups; give rules."""
    from faultsyn import api

    with progress_bar("ranking", as_json) as progress:
        found = api.rank(
            task, store=store, features=features, top=top, out=out, seed=seed, progress=progress
        )
    if as_json:
        say_json(found)
        return
    say("One feature alone, on held-out groups:")
    for rule in found["rules"]:
        shown = {key: f"{100 * value:.1f}" for key, value in rule.items() if key in _SCORES}
        say(
            f"  {rule['text']}\n"
            f"    balanced accuracy {shown['accuracy']} %, worst group {shown['worst']} %, feature "
            f"chosen blindly {shown['blind']} %; recall {shown['recall']} %, false alarms "
            f"{shown['false_alarms']} %"
        )
    rows = []
    for row in found["features"][:top]:
        best = max(row["auroc"], key=lambda label: row["auroc"][label] or 0.0)
        rows.append(
            [
                row["text"],
                f"{row['separation']:.3f}",
                f"{best} {row['auroc'][best]:.3f}",
                f"{100 * row['importance']:.2f}",
            ]
        )
    head = ["feature", "mean AUROC", "best for", "lost when shuffled [points]"]
    table("Features by mean AUROC over classes, on held-out groups", head, rows)
    say(f"report: {found['report']}")


_SCORES = ("accuracy", "worst", "blind", "recall", "false_alarms")
