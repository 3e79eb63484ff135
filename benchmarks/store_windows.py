"""How fast random windows come out of a store, against the least that can be done.

(a) The store fits the memory budget: 10,000 random windows of 1024 samples against slicing an
    array that is in memory. Aim: at most 3x.
(b) It does not fit: the same windows against reading each chunk that they touch exactly once.
    Aim: at most 2x.

Both sides of a ratio are timed in turns in one run, and the best of each counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from faultsyn.store import Recording, Store, StoreWriter, StreamData, WindowSpec

N_RECORDINGS, N_SAMPLES, RATE = 60, 250_000, 12_000.0
WINDOW, N_WINDOWS, REPEATS = 1024, 10_000, 7


def make(path: Path, compressible: bool) -> None:
    """One channel of noise: stored plain, or of few distinct values and so compressed."""
    rng = np.random.default_rng(0)
    with StoreWriter(path) as writer:
        for number in range(N_RECORDINGS):
            x = rng.standard_normal((N_SAMPLES, 1)).astype(np.float32)
            x = np.round(x * 8) if compressible else x
            stream = StreamData("vibration", x, RATE, ("DE",), ("acceleration",), ("g",))
            id = f"r{number}"
            writer.add(Recording(id, "normal", (stream,), f"{id}.csv", f"{number:064x}"))


def race(*works: Callable[[], object]) -> list[float]:
    """Best time [s] of each, run in turns."""
    times = [[] for _ in works]
    for _ in range(REPEATS):
        for work, found in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
    return [min(found) for found in times]


def read_chunks(path: Path, first: NDArray[np.int64]) -> None:
    """Read and unpack each touched chunk once, and do nothing with it."""
    with h5py.File(path, rdcc_nbytes=0) as file:
        samples = file["streams/vibration/samples"]
        rows = samples.chunks[0]
        touched = np.unique(np.concatenate([first // rows, (first + WINDOW - 1) // rows]))
        for stretch in np.split(touched, np.flatnonzero(np.diff(touched) > 1) + 1):
            samples[stretch[0] * rows : (stretch[-1] + 1) * rows, 0]


def main() -> None:
    """Print the table."""
    spec = WindowSpec(WINDOW, RATE, ("DE",), stride=1)
    print(f"{'store':<12}{'case':<12}{'windows':>9}{'read ms':>9}{'least ms':>10}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("plain", "compressed"):
            path = Path(folder) / f"{kind}.h5"
            make(path, kind == "compressed")
            with Store(path) as store, Store(path, memory_budget=0) as tight:
                index = store.windows(spec)
                chosen = np.random.default_rng(1).integers(0, len(index), N_WINDOWS)
                part, tight_part = index.take(chosen), tight.windows(spec).take(chosen)
                first = part.row * N_SAMPLES + part.start_sample
                part.read()  # the channel is in memory from here on
                with h5py.File(path) as file:
                    x = file["streams/vibration/samples"][:, 0]
                times = race(
                    part.read, lambda x=x, f=first: np.stack([x[s : s + WINDOW] for s in f])
                )
                report(kind, "in memory", times)
                times = race(tight_part.read, lambda p=path, f=first: read_chunks(p, f))
                report(kind, "from disk", times)


def report(kind: str, case: str, times: list[float]) -> None:
    """One row of the table."""
    read, least = (1e3 * t for t in times)
    print(f"{kind:<12}{case:<12}{N_WINDOWS:>9}{read:>9.1f}{least:>10.1f}{read / least:>7.2f}")


if __name__ == "__main__":
    main()
