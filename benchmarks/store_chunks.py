"""Which chunk length and compression suit a store: measured on real recordings where they exist.

Prints, for each kind of signal, size, writing and reading speed of one channel-wise dataset, and
the time of one random window of 1024 samples read by itself. Times are processor time, so that
other programs and the disk (the files lie in the page cache) do not blur them. The choice and the
figures behind it are recorded in `faultsyn/store/schema.py`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

ROWS = (4096, 16384, 65536)
CODECS: dict[str, dict[str, Any]] = {
    "none": {},
    "lzf": {"compression": "lzf", "shuffle": True},
    "deflate 1": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "deflate 4": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
}
WINDOW, N_WINDOWS = 1024, 100
N_SAMPLES = 4_000_000


def signals() -> Iterator[tuple[str, NDArray[Any]]]:
    """Kinds of signals, each as one long channel."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("FAULTSYN_DATA", beside))
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(N_SAMPLES).astype(np.float32)
    yield "white noise, float32", noise
    files = sorted(root.glob("cwru/**/*.mat"))[:24]
    if files:
        found = [loadmat(file) for file in files]
        names = [[k for k in mat if k.endswith("_time")] for mat in found]
        x = np.concatenate([m[k][:, 0] for m, keys in zip(found, names, strict=True) for k in keys])
        yield "vibration (CWRU), float32", x[:N_SAMPLES].astype(np.float32)
        yield (
            "vibration (CWRU), int16",
            np.round(x[:N_SAMPLES] / np.abs(x).max() * 32767).astype("i2"),
        )
    runs = sorted(root.glob("tep/d*_te.dat"))
    if runs:
        x = np.concatenate([np.loadtxt(file).T.ravel() for file in runs])
        yield "process (TEP), float32", x.astype(np.float32)
    valves = root / "zema" / "native" / "CP.txt.gz"
    if valves.is_file():
        yield "slow sensor (ZeMA), float32", np.loadtxt(valves).astype(np.float32).ravel()


def measure(path: Path, x: NDArray[Any], rows: int, codec: dict[str, Any]) -> list[float]:
    """Share of the raw size, writing and reading speed [MB/s], one random window [ms]."""

    def write() -> None:
        with h5py.File(path, "w", rdcc_nbytes=0) as file:
            data = file.create_dataset(
                "samples",
                (len(x), 1),
                x.dtype,
                chunks=(rows, 1),
                maxshape=(None, None),
                fletcher32=True,
                **codec,
            )
            for start in range(0, len(x), 64 * rows):
                data[start : start + 64 * rows, 0] = x[start : start + 64 * rows]

    def read() -> None:
        with h5py.File(path) as file:
            for start in range(0, len(x), 64 * rows):
                file["samples"][start : start + 64 * rows, 0]

    starts = np.random.default_rng(1).integers(0, len(x) - WINDOW, N_WINDOWS)

    def windows() -> None:
        with h5py.File(path, rdcc_nbytes=0) as file:
            data = file["samples"]
            for start in starts:
                data[start : start + WINDOW, 0]

    megabytes = x.nbytes / 1e6
    writing, reading, random = best(write), best(read), best(windows)
    size = path.stat().st_size / x.nbytes
    return [size, megabytes / writing, megabytes / reading, random * 1e3 / N_WINDOWS]


def best(work: Callable[[], None], repeats: int = 3) -> float:
    """Least processor time of a few runs [s]."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.h5"
        head = ("rows", "codec", "size %", "write MB/s", "read MB/s", "1 window ms")
        for name, x in signals():
            print(f"\n{name}: {x.nbytes / 1e6:.1f} MB")
            print("{:>6}  {:<10}{:>8}{:>12}{:>11}{:>13}".format(*head))
            for rows in ROWS:
                for codec, options in CODECS.items():
                    size, writing, reading, random = measure(path, x, rows, options)
                    print(
                        f"{rows:>6}  {codec:<10}{100 * size:>8.1f}{writing:>12.0f}"
                        f"{reading:>11.0f}{random:>13.2f}"
                    )


if __name__ == "__main__":
    main()
