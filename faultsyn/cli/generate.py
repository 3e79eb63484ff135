"""Synthetic windows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import progress_bar, say, say_json, table


def synthesize(
    task: Annotated[str, typer.Argument(help="A task: its name, or a path (*.yaml).")],
    generator: Annotated[str, typer.Option(help="A preset: its name, or a path (*.yaml).")],
    out: Annotated[Path, typer.Option(help="The store to write (*.h5).")],
    store: Annotated[Path | None, typer.Option(help="Real recordings [the task's].")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A fault class; may be repeated.")] = None,
    k: Annotated[int, typer.Option(help="Shots of each fault class.")] = 5,
    n: Annotated[int, typer.Option(help="Windows to make of each fault class.")] = 100,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal windows.")] = 0,
    as_json: Json = False,
) -> None:
    """Make fault windows from K shots: a store of its own, a passport for every window."""
    from faultsyn import api

    with progress_bar("synthesizing", as_json) as progress:
        made = api.synthesize(
            task, generator=generator, out=out, store=store, labels=label or (), k=k, n=n,
            seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        say_json(made)
        return
    rows = [[name, str(count)] for name, count in made["windows"].items()]
    table(f"{made['generator']} on {made['task']}, K = {k}", ["class", "windows"], rows)
    say(f"synthetic windows: {out}")
