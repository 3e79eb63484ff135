"""What a store holds, and whether it is sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.options import Json, StorePath
from faultsyn.cli.terminal import say, say_json, shortened, table


def inspect(
    store: StorePath,
    plot: Annotated[
        Path | None, typer.Option(help="Folder for a page and figures of examples.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a store: recordings by label, asset and condition; streams, gaps, flags."""
    from faultsyn import api

    summary = api.inspect(store, plot=plot)
    show_store(summary, as_json)
    if plot is not None and not as_json:
        say(f"page: {summary['page']}")


def validate(store: StorePath, as_json: Json = False) -> None:
    """Check a store: schema, offsets, checksums. Exit code 2 when something is wrong."""
    from faultsyn import api

    problems = api.validate(store)
    if as_json:
        say_json({"path": str(store), "problems": problems})
    else:
        say("\n".join(problems) if problems else f"{store}: sound")
    if problems:
        raise typer.Exit(2)


def join(
    stores: Annotated[list[str], typer.Argument(help="Stores (*.h5), in their order.")],
    out: Annotated[Path, typer.Option(help="The index to write (*.h5).")],
    as_json: Json = False,
) -> None:
    """Put several stores behind one index, which opens as one store; nothing is copied."""
    from faultsyn import api

    show_store(api.join(stores, out=out), as_json)


def show_store(summary: dict[str, Any], as_json: bool) -> None:
    """What `api.inspect` returned, as tables."""
    if as_json:
        say_json(summary)
        return
    labels = [
        [name, str(row["recordings"]), str(row["assets"]), f"{row['seconds']:.1f}"]
        for name, row in summary["labels"].items()
    ]
    header = ["label", "recordings", "assets", "seconds"]
    table(summary["path"], header, shortened(labels))
    streams = [
        [
            name,
            f"{row['rate']:g}",
            ", ".join(row["channels"]),
            ", ".join(dict.fromkeys(row["units"])),
            f"{row['shortest']:.4g} to {row['longest']:.4g}",
        ]
        for name, row in summary["streams"].items()
    ]
    table("streams", ["stream", "rate [Hz]", "channels", "units", "seconds"], streams)
    told = [[name, condition_text(row)] for name, row in summary["conditions"].items()]
    table("conditions", ["column", "values (recordings)"], told)
    for name, row in summary["streams"].items():
        for what, n in row["missing"].items():
            if n:
                say(f"{n} recordings lack {'the stream' if what == 'stream' else what} of {name}")
    for flag, count in summary["flags"].items():
        say(f"flag {flag}: {count} recordings")


def condition_text(row: dict[str, Any]) -> str:
    """Values of a condition with their counts, or its range."""
    lacking = f"; {row['missing']} without" if row["missing"] else ""
    if "values" in row:
        return ", ".join(f"{value} ({n})" for value, n in row["values"].items()) + lacking
    if "range" in row:
        return f"{row['range'][0]:g} to {row['range'][1]:g}{lacking}"
    return f"{row['distinct']} different{lacking}"
