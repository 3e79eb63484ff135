from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from store_recordings import batch, noise, recording, stream, write

from faultsyn.store import StoreWriter, validate


def test_sound_store(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.h5", *batch(4), recording("one", stream(noise(0, 99, 1), channels=("c1",)))
    )
    assert validate(path) == []


def _change(name: str, place: object, value: object) -> Callable[[h5py.File], None]:
    def harm(file: h5py.File) -> None:
        file[name][place] = value

    return harm


def _delete(name: str) -> Callable[[h5py.File], None]:
    def harm(file: h5py.File) -> None:
        del file[name]

    return harm


def _shorten(file: h5py.File) -> None:
    values = file["recordings/load"][:-1]
    del file["recordings/load"]
    file["recordings/load"] = values


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (
            _change("streams/vibration/samples", (5, 1), 3.0),
            "recording 'r000', vibration/c1: samples differ from their checksum",
        ),
        (_change("streams/vibration/checksums", (2, 0), 1), "'r002', vibration/c0: samples differ"),
        (_change("streams/vibration/offsets", 3, 10**6), "offsets do not lead from 0 to 9003"),
        (_change("streams/vibration/offsets", 1, 9000), "offsets do not lead from 0 to 9003"),
        (_delete("recordings/label"), "recordings: no column label"),
        (_shorten, "columns of different lengths"),
        (_change("recordings/id", 1, b"r000"), "id 'r000' stands 2 times"),
        (_change("recordings/source_sha256", 1, b"?"), "'r001': source_sha256 is no SHA-256: '?'"),
        (
            _change("recordings/source_sha256", 1, f"{0:064x}".encode()),
            r"'r001': r001\.mat has the same content as r000\.mat",
        ),
    ],
)
def test_each_problem_is_found(
    tmp_path: Path, harm: Callable[[h5py.File], None], problem: str
) -> None:
    path = write(tmp_path / "x.h5", *batch(3))
    with h5py.File(path, "r+") as file:
        harm(file)
    assert re.search(problem, "\n".join(validate(path)))


def test_rotten_disk(tmp_path: Path) -> None:
    """Bytes that change on the disk: the recordings in the chunk are named, the others are not."""
    path = write(tmp_path / "x.h5", *batch(12))
    with h5py.File(path) as file:
        chunk = file["streams/vibration/samples"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 100] ^= 1
    path.write_bytes(content)
    problems = validate(path)
    assert problems
    assert all("cannot be read" in problem for problem in problems)
    column, first = chunk.chunk_offset[1], chunk.chunk_offset[0]
    assert all(f"vibration/c{column}" in problem for problem in problems)
    assert any(f"'r{first // 3000:03}'" in problem for problem in problems)
    assert len(problems) < 12


def test_missing_samples(tmp_path: Path) -> None:
    samples = noise(0, 1000)
    samples[:100, 1] = np.nan
    path = write(tmp_path / "x.h5", recording("a", stream(samples)))
    assert validate(path) == ["recording 'a', vibration/c1: 10.0% of the samples are NaN"]


def test_passport_of_nothing(tmp_path: Path) -> None:
    real, made = batch(2)
    path = tmp_path / "x.h5"
    with StoreWriter(path) as writer:
        writer.add(real)
        writer.add(made, {"generator": "g"})
    with h5py.File(path, "r+") as file:
        file["synthetic/recording"][0] = b"gone"
    assert validate(path) == ["synthetic: a passport for 'gone', which is no recording"]


def test_no_store_at_all(tmp_path: Path) -> None:
    assert validate(tmp_path / "x.h5") == [
        f"{tmp_path / 'x.h5'}: no such store (make one with `faultsyn ingest`)"
    ]
