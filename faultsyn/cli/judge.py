"""The quality of synthetic windows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import progress_bar, say, say_json, table


def evaluate(
    real: Annotated[Path, typer.Option(help="The store of real recordings (*.h5).")],
    synthetic: Annotated[Path, typer.Option(help="The store of synthetic windows (*.h5).")],
    task: Annotated[
        str | None, typer.Option(help="A task (default: the one they were made for).")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="A measure; may be repeated.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Results folder (default: runs/quality/<synthetic>).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal figures.")] = 0,
    as_json: Json = False,
) -> None:
    """Judge synthetic windows: every measure beside its real-vs-real floor, figures, one page."""
    from faultsyn import api

    with progress_bar("evaluating", as_json) as progress:
        found = api.evaluate(
            real, synthetic, task=task, metrics=metric or None, out=out, seed=seed,
            progress=progress,
        )  # fmt: skip
    show_quality(found, as_json)


def show_quality(found: dict[str, Any], as_json: bool) -> None:
    """Warnings first, then a table for each class, as `api.evaluate` returned them."""
    if as_json:
        say_json(found)
        return
    from faultsyn.report.quality_tables import figure_text

    for label, row in found["classes"].items():
        for warning in row["warnings"]:
            say(f"{label}: {warning}")
    for label, row in found["classes"].items():
        rows = [
            [
                f"{m['name']} ({m['unit']})" if m["unit"] else m["name"],
                figure_text(m["value"]),
                figure_text(m["floor"]),
                m["direction"].replace("-", " "),
                str(m["n"]),
                m["reason"],
            ]
            for m in row["measurements"]
        ]
        title = f"{label}: {row['n_synthetic']} synthetic windows against {row['n_real']} real"
        table(title, ["measure", "value", "floor", "better", "n", "reason"], rows)
        for name, why in row["left_out"].items():
            say(f"left out: {name} {why}")
    say(f"quality: {found['report']}")
