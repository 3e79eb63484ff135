"""Comparisons and their reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import progress_bar, say, say_json, table

if TYPE_CHECKING:
    from faultsyn.experiment import Results

Track = Annotated[
    str | None,
    typer.Option(help="Show it too: a folder for TensorBoard, or mlflow:URI."),
]


def run(
    study: Annotated[str, typer.Argument(help="A study: its name, or a path (*.yaml).")],
    out: Annotated[
        Path | None, typer.Option(help="Results folder (default: runs/<study>).")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes.")] = None,
    ray: Annotated[
        str | None, typer.Option(help="Run on a Ray cluster: its address, or 'local'.")
    ] = None,
    track: Track = None,
    as_json: Json = False,
) -> None:
    """Run a study: one table, results.csv and report.html. Run it again to go on after a stop."""
    from faultsyn import api

    with progress_bar("running", as_json) as progress:
        results = api.run(study, out=out, jobs=jobs, ray=ray, track=track, progress=progress)
    page = api.report(results.folder or Path(), track=track)
    _show_results(results, page, as_json)


def report(
    results: Annotated[Path, typer.Argument(help="A results folder.", metavar="RESULTS")],
    track: Track = None,
    as_json: Json = False,
) -> None:
    """Write report.html and the figures of a results folder anew."""
    from faultsyn import api

    page = api.report(results, track=track)
    if as_json:
        say_json({"report": str(page)})
    else:
        say(f"report: {page}")


def _show_results(results: Results, page: Path, as_json: bool) -> None:
    from faultsyn.report import summary_table

    rows = summary_table(results)
    failed = sorted({status for status in results["status"].tolist() if status != "ok"})
    if as_json:
        say_json({"summary": rows, "rows": len(results), "not_run": failed, "report": str(page)})
        return
    header = list(rows[0]) if rows else ["no results"]
    table("Best method of each setting", header, [list(row.values()) for row in rows])
    for status in failed:
        say(f"not run: {status} ({int((results['status'] == status).sum())} rows)")
    say(f"results: {results.folder}/results.csv\nreport:  {page}")
