"""Ingesting 100 CSV files into 16 stores behind an index, with one and with two processes.

    python benchmarks/ingest_parallel.py [--files 100] [--rows 150000] [--repeat 2]

Aim: two processes at least 1.7 times faster than one, the same bytes in the stores. Wall time is
the best of each, in turns. On a machine that does other work too the processor time says more: what
two free cores would need is the time of this process plus half of that of its workers.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faultsyn.ingest import ingest_shards
from faultsyn.ingest.card import parse_card

RULE = {
    "files": "{asset}.csv",
    "columns": {"label": "normal", "asset": "{asset}"},
    "streams": {"s": {"rate": 1000, "unit": "g", "channels": {"x": {"from": 1}, "y": {"from": 2}}}},
}


@dataclass(frozen=True)
class Run:
    """Seconds of one ingest: wall, processor time here and in the workers; hash of the stores."""

    wall: float
    here: float
    workers: float
    digest: str


def generate(folder: Path, files: int, rows: int) -> None:
    """Text files of two columns."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((rows, 2))
    text = "x,y\n" + "".join(f"{a:.6f},{b:.6f}\n" for a, b in table)
    for k in range(files):
        (folder / f"pump{k:03}.csv").write_text(text + f"{k},{k}\n")


def take_in(raw: Path, jobs: int) -> Run:
    """One ingest into an empty folder."""
    card = parse_card({"name": "c", "title": "c", "recordings": [RULE]}, "c.yaml")
    with tempfile.TemporaryDirectory() as folder:
        wall, here = time.perf_counter(), time.process_time()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ingest_shards(card, raw, Path(folder) / "plant.h5", jobs=jobs)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall, here = time.perf_counter() - wall, time.process_time() - here
        digest = hashlib.sha256()
        for path in sorted(Path(folder).glob("*.h5")):
            digest.update(path.read_bytes())
    workers = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, here, workers, digest.hexdigest())


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--repeat", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), arguments.files, arguments.rows)
        runs = [[take_in(Path(folder), jobs) for jobs in (1, 2)] for _ in range(arguments.repeat)]
    one, two = (min(column, key=lambda run: run.wall) for column in zip(*runs, strict=True))
    assert len({run.digest for pair in runs for run in pair}) == 1, "the stores differ"
    print(f"one process:   {one.wall:.1f} s wall, {one.here:.1f} s processor time")
    print(
        f"two processes: {two.wall:.1f} s wall, processor time {two.here:.1f} s here, "
        f"{two.workers:.1f} s in the workers"
    )
    free = one.here / (two.here + two.workers / 2)
    print(f"faster by {one.wall / two.wall:.2f} (wall), {free:.2f} (two free cores); same bytes")


if __name__ == "__main__":
    main()
