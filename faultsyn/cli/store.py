"""What a store holds, and whether it is sound."""

from __future__ import annotations

from typing import Any

import typer

from faultsyn.cli.options import Json, StorePath
from faultsyn.cli.terminal import say, say_json, shortened, table


def inspect(store: StorePath, as_json: Json = False) -> None:
    """Say what is in a store: recordings by label, assets, streams, flags."""
    from faultsyn import api

    show_store(api.inspect(store), as_json)


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
        [name, f"{row['rate']:g}", ", ".join(row["channels"]), ", ".join(row["units"])]
        for name, row in summary["streams"].items()
    ]
    table("streams", ["stream", "rate [Hz]", "channels", "units"], streams)
    for flag, count in summary["flags"].items():
        say(f"flag {flag}: {count} recordings")
