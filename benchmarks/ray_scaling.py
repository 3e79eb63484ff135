"""A study on a Ray cluster of two processors of this machine beside one process.

    python benchmarks/ray_scaling.py [--cells 6] [--trees 6000]

(a) Overhead: milliseconds that Ray adds to a cell, from cells that do nothing. Aim: under 50.
(b) Speed-up over `--jobs 1` for cells of ten seconds and more. Aim: 1.7. On a machine that does
    other work too the processor time says more: what two free cores would need is the time of this
    process and half of that of the workers, their start included.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.experiment import load_study, run_study
from faultsyn.experiment.cells import Cell
from faultsyn.experiment.plan import plan
from faultsyn.experiment.ray_workers import RayWorkers
from faultsyn.experiment.results import SCHEMA, TIMINGS
from faultsyn.store import Recording, StoreWriter, StreamData

CLASSES = ("normal", "inner", "outer")
EMPTY_CELLS = 300


def make(path: Path) -> None:
    """A store of three classes of six assets."""
    rng = np.random.default_rng(3)
    with StoreWriter(path) as writer:
        for number, label in enumerate(CLASSES):
            for unit in range(6):
                x = (1 + number) * rng.standard_normal((512, 2)).astype(np.float32)
                stream = StreamData("s", x, 16.0, ("A", "B"), ("x", "x"), ("g", "g"))
                name = f"{label}-{unit}"
                digest = hashlib.sha256(name.encode()).hexdigest()
                writer.add(Recording(name, label, (stream,), name, digest, {"asset": name}))


def study(store: Path, cells: int, trees: int) -> dict[str, Any]:
    """Cells that fit one large forest each."""
    task = {
        "name": "scaling",
        "store": str(store),
        "window": {"samples": 16, "rate": 16, "channels": ["A", "B"]},
        "label": {"column": "label", "classes": list(CLASSES), "normal": "normal"},
        "split": {"scheme": "kfold", "level": "asset", "groups": "asset", "folds": 3},
        "k": [4],
        "budget": {"text": "all normals, K shots"},
        "representation": {"features": "statistics"},
    }
    return {
        "name": "scaling",
        "tasks": [task],
        "seeds": -(-cells // 3),
        "generators": ["none"],
        "classifiers": [{"method": "random-forest", "config": {"n_trees": trees}}],
    }


def nothing(cell: Cell) -> str:
    """A cell without its work."""
    return cell.keys[0]


def worker_seconds() -> float:
    """Processor time of all Ray workers of this machine that are alive."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "cmdline").read_bytes().startswith(b"ray::"):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        except OSError:  # it has just ended
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--trees", type=int, default=6000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "s.h5")
        wanted = study(folder / "s.h5", arguments.cells, arguments.trees)
        cells = plan(load_study(wanted), folder / "plan")
        wall, here = time.perf_counter(), time.process_time()
        one = run_study(wanted, folder / "one", jobs=1, cache=folder / "a")
        wall_one, here_one = time.perf_counter() - wall, time.process_time() - here
        with RayWorkers("local", 2) as workers:
            before = worker_seconds()
            wall, here = time.perf_counter(), time.process_time()
            two = run_study(wanted, folder / "two", ray="local", cache=folder / "b")
            wall_two, here_two = time.perf_counter() - wall, time.process_time() - here
            in_workers = worker_seconds() - before
            many = (cells * EMPTY_CELLS)[:EMPTY_CELLS]
            list(workers.run(nothing, many[:20]))
            started, used = time.perf_counter(), time.process_time()
            list(workers.run(nothing, many))
            each = (time.perf_counter() - started) / len(many)
            used = (time.process_time() - used) / len(many)
    for column in SCHEMA:
        if column not in TIMINGS and one[column].dtype.kind in "Ui":
            assert one[column].tolist() == two[column].tolist(), column
    n = len(one)
    print(f"overhead {each * 1e3:.1f} ms a cell ({used * 1e3:.1f} ms processor time here)")
    print(f"{n} cells of {here_one / n:.1f} s processor time; one process {wall_one:.0f} s wall")
    print(
        f"Ray, two processors: {wall_two:.0f} s wall; processor time {here_two:.1f} s here, "
        f"{in_workers:.1f} s in the workers"
    )
    free = here_one / (here_two + in_workers / 2)
    print(f"faster by {wall_one / wall_two:.2f} (wall), {free:.2f} (two free cores); equal rows")


if __name__ == "__main__":
    main()
