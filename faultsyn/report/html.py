"""What every page needs: its template, a name for its files, a write in one step."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def template(name: str) -> Template:
    """A template of this package; a variable that is not given is an error."""
    environment = Environment(
        loader=PackageLoader("faultsyn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def stem(text: str) -> str:
    """`text` as a part of a file name or an anchor."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def write_text(path: Path, text: str) -> Path:
    """Replace a file in one step."""
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(made).chmod(0o644)
    Path(made).replace(path)
    return path
