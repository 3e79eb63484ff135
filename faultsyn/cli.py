"""The command line: one verb per stage, thin. Every verb is a call of the same name in `api`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faultsyn.errors import FaultsynError

if TYPE_CHECKING:
    from faultsyn.api import Progress
    from faultsyn.experiment import Results
    from faultsyn.ingest import IngestSummary

app = typer.Typer(
    name="faultsyn",
    help="Few-shot industrial fault diagnosis: recordings in, a believable comparison out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine to read.")]
StorePath = Annotated[Path, typer.Argument(help="The store (*.h5).", metavar="STORE")]


def main() -> None:
    """Entry point: bad input is one line and exit code 2; `--debug` shows where it came from."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
        logging.basicConfig(level=logging.DEBUG)
    try:
        app()
    except KeyboardInterrupt:
        _say("stopped; what was finished is kept, run the same command again to go on", err=True)
        sys.exit(130)
    except (FaultsynError, OSError) as error:
        if debug:
            raise
        _say(f"error: {_one_line(error)}", err=True)
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        _say(f"internal error: {type(error).__name__}: {_one_line(error)}", err=True)
        _say("run again with --debug for the traceback", err=True)
        sys.exit(1)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return " ".join(str(error).split())


def _say(text: str, *, err: bool = False) -> None:
    typer.echo(text, err=err)


def _json(value: Any) -> None:
    _say(json.dumps(value, indent=1, default=str))


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Progress | None]:
    """A bar with time left on stderr; nothing when a machine reads the output."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)

        def update(done: int, total: int, detail: str = "") -> None:
            text = f"{what} {detail}" if detail else what
            bar.update(task, completed=done, total=total, description=text)

        yield update


def _table(title: str, header: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@app.command()
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

    with _progress("simulating", as_json) as progress:
        summary = api.simulate(
            out, kind=kind, assets=assets, seconds=seconds, seed=seed, progress=progress
        )
    _show_store(summary, as_json)


@app.command()
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

    with _progress("ingesting", as_json) as progress:
        summary = api.ingest(
            card,
            raw,
            out,
            append=append,
            on_error="skip" if skip_bad else "stop",
            progress=progress,
        )
    _show_ingest(summary, out, as_json)


@app.command()
def inspect(store: StorePath, as_json: Json = False) -> None:
    """Say what is in a store: recordings by label, assets, streams, flags."""
    from faultsyn import api

    _show_store(api.inspect(store), as_json)


def _show_ingest(summary: IngestSummary, out: Path, as_json: bool) -> None:
    if as_json:
        # Not asdict: it takes counters apart.
        fields = dict(vars(summary))
        fields["problems"] = [vars(problem) for problem in summary.problems]
        _json(fields)
        return
    rows = [
        [label, str(count), str(summary.assets.get(label, 0))]
        for label, count in sorted(summary.labels.items())
    ]
    _table(f"{summary.card} -> {out}", ["label", "recordings", "assets"], _shortened(rows))
    for flag, count in sorted(summary.flags.items()):
        _say(f"flag {flag}: {count} recordings")
    for name in summary.unmatched:
        _say(f"no rule of the card matches {name}")
    for problem in summary.problems:
        _say(f"left out: {problem.file}: {problem.message}")
    _say(
        f"added {summary.added}, known already {summary.skipped}, in {summary.seconds:.1f} s: {out}"
    )


def _shortened(rows: list[list[str]], most: int = 30) -> list[list[str]]:
    """The first rows, and one that says how many were left out."""
    if len(rows) <= most:
        return rows
    return [*rows[:most], [f"... and {len(rows) - most} more", *[""] * (len(rows[0]) - 1)]]


def _show_store(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _json(summary)
        return
    labels = [
        [name, str(row["recordings"]), str(row["assets"]), f"{row['seconds']:.1f}"]
        for name, row in summary["labels"].items()
    ]
    header = ["label", "recordings", "assets", "seconds"]
    _table(summary["path"], header, _shortened(labels))
    streams = [
        [name, f"{row['rate']:g}", ", ".join(row["channels"]), ", ".join(row["units"])]
        for name, row in summary["streams"].items()
    ]
    _table("streams", ["stream", "rate [Hz]", "channels", "units"], streams)
    for flag, count in summary["flags"].items():
        _say(f"flag {flag}: {count} recordings")


@app.command()
def validate(store: StorePath, as_json: Json = False) -> None:
    """Check a store: schema, offsets, checksums. Exit code 2 when something is wrong."""
    from faultsyn import api

    problems = api.validate(store)
    if as_json:
        _json({"path": str(store), "problems": problems})
    else:
        _say("\n".join(problems) if problems else f"{store}: sound")
    if problems:
        raise typer.Exit(2)


@app.command()
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

    with _progress("synthesizing", as_json) as progress:
        made = api.synthesize(
            task, generator=generator, out=out, store=store, labels=label or (), k=k, n=n,
            seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        _json(made)
        return
    rows = [[name, str(count)] for name, count in made["windows"].items()]
    _table(f"{made['generator']} on {made['task']}, K = {k}", ["class", "windows"], rows)
    _say(f"synthetic windows: {out}")


@app.command()
def evaluate(
    real: Annotated[Path, typer.Option(help="The store of real recordings (*.h5).")],
    synthetic: Annotated[Path, typer.Option(help="The store of synthetic windows (*.h5).")],
    task: Annotated[str | None, typer.Option(help="A task [the one they were made for].")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="A measure; may be repeated.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Results folder [runs/quality/<synthetic>].")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal figures.")] = 0,
    as_json: Json = False,
) -> None:
    """Judge synthetic windows: every measure beside its real-vs-real floor, figures, one page."""
    from faultsyn import api

    with _progress("evaluating", as_json) as progress:
        found = api.evaluate(
            real, synthetic, task=task, metrics=metric or None, out=out, seed=seed,
            progress=progress,
        )  # fmt: skip
    _show_quality(found, as_json)


def _show_quality(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _json(found)
        return
    from faultsyn.report.quality_tables import figure_text

    for label, row in found["classes"].items():
        for warning in row["warnings"]:
            _say(f"{label}: {warning}")
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
        _table(title, ["measure", "value", "floor", "better", "n", "reason"], rows)
        for name, why in row["left_out"].items():
            _say(f"left out: {name} {why}")
    _say(f"quality: {found['report']}")


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="A study: its name, or a path (*.yaml).")],
    out: Annotated[Path | None, typer.Option(help="Results folder [runs/<study>].")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes.")] = None,
    as_json: Json = False,
) -> None:
    """Run a study: one table, results.csv and report.html. Run it again to go on after a stop."""
    from faultsyn import api

    with _progress("running", as_json) as progress:
        results = api.run(study, out=out, jobs=jobs, progress=progress)
    page = api.report(results.folder or Path())
    _show_results(results, page, as_json)


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="A results folder.", metavar="RESULTS")],
    as_json: Json = False,
) -> None:
    """Write report.html and the figures of a results folder anew."""
    from faultsyn import api

    page = api.report(results)
    if as_json:
        _json({"report": str(page)})
    else:
        _say(f"report: {page}")


def _show_results(results: Results, page: Path, as_json: bool) -> None:
    from faultsyn.report import summary_table

    rows = summary_table(results)
    failed = sorted({status for status in results["status"].tolist() if status != "ok"})
    if as_json:
        _json({"summary": rows, "rows": len(results), "not_run": failed, "report": str(page)})
        return
    header = list(rows[0]) if rows else ["no results"]
    _table("Best method of each setting", header, [list(row.values()) for row in rows])
    for status in failed:
        _say(f"not run: {status} ({int((results['status'] == status).sum())} rows)")
    _say(f"results: {results.folder}/results.csv\nreport:  {page}")


if __name__ == "__main__":
    main()
