"""Diagnosers for a box beside the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import say, say_json


def export(
    artifact: Annotated[Path, typer.Argument(help="Folder of a trained diagnoser.")],
    out: Annotated[Path, typer.Option(help="The ONNX file (*.onnx).")],
    store: Annotated[
        Path | None,
        typer.Option(help="Recordings that the file is checked on (default: the task's)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a diagnoser, preprocessing and all, as one ONNX file, and check what it answers."""
    from faultsyn import api

    found = api.export(artifact, out=out, store=store)
    if as_json:
        say_json(found)
        return
    channels = [
        f"{name} [{unit}]" if unit else name
        for name, unit in zip(found["channels"], found["units"], strict=True)
    ]
    say(
        f"{found['path']}: {found['classifier']} on {found['features']} features, "
        f"{found['bytes'] / 1e6:.1f} MB\n"
        f"windows of {found['samples']} samples at {found['rate']:g} Hz, {', '.join(channels)}\n"
        f"classes: {', '.join(found['classes'])}\n"
        f"largest difference in probability on {found['checked']} windows: "
        f"{found['difference']:.1g}"
    )
