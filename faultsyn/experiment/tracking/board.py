"""A study as TensorBoard event files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.experiment.tracking.base import Points, Row


class Board:
    """Writes to `folder`: a run for each generator and classifier, a curve for each setting.

    A point is a cell, numbered in order of completion within its run and setting. Of the files,
    texts and pictures are shown; TensorBoard keeps no others.

    - `known`: rows that were logged before.

    Raises `InputError` when TensorBoard is not installed.
    """

    def __init__(self, folder: Path, known: Iterable[Row] = ()) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "tracking needs the package 'tensorboard', which is not installed",
                "pip install 'faultsyn[scale]'",
            ) from None
        self._folder = folder
        self._writer = SummaryWriter
        self._runs: dict[str, Any] = {}
        self._points = Points(known)

    def describe(self, texts: Mapping[str, str]) -> None:
        """Log texts as they are."""
        for name, text in texts.items():
            indented = "".join(f"    {line}\n" for line in text.splitlines())
            self._run("study").add_text(name, indented)

    def add(self, rows: Iterable[Row]) -> None:
        """Log finished rows; those without scores are left out."""
        for point in self._points.of(rows):
            for name, value in point.scores.items():
                self._run(point.run).add_scalar(f"{name}/{point.setting}", value, point.step)

    def keep(self, paths: Iterable[Path]) -> None:
        """Log Markdown as text and PNG files as pictures."""
        from matplotlib.image import imread

        for path in paths:
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.suffix == ".md" and file.is_file():
                    self._run("study").add_text(file.name, file.read_text())
                elif file.suffix == ".png" and file.is_file():
                    self._run("study").add_image(file.stem, imread(file), dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        while self._runs:
            self._runs.popitem()[1].close()

    def _run(self, name: str) -> Any:
        if name not in self._runs:
            self._runs[name] = self._writer(str(self._folder / name.replace("/", "-")))
        return self._runs[name]
