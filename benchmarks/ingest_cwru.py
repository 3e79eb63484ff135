"""Ingesting the CWRU files against only loading them: wall time of both in one run.

    python benchmarks/ingest_cwru.py RAW [--repeat 3]

RAW is the folder with the .mat files. Target: at most twice the time of scipy.io.loadmat.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import scipy.io

from faultsyn.ingest import ingest, load_card

TARGET = 2.0


def load(files: list[Path]) -> float:
    """Seconds to load every file."""
    started = time.perf_counter()
    for path in files:
        scipy.io.loadmat(path)
    return time.perf_counter() - started


def take_in(raw: Path) -> float:
    """Seconds to ingest every file into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        return ingest(load_card("cwru"), raw, Path(folder) / "cwru.h5").seconds


def main() -> int:
    """Print both times and their ratio; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FAULTSYN_DATA", "data")) / "cwru"
    parser.add_argument("raw", type=Path, nargs="?", default=default)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    files = sorted(arguments.raw.rglob("*.mat"))
    if not files:
        print(f"no .mat files below {arguments.raw}; name the folder, or set FAULTSYN_DATA")
        return 0
    # Interleaved, so that whatever else the machine does meets both; the best of each counts.
    times = [(load(files), take_in(arguments.raw)) for _ in range(arguments.repeat)]
    loading, ingesting = (min(column) for column in zip(*times, strict=True))
    ratio = ingesting / loading
    print(f"{len(files)} files: loadmat {loading:.2f} s, ingest {ingesting:.2f} s")
    print(f"ratio {ratio:.2f}, target at most {TARGET}")
    return int(ratio > TARGET)


if __name__ == "__main__":
    sys.exit(main())
