"""What `diagnose` costs: `python benchmarks/plant_speed.py CWRU_FOLDER`.

One 10 s CWRU file after start-up, and a folder of 1,000 files of one second with a corrupt one in
the middle: seconds and the largest memory of the process, which runs on one thread.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from faultsyn import api
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import diagnose

CARD = """
name: pieces
title: One-second pieces as NumPy files
recordings:
  - regex: 'piece(?P<number>\\d+)\\.npy'
    id: "{stem}"
    columns: {label: "", asset: "{stem}", location: drive_end, rpm: 1797, bearing: "6205"}
    streams:
      vibration:
        rate: 12000
        quantity: acceleration
        unit: g
        channels: {DE: {from: 1}}
"""
FILES = 1000
MODEL = Path("models/plant-speed")


def memory() -> float:
    """Largest resident memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def pieces(folder: Path) -> None:
    """Noise with the rig's level, and one file that is none."""
    rng = np.random.default_rng(0)
    for number in range(FILES):
        x = rng.standard_normal(12000).astype(np.float32)
        np.save(folder / f"piece{number:04}.npy", x)
    (folder / f"piece{FILES // 2:04}.npy").write_bytes(b"\x93NUMPY\x01\x00broken")


def main() -> None:
    """Train once, then measure in a process that has not trained."""
    if not MODEL.is_dir():
        api.train("data/cwru.h5", task="cwru-bearing-4096", classifier="nearest-mean", out=MODEL)
        sys.exit("trained; run it again to measure without what training left in memory")
    recording = sorted(Path(sys.argv[1]).rglob("105_0.mat"))[0]
    diagnoser = Diagnoser.load(MODEL)
    next(iter(diagnose(diagnoser, [recording], card="cwru")))
    started, cpu = time.perf_counter(), time.process_time()
    (made,) = diagnose(diagnoser, [recording], card="cwru")
    print(
        f"{recording.name}: {made.windows} windows, {time.perf_counter() - started:.2f} s wall, "
        f"{time.process_time() - cpu:.2f} s processor, {memory():.0f} MB"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pieces"
        folder.mkdir()
        pieces(folder)
        (Path(name) / "pieces.yaml").write_text(CARD)
        before, started, cpu = memory(), time.perf_counter(), time.process_time()
        found = Counter(
            one.status for one in diagnose(diagnoser, [folder], card=Path(name) / "pieces.yaml")
        )
    print(
        f"{FILES} files: {dict(found)}, {time.perf_counter() - started:.0f} s wall, "
        f"{time.process_time() - cpu:.0f} s processor, {before:.0f} MB before, {memory():.0f} after"
    )


if __name__ == "__main__":
    main()
