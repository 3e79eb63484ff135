"""Quality figures of the very windows that a cell's classifiers were trained with.

`quality/<cell>.json` in the results folder: one file for each cell that made signals. A study that
measures can be asked which figures go with a gain in accuracy (`faultsyn.report.measure_utility`).
The real windows are those of the training side that are no shots; test groups are not touched.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.registry import build_metrics
from faultsyn.evaluate.remember import remembering
from faultsyn.experiment.cache import key_of
from faultsyn.experiment.cells import Cell
from faultsyn.experiment.data import TaskData
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.shots import Support
from faultsyn.experiment.split import Fold
from faultsyn.windows import WindowSet

MOST_REAL = 60
"""Real windows of a class that are compared with, evenly spread; half of them judge."""
MOST_MADE = 60
"""Synthetic windows of a class that are measured, evenly spread."""
MOST_CLASSES = 4
"""Classes of a cell that are measured, evenly spread: each costs seconds."""

FIGURES = "quality"
PACKED = "quality.jsonl.gz"


def measure_cell(
    cell: Cell, data: TaskData, fold: Fold, support: Support, made: WindowSet, out: Path
) -> Path:
    """Measure signals that a cell made, and keep the figures; at once or not at all.

    - `made`: synthetic windows in signal space.
    - `out`: the results folder.
    """
    classes = list(dict.fromkeys(made.labels.tolist()))
    chosen = [classes[i] for i in _spread(np.arange(len(classes)), MOST_CLASSES)]
    windows = data.windows
    unseen = np.setdiff1d(fold.train, support.all)
    shots = windows.take(support.shots)
    normal = data.healthy or windows.take(support.normals)
    place: dict[str, str | int] = {
        "task": cell.task.name,
        "split": cell.task.split.level,
        "group": cell.group,
        "k": str(cell.k),
        "seed": cell.seed,
        "generator": cell.generator.name,
    }
    rng = rng_for("measure", *place.values())
    figures = []
    with remembering():
        for label in chosen:
            real = windows.take(_spread(unseen[windows.labels[unseen] == label], MOST_REAL))
            mine = made.of(label)
            mine = mine.take(_spread(np.arange(len(mine)), MOST_MADE))
            for metric in build_metrics():
                found = metric(real, mine, rng, shots.of(label), normal if len(normal) else None)
                figures.append(
                    {
                        "label": label,
                        "measure": metric.name,
                        "direction": metric.direction,
                        "value": found.value,
                        "floor": found.floor,
                        "n": found.n,
                    }
                )
    return _write(out / FIGURES / f"{key_of(place)}.json", {**place, "figures": figures})


def read_figures(folder: Path) -> Iterator[dict[str, Any]]:
    """Every figure of a results folder with the cell it is of; none where nothing was measured.

    Published results hold them in one `quality.jsonl.gz` (`pack_figures`).
    """
    texts = [path.read_text() for path in sorted((folder / FIGURES).glob("*.json"))]
    if not texts and (folder / PACKED).is_file():
        texts = gzip.decompress((folder / PACKED).read_bytes()).decode().splitlines()
    for text in texts:
        told = json.loads(text)
        place = {name: value for name, value in told.items() if name != "figures"}
        for figure in told["figures"]:
            yield {**place, **figure}


def pack_figures(folder: Path, target: Path) -> Path:
    """The figures of a results folder as one file in `target`, a line for each cell."""
    cells = [json.loads(path.read_text()) for path in sorted((folder / FIGURES).glob("*.json"))]
    text = "".join(json.dumps(cell) + "\n" for cell in cells)
    packed = target / PACKED
    packed.write_bytes(gzip.compress(text.encode(), mtime=0))
    return packed


def _spread(index: NDArray[Any], most: int) -> NDArray[np.intp]:
    """At most so many of `index`, evenly spread."""
    at = np.linspace(0, len(index) - 1, min(len(index), most)).round().astype(int)
    kept: NDArray[np.intp] = index[at]
    return kept


def _write(path: Path, told: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=".figures-", suffix=".draft", dir=path.parent)
    with os.fdopen(handle, "w") as file:
        json.dump(told, file, indent=1)
        file.write("\n")
    Path(made).chmod(0o644)
    Path(made).replace(path)
    return path
