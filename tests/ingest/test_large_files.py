"""Memory stays bounded whatever a file's size."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from nptdms import ChannelObject, TdmsWriter

from faultsyn.ingest import ingest
from faultsyn.ingest.card import parse_card
from faultsyn.store import Store

N = 12_000_000
MOST_MB = 40  # 48 as float32, 96 as float64


def write(path: Path, x: np.ndarray) -> None:
    if path.suffix == ".wav":
        soundfile.write(path, x, 1000)
    elif path.suffix == ".npy":
        np.save(path, x)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["x"] = x
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"x": x}), path, row_group_size=1 << 20)
    else:
        with TdmsWriter(path) as writer:
            for part in np.array_split(x, 40):
                writer.write_segment([ChannelObject("g", "x", part)])


@pytest.mark.parametrize("suffix", [".wav", ".npy", ".h5", ".parquet", ".tdms"])
def test_a_file_streams_through(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "raw").mkdir()
    x = np.resize(np.random.default_rng(0).integers(-9999, 9999, 100_003).astype(np.int16), N)
    write(tmp_path / "raw" / f"x{suffix}", x)
    rule = {
        "files": "x.*",
        "columns": {"label": "normal", "asset": "a"},
        "streams": {"s": {"rate": 1000, "channels": {"x": {"from": 1, "unit": "g"}}}},
    }
    card = parse_card({"name": "c", "title": "c", "recordings": [rule]}, "c.yaml")
    tracemalloc.start()
    try:
        ingest(card, tmp_path / "raw", tmp_path / "out.h5")
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak < MOST_MB
    with Store(tmp_path / "out.h5") as store:
        (stream,) = store.recording(0).streams
        samples = np.asarray(stream.samples)[:, 0] * (2.0**15 if stream.scale else 1)
        np.testing.assert_array_equal(samples * (stream.scale or 1), x)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wav", "csv"])
def test_four_gigabytes(tmp_path: Path, kind: str) -> None:
    """Generated, ingested in a process of its own, removed: below 500 MB resident."""
    script = Path(__file__).parents[2] / "benchmarks" / "ingest_large.py"
    arguments = ["--kind", kind, "--mb", "4000", "--dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
