"""Ingesting one large file: time and peak resident memory in a process of its own.

    python benchmarks/ingest_large.py [--kind csv|wav] [--mb 2000] [--columns 8] [--dir FOLDER]

The file is generated, ingested and removed. Target: below 500 MB resident, whatever its size.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from faultsyn.ingest import ingest
from faultsyn.ingest.card import parse_card
from faultsyn.store import Store

TARGET_MB = 500
RATE = 10_000


def generate_wav(path: Path, megabytes: float, columns: int) -> int:
    """Write 16-bit sound; the number of its samples a channel."""
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal((100_000, columns)) * 3000).astype(np.int16)
    rows = 0
    with soundfile.SoundFile(path, "w", RATE, columns, "PCM_16") as file:
        while rows * columns * 2 < megabytes * 1e6:
            file.write(noise)
            rows += len(noise)
    return rows


def generate_csv(path: Path, megabytes: float, columns: int) -> int:
    """Write a CSV with a time column; the number of its rows."""
    rng = np.random.default_rng(0)
    rows = 0
    with path.open("w") as file:
        file.write("t," + ",".join(f"c{k}" for k in range(columns)) + "\n")
        noise = rng.standard_normal((50_000, columns))
        tails = [",".join(f"{v:.6f}" for v in row) for row in noise]
        while file.tell() < megabytes * 1e6:
            file.writelines(f"{(rows + k) / RATE:.4f},{t}\n" for k, t in enumerate(tails))
            rows += len(tails)
    return rows


def take_in(raw: str, out: str, columns: int, answer: Any) -> None:
    """Ingest in this process and send back seconds and peak resident megabytes."""
    sound = next(Path(raw).iterdir()).suffix == ".wav"
    channels = {
        f"c{k}": {"from": k + 1 if sound else f"c{k}", "quantity": "voltage", "unit": "V"}
        for k in range(columns)
    }
    rate = {"file_rate": "header"} if sound else {"rate": RATE, "time": "t"}
    card = parse_card(
        {
            "name": "large",
            "title": "One large file",
            "recordings": [
                {
                    "files": "large.*",
                    "columns": {"label": "normal", "asset": "a"},
                    "streams": {"s": {**rate, "channels": channels}},
                }
            ],
        },
        "benchmark",
    )
    seconds = ingest(card, Path(raw), Path(out)).seconds
    answer.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> int:
    """Print size, time and peak memory; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("csv", "wav"), default="csv")
    parser.add_argument("--mb", type=float, default=2000)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as folder:
        raw, out = Path(folder) / "raw", Path(folder) / "x.h5"
        raw.mkdir()
        started = time.perf_counter()
        path = raw / f"large.{arguments.kind}"
        generate = generate_wav if arguments.kind == "wav" else generate_csv
        rows = generate(path, arguments.mb, arguments.columns)
        size = path.stat().st_size / 1e6
        print(f"{size:.0f} MB, {rows} rows written in {time.perf_counter() - started:.0f} s")
        context = multiprocessing.get_context("spawn")  # a fresh process: its peak is its own
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=take_in, args=(str(raw), str(out), arguments.columns, send))
        child.start()
        seconds, peak = receive.recv()
        child.join()
        with Store(out) as store:
            assert store.streams["s"].n_samples == rows
    print(f"ingested in {seconds:.0f} s ({size / seconds:.0f} MB/s), peak {peak:.0f} MB resident")
    print(f"target below {TARGET_MB} MB")
    return int(peak >= TARGET_MB)


if __name__ == "__main__":
    sys.exit(main())
