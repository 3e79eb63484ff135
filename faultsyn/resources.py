"""Where named files are: a path wins, then the working tree, then the installed package."""

from __future__ import annotations

import difflib
from pathlib import Path

from faultsyn.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def _roots(folder: str) -> list[Path]:
    installed = _PACKAGE / "_resources" / folder
    beside = _PACKAGE.parent / folder  # an editable install
    return [Path.cwd() / folder, installed if installed.is_dir() else beside]


def available(folder: str, suffix: str = ".yaml") -> list[str]:
    """Names that `find` would resolve in `folder` ("data", "models", "experiments/tasks", ...)."""
    return sorted({p.stem for root in _roots(folder) for p in root.glob(f"*{suffix}")})


def layers(name: str, folder: str, suffix: str) -> list[Path]:
    """Every file of that name, each once, the installed one first: later ones add and replace."""
    paths = [root / f"{name}{suffix}" for root in reversed(_roots(folder))]
    return list(dict.fromkeys(path.resolve() for path in paths if path.is_file()))


def find(name: str | Path, folder: str, suffix: str = ".yaml") -> Path:
    """The file that `name` means in `folder`.

    Raises `InputError` with the nearest known name when there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix != suffix and len(path.parts) == 1:
        for root in _roots(folder):
            candidate = root / f"{name}{suffix}"
            if candidate.is_file():
                return candidate
    known = available(folder, suffix)
    near = difflib.get_close_matches(path.stem, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
    raise InputError(f"no {folder} file '{name}'", hint)
