"""Damaged files of every format, and what an ingest makes of them.

    python tests/ingest/fuzz_files.py FOLDER SEED N

Ingests N damaged files below FOLDER in this process and prints a JSON summary; raises when
something goes wrong that no damaged file may cause.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
import soundfile
from nptdms import ChannelObject, TdmsWriter

from faultsyn.errors import FaultsynError
from faultsyn.ingest import Card, ingest
from faultsyn.ingest.card import parse_card
from faultsyn.store import Store, validate

N = 600
MOST_SECONDS = 20.0
"""A damaged file that takes longer than this hangs."""


def healthy(folder: Path) -> list[Path]:
    """A sound file of every format, each with a channel of `N` samples."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(N)
    table = np.stack([np.arange(N) / 10, x], axis=1)
    np.savetxt(folder / "a.csv", table, "%.4f", ";", header="t;x", comments="")
    with gzip.open(folder / "b.csv.gz", "wb") as packed:
        packed.write((folder / "a.csv").read_bytes())
    np.save(folder / "c.npy", x)
    np.savez(folder / "d.npz", x=x)
    np.savez_compressed(folder / "e.npz", x=x)
    scipy.io.savemat(folder / "f.mat", {"s": {"x": x}})
    scipy.io.savemat(folder / "g.mat", {"x": x}, do_compression=True)
    with h5py.File(folder / "h.mat", "w", userblock_size=512) as file:
        file["x"] = x[None]
        file["x"].attrs["MATLAB_class"] = np.bytes_("double")
    with (folder / "h.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124))
    with h5py.File(folder / "i.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(100,), compression="gzip", fletcher32=True)
        file["note"] = "text"
    soundfile.write(folder / "j.wav", (x * 1000).astype("int16"), 10)
    soundfile.write(folder / "k.flac", (x * 1000).astype("int16"), 10)
    pq.write_table(pa.table({"x": x, "s": ["a"] * N}), folder / "l.parquet", row_group_size=200)
    with TdmsWriter(folder / "m.tdms") as writer:
        for k in range(3):
            part = x[k * 200 : (k + 1) * 200]
            writer.write_segment([ChannelObject("g", "x", part, {"wf_increment": 0.1})])
    for name, binary in (("n.uff", False), ("o.unv", True)):
        (folder / name).write_bytes(universal(x, binary))
    return sorted(folder.iterdir())


def universal(x: np.ndarray, binary: bool) -> bytes:
    """A dataset 58 by the letter of the format."""
    kind = f"    58b{1:6}{2:6}{11:12}{8 * len(x):12}{0:6}{0:6}{0:12}{0:12}" if binary else "    58"
    lines = ["    -1", kind, "x", *["NONE"] * 4]
    lines.append(f"{1:5}{0:10}{0:5}{0:10} {'NONE':10}{1:10}{1:4} {'NONE':10}{1:10}{1:4}")
    lines.append(f"{4:10}{len(x):10}{1:10}{0:13.5e}{0.1:13.5e}{0:13.5e}")
    lines += [f"{17:10}{0:5}{0:5}{0:5} {'NONE':20} {'s':20}"] + [
        f"{12:10}{0:5}{0:5}{0:5} {'NONE':20} {'g':20}"
    ] * 3
    head = "\n".join(lines).encode() + b"\n"
    if binary:
        return head + x.astype("<f8").tobytes() + b"    -1\n"
    rows = ["".join(f"{v:20.12e}" for v in x[k : k + 4]) for k in range(0, len(x), 4)]
    return head + "\n".join(rows).encode() + b"\n    -1\n"


def damage(content: bytes, rng: np.random.Generator) -> tuple[bytes, bool]:
    """The bytes with one kind of damage; True when the end was cut off."""
    data = bytearray(content)
    kind = int(rng.integers(6))
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    if kind == 0:
        return content[:at], True
    if kind == 1:
        for place in rng.integers(0, len(data), int(rng.integers(1, 9))).tolist():
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        data[at : at + length] = b"\x00" * len(data[at : at + length])
    elif kind == 3:
        data[at : at + length] = b"\xff" * len(data[at : at + length])
    elif kind == 4:
        del data[at : at + length]
    else:
        data[at:at] = rng.bytes(length)
    # The head decides most, so half of the damage falls there too.
    if rng.random() < 0.5:
        data[int(rng.integers(min(len(data), 512)))] = int(rng.integers(256))
    return bytes(data), False


def card() -> Card:
    """One that fits all of them."""
    rule = {
        "files": "*",
        "id": "{name}",
        "columns": {"label": "normal", "asset": "{name}"},
        "streams": {
            "s_{name}": {
                "rate": 10,
                "unit": "g",
                "channels": {"x": {"from": ["x", "s.x", "g/x", "data", 1]}},
            }
        },
    }
    return parse_card({"name": "f", "title": "f", "recordings": [rule]}, "f.yaml")


def run(folder: Path, seed: int, n: int) -> dict[str, Any]:
    """Damage, ingest, look; raises `AssertionError` when something is not as it must be."""
    rng = np.random.default_rng(seed)
    sound = {path.name: path.read_bytes() for path in healthy(folder / "sound")}
    raw = folder / "raw"
    raw.mkdir()
    cut: set[str] = set()
    for k, name in enumerate(rng.choice(sorted(sound), n).tolist()):
        content, truncated = damage(sound[name], rng)
        target = f"{k:05}-{name}"
        (raw / target).write_bytes(content)
        if truncated:
            cut.add(target)
    times: list[tuple[float, str]] = []
    last = [time.perf_counter(), ""]

    def progress(done: int, total: int, name: str) -> None:
        now = time.perf_counter()
        times.append((now - last[0], str(last[1])))
        last[:] = [now, name]

    out = folder / "out.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            summary = ingest(card(), raw, out, on_error="skip", progress=progress)
        except FaultsynError as error:
            raise AssertionError(f"the ingest stopped: {error}") from error
    slowest = max(times)
    assert slowest[0] < MOST_SECONDS, f"{slowest[1]} took {slowest[0]:.0f} s"
    assert summary.added + len(summary.problems) == n
    for problem in summary.problems:
        assert "\n" not in problem.message, problem
        assert problem.file in problem.message, problem
    if summary.added:
        # Some damage changes nothing, so files may be equal; other damage leaves only NaN.
        fair = ("has the same content", "of the samples are NaN")
        problems = [p for p in validate(out) if not any(text in p for text in fair)]
        assert not problems, problems[:3]
        _look(out, cut)
    return {
        "added": summary.added,
        "refused": len(summary.problems),
        "slowest": slowest,
        "reasons": Counter(p.file.rpartition("-")[2] for p in summary.problems),
    }


def _look(out: Path, cut: set[str]) -> None:
    """Of a file whose end is missing, all is in or nothing (a text may end anywhere)."""
    with Store(out) as store:
        for k, name in enumerate(store.recordings["id"].tolist()):
            n = len(np.asarray(store.recording(k).streams[0].samples))
            if name in cut and ".csv" not in name:
                assert n == N, f"{name}: {n} samples of a file that was cut off"


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
