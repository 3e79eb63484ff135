"""Options and arguments that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine to read.")]
StorePath = Annotated[
    str, typer.Argument(help="The store (*.h5), or an address of one.", metavar="STORE")
]
