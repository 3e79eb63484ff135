"""Keeping a diagnoser up to date: add a fault, learn healthy anew, take it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.plant import ArtifactPath, Card
from faultsyn.cli.terminal import say, say_json, table

Yes = Annotated[bool, typer.Option("--yes", help="Keep it without asking.")]


def add_fault(
    artifact: ArtifactPath,
    label: Annotated[str, typer.Option(help="The fault.")],
    windows: Annotated[list[Path], typer.Option(help="Recordings of it; may be repeated.")],
    card: Card = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Teach a diagnoser one fault more; shows what that does to the others before it is kept."""
    from faultsyn import api

    ask = _asked(_show_effect, yes, as_json)
    found = api.add_fault(artifact, label=label, windows=windows, card=card, confirm=ask)
    _told(found, as_json)


def rebaseline(
    artifact: ArtifactPath,
    sources: Annotated[list[Path], typer.Argument(help="Healthy files, folders or stores.")],
    card: Card = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Learn anew what healthy looks like, after maintenance; shows what moves before it is kept."""
    from faultsyn import api

    ask = _asked(_show_moves, yes, as_json)
    found = api.rebaseline(artifact, sources, card=card, confirm=ask)
    _told(found, as_json)


def undo(artifact: ArtifactPath, as_json: Json = False) -> None:
    """Take back the last add-fault or rebaseline."""
    from faultsyn import api

    found = api.undo(artifact)
    if as_json:
        say_json(found)
    else:
        say(f"{found['path']}: as before; classes {', '.join(found['classes'])}")


def _asked(
    show: Callable[[dict[str, Any]], None], yes: bool, as_json: bool
) -> Callable[[dict[str, Any]], bool]:
    """What asks a person, or, where a machine reads, keeps only with --yes."""

    def ask(effect: dict[str, Any]) -> bool:
        if not as_json:
            show(effect)
        return yes or (not as_json and typer.confirm("keep it?"))

    return ask


def _told(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(found)
    elif found["kept"]:
        say(f"kept: {found['path']}; `faultsyn undo {found['path']}` takes it back")
    else:
        say("not kept")


def _show_effect(effect: dict[str, Any]) -> None:
    rows = [
        [name, _share(row["before"]), _share(row["after"])]
        for name, row in effect["classes"].items()
    ]
    alarms = effect["false_alarms"]
    rows.append(["false alarms", _share(alarms["before"]), _share(alarms["after"])])
    title = f"{effect['label']}: {effect['windows']} windows; recognised on held-out windows"
    table(title, ["class", "before", "after"], rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _show_moves(effect: dict[str, Any]) -> None:
    rows = [
        [
            state,
            f"{row['channel']} {row['statistic']}",
            f"{row['before']:.4g}",
            f"{row['after']:.4g}",
            f"{row['deviations']:+.1f}",
        ]
        for state, moved in effect["states"].items()
        for row in moved
    ]
    table("healthy levels", ["state", "level", "before", "after", "deviations"], rows)
    told = ", ".join(f"{name} {count}" for name, count in effect["verdicts"].items())
    say(f"verdicts on these recordings: {told}")
