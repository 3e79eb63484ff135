"""A study on a store set that is larger than the memory allowed: windows cut, features extracted.

    python benchmarks/large_store.py [--gb 20] [--limit-gb 2] [--dir FOLDER]

The set is made store by store, worked on in a process that may allocate no more than the limit (a
map of a file is not allocated), and removed. It takes twice its size on disk: windows are copied
once. Prints seconds and what was allocated. Exit code 1 when the process fails.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.store import Recording, StoreWriter, StreamData, join_stores

RATE, SECONDS, WINDOW = 12_000.0, 60, 4096
RECORDING_BYTES = int(RATE) * SECONDS * 4


def make(folder: Path, gigabytes: float) -> Path:
    """An index of stores of a quarter of a gigabyte: noise, one recording in eight with a fault."""
    recordings = max(8, int(gigabytes * 1e9 / RECORDING_BYTES))
    each = max(1, int(0.25e9 / RECORDING_BYTES))
    paths = []
    for first in range(0, recordings, each):
        paths.append(folder / f"part-{first:06}.h5")
        with StoreWriter(paths[-1]) as writer:
            for k in range(first, min(first + each, recordings)):
                label = "inner" if k % 8 == 7 else "normal"
                rng = np.random.default_rng(k)
                x = rng.standard_normal((int(RATE) * SECONDS, 1), np.float32)
                x[::400] += 8.0 * (label == "inner")
                names = ("DE",), ("acceleration",), ("g",)
                stream = StreamData("vibration", x, RATE, *names)
                columns = {"asset": f"a{k}", "rpm": 1800.0}
                writer.add(Recording(f"r{k:06}", label, (stream,), f"{k}", f"{k:064x}", columns))
    join_stores(paths, folder / "set.h5")
    return folder / "set.h5"


def task(store: Path) -> dict[str, Any]:
    """All windows of the set."""
    return {
        "name": "large",
        "store": str(store),
        "window": {"samples": WINDOW, "rate": RATE, "channels": ["DE"]},
        "label": {"column": "label", "classes": ["normal", "inner"], "normal": "normal"},
        "split": {"scheme": "kfold", "level": "asset", "groups": "asset", "folds": 2},
        "k": [5],
        "budget": {"text": "all normals, K shots"},
        "representation": {"features": "statistics"},
    }


def work(store: Path, cache: Path, limit: int, answer: Any) -> None:
    """In a process of its own: a study of all windows."""
    from faultsyn.experiment import run_study

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    study = {
        "name": "large",
        "tasks": [task(store)],
        "seeds": 1,
        "generators": ["none"],
        "classifiers": ["nearest-mean"],
    }
    started = time.perf_counter()
    results = run_study(study, cache / "out", cache=cache / "arrays")
    features = time.perf_counter() - started
    held = Path("/proc/self/status").read_text()
    fields = dict(line.split(":", 1) for line in held.splitlines())
    answer.put(
        {
            "rows": len(results.ok()),
            "windows": int(results["n_test_windows"].sum()),
            "features": features,
            "allocated": int(fields["VmData"].split()[0]) / 1e6,
        }
    )


def main() -> int:
    """Make, work, remove, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=20.0)
    parser.add_argument("--limit-gb", type=float, default=2.0)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < 2.2e9 * arguments.gb:
            print(f"{folder}: not enough room for twice {arguments.gb:g} GB")
            return 1
        started = time.perf_counter()
        store = make(folder, arguments.gb)
        making = time.perf_counter() - started
        context = multiprocessing.get_context("spawn")
        answer = context.Queue()
        limit = int(arguments.limit_gb * (1 << 30))
        process = context.Process(target=work, args=(store, folder / "cache", limit, answer))
        process.start()
        process.join()
        if process.exitcode:
            print(f"failed under {arguments.limit_gb:g} GB")
            return 1
        found = answer.get()
    print(f"{arguments.gb:g} GB made in {making:.0f} s")
    print(
        f"limit {arguments.limit_gb:g} GB: features of {found['windows']} windows in "
        f"{found['features']:.0f} s, {found['allocated']:.2f} GB allocated at the end"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
