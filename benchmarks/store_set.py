"""A store set of 10,000 recordings in 100 files beside one store of the same recordings.

    python benchmarks/store_set.py [--recordings 10000] [--files 100] [--samples 20000]

(a) Opening the set. Aim: under 1 s.
(b) A random batch of 256 windows of 1024 samples from disk, the first one (every file is opened and
    checked) and the ones after it. Aim: at most twice the time of the single store.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from faultsyn.store import Recording, Store, StoreWriter, StreamData, WindowSpec, join_stores

RATE, WINDOW, BATCH, BATCHES = 12_000.0, 1024, 256, 12


def make(path: Path, numbers: range, samples: int) -> None:
    """A store of some of the recordings: noise, two channels."""
    with StoreWriter(path) as writer:
        for number in numbers:
            x = np.random.default_rng(number).standard_normal((samples, 2), np.float32)
            names = ("DE", "FE"), ("acceleration",) * 2, ("g",) * 2
            stream = StreamData("vibration", x, RATE, *names)
            columns = {"asset": f"a{number % 997}", "rpm": 1500.0 + number % 7}
            writer.add(
                Recording(
                    f"r{number:06}", "normal", (stream,), f"{number}.csv", f"{number:064x}", columns
                )
            )


def opening(path: Path) -> float:
    """Seconds to open and to know every recording."""
    started = time.perf_counter()
    with Store(path) as store:
        len(store)
    return time.perf_counter() - started


def batches(stores: list[Store]) -> list[list[float]]:
    """Seconds of each of `BATCHES` batches, the stores in turns."""
    rng = np.random.default_rng(0)
    indices = [store.windows(WindowSpec(WINDOW, RATE, ("DE",))) for store in stores]
    times: list[list[float]] = [[] for _ in stores]
    for _ in range(BATCHES):
        pick = rng.integers(0, len(indices[0]), BATCH)
        for index, found in zip(indices, times, strict=True):
            started = time.perf_counter()
            index.read(pick)
            found.append(time.perf_counter() - started)
    return times


def main() -> None:
    """Make both, time both, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--samples", type=int, default=20_000)
    arguments = parser.parse_args()
    n, files = arguments.recordings, arguments.files
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make(base / "one.h5", range(n), arguments.samples)
        edges = np.linspace(0, n, files + 1).astype(int).tolist()
        paths = []
        for k in range(files):
            paths.append(base / f"part-{k:03}.h5")
            make(paths[-1], range(edges[k], edges[k + 1]), arguments.samples)
        started = time.perf_counter()
        join_stores(paths, base / "set.h5")
        joining = time.perf_counter() - started
        size = sum(path.stat().st_size for path in paths) / 1e9
        print(f"{n} recordings in {files} files, {size:.2f} GB; indexed in {joining:.2f} s")
        set_, one = (min(opening(base / f"{k}.h5") for _ in range(5)) for k in ("set", "one"))
        print(f"opening: set {set_ * 1e3:.0f} ms, one store {one * 1e3:.0f} ms")
        with (
            Store(base / "one.h5", memory_budget=0) as single,
            Store(base / "set.h5", memory_budget=0) as many,
        ):
            assert single.data_hash == many.data_hash
            alone, together = batches([single, many])
        print(
            f"first batch of {BATCH}: set {together[0] * 1e3:.0f} ms, one {alone[0] * 1e3:.0f} ms"
        )
        best, other = min(together[1:]), min(alone[1:])
        print(
            f"later batches: set {best * 1e3:.1f} ms, one {other * 1e3:.1f} ms, "
            f"ratio {best / other:.2f}"
        )


if __name__ == "__main__":
    main()
