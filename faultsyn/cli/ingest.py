"""Recordings in: simulated rigs, files of a plant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.store import show_store
from faultsyn.cli.terminal import progress_bar, say, say_json, shortened, table

if TYPE_CHECKING:
    from faultsyn.ingest import IngestSummary


def simulate(
    out: Annotated[Path, typer.Argument(help="The store to write (*.h5).")],
    kind: Annotated[str, typer.Option(help="Which rig: bearing.")] = "bearing",
    assets: Annotated[int, typer.Option(help="Machines per fault mode.")] = 4,
    seconds: Annotated[float, typer.Option(help="Length of a recording [s].")] = 5.0,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal rigs.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a rig's recordings from physics: no download, truth known."""
    from faultsyn import api

    with progress_bar("simulating", as_json) as progress:
        summary = api.simulate(
            out, kind=kind, assets=assets, seconds=seconds, seed=seed, progress=progress
        )
    show_store(summary, as_json)


def ingest(
    card: Annotated[str, typer.Argument(help="A dataset card: its name, or a path (*.yaml).")],
    raw: Annotated[Path, typer.Option(help="The folder with the files.")],
    out: Annotated[Path, typer.Option(help="The store to write (*.h5).")],
    append: Annotated[
        bool, typer.Option(help="Add to the store; known files are skipped.")
    ] = False,
    skip_bad: Annotated[bool, typer.Option(help="Leave bad files out and say so.")] = False,
    as_json: Json = False,
) -> None:
    """Read a folder of files into a store, as a dataset card says."""
    from faultsyn import api

    with progress_bar("ingesting", as_json) as progress:
        summary = api.ingest(
            card,
            raw,
            out,
            append=append,
            on_error="skip" if skip_bad else "stop",
            progress=progress,
        )
    _show_ingest(summary, out, as_json)


def _show_ingest(summary: IngestSummary, out: Path, as_json: bool) -> None:
    if as_json:
        # Not asdict: it takes counters apart.
        fields = dict(vars(summary))
        fields["problems"] = [vars(problem) for problem in summary.problems]
        say_json(fields)
        return
    rows = [
        [label, str(count), str(summary.assets.get(label, 0))]
        for label, count in sorted(summary.labels.items())
    ]
    table(f"{summary.card} -> {out}", ["label", "recordings", "assets"], shortened(rows))
    for flag, count in sorted(summary.flags.items()):
        say(f"flag {flag}: {count} recordings")
    for name in summary.unmatched:
        say(f"no rule of the card matches {name}")
    for problem in summary.problems:
        say(f"left out: {problem.file}: {problem.message}")
    say(
        f"added {summary.added}, known already {summary.skipped}, in {summary.seconds:.1f} s: {out}"
    )
