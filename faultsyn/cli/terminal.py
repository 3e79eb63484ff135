"""What the verbs say: lines, JSON, tables, a bar with time left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from faultsyn.api import Progress


def say(text: str, *, err: bool = False) -> None:
    """One line."""
    typer.echo(text, err=err)


def say_json(value: Any) -> None:
    """For a machine to read."""
    say(json.dumps(value, indent=1, default=str))


@contextmanager
def progress_bar(what: str, quiet: bool) -> Iterator[Progress | None]:
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


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A table with the first column to the left, the others to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def shortened(rows: list[list[str]], most: int = 30) -> list[list[str]]:
    """The first rows, and one that says how many were left out."""
    if len(rows) <= most:
        return rows
    return [*rows[:most], [f"... and {len(rows) - most} more", *[""] * (len(rows[0]) - 1)]]
