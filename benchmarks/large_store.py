"""A store set that is larger than the memory allowed: a study on its features, and pretraining.

    python benchmarks/large_store.py [--gb 20] [--limit-gb 2] [--steps 20] [--dir FOLDER]

The set is made store by store, worked on in processes that may allocate no more than the limit (a
map of a file is not allocated), and removed. One process cuts all windows, extracts features and
runs a study; another pretrains `ddpm` on all healthy windows. It takes twice the set's size on
disk: windows are copied once, and those of the study are removed before pretraining. Prints
seconds and what was allocated at most. Exit code 1 when a process fails.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.store import Recording, StoreWriter, StreamData, join_stores

Work = Callable[[Path, Path, int], str]

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
        "representation": {"features": "log-spectrum", "params": {"bands": 16}},
    }


def healthy_task(store: Path) -> dict[str, Any]:
    """A few windows of each class, and all healthy windows of the set to pretrain on."""
    return {
        **task(store),
        "where": {"asset": [f"a{k}" for k in range(40)]},
        "healthy": {"where": [{"label": "normal"}]},
        "cap": {"columns": ["asset"], "n": 4},
    }


def features(store: Path, cache: Path, _: int) -> str:
    """A study of all windows."""
    from faultsyn.experiment import run_study

    study = {
        "name": "large",
        "tasks": [task(store)],
        "seeds": 1,
        "generators": ["none"],
        "classifiers": ["nearest-mean"],
    }
    results = run_study(study, cache / "out", cache=cache / "arrays")
    if set(results["status"].tolist()) != {"ok"}:
        raise RuntimeError(results["status"].tolist())
    return f"study on the features of {int(results['n_test_windows'].sum())} windows"


def pretraining(store: Path, cache: Path, steps: int) -> str:
    """Plain diffusion on all healthy windows, scaled by all of them."""
    from faultsyn.experiment.task import load_task
    from faultsyn.experiment.training import pretrain_generator

    preset = cache / "ddpm.yaml"
    config = {"scaling": "normal", "width": 16, "crop": 1024, "pretrain_steps": steps}
    preset.write_text(
        json.dumps({"kind": "generator", "method": "ddpm", "n_synthetic": 0, "config": config})
    )
    made = pretrain_generator(
        load_task(healthy_task(store)), preset, cache / "model", cache=cache / "arrays"
    )
    return (
        f"{steps} steps of pretraining on {made.provenance_['pretrain']['windows']} healthy "
        f"windows, deviation {float(made.normal_scaler_.deviation[0]):.4f}"
    )


def work(what: Work, store: Path, cache: Path, steps: int, limit: int, answer: Any) -> None:
    """In a process of its own, under the limit."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            held = Path("/proc/self/status").read_text()
            fields = dict(line.split(":", 1) for line in held.splitlines())
            most[0] = max(most[0], int(fields["VmData"].split()[0]) / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started, used = time.perf_counter(), time.process_time()
    try:
        told = what(store, cache, steps)
    finally:
        done.set()
        watcher.join()
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    answer.put(f"{told}: {wall:.0f} s wall, {cpu:.0f} s processor, {most[0]:.2f} GB allocated")


def main() -> int:
    """Make, work, remove, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=20.0)
    parser.add_argument("--limit-gb", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=20)
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
        print(f"{arguments.gb:g} GB made in {making:.0f} s; limit {arguments.limit_gb:g} GB")
        context = multiprocessing.get_context("spawn")
        answer = context.Queue()
        limit = int(arguments.limit_gb * (1 << 30))
        for what in (features, pretraining):
            cache = folder / what.__name__
            cache.mkdir()
            process = context.Process(
                target=work, args=(what, store, cache, arguments.steps, limit, answer)
            )
            process.start()
            process.join()
            if process.exitcode:
                print(f"{what.__name__} failed under {arguments.limit_gb:g} GB")
                return 1
            print(answer.get(), flush=True)
            shutil.rmtree(cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())
