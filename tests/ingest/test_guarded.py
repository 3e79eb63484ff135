"""HDF5 files in a process of their own: a crash or a hang of the library costs one file."""

from __future__ import annotations

import os
import signal
import struct
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.ingest import ingest
from faultsyn.ingest.card import parse_card
from faultsyn.ingest.readers import guarded, open_source
from faultsyn.ingest.readers.base import BLOCK_ROWS
from faultsyn.ingest.readers.guarded import GuardedSource
from faultsyn.store import Store

X = np.random.default_rng(0).standard_normal(2 * BLOCK_ROWS + 17)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = X, -X
        file["x"].attrs["unit"] = "g"
        file["who"] = ["a", "ö"]
    return path


def crashing(path: Path) -> Path:
    """Chunks of no bytes: the checksum filter of HDF5 reads before their start."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "x", data=X[:600], chunks=(100,), compression="gzip", fletcher32=True
        )
        size = data.id.get_chunk_info(0).size
    content = path.read_bytes()
    entry = struct.pack("<II", size, 0)  # bytes and filter mask, as the index has them
    assert entry in content
    path.write_bytes(content.replace(entry, bytes(8)))
    return path


def guarded_source(path: Path) -> GuardedSource:
    source = open_source(path)
    assert isinstance(source, GuardedSource)
    return source


def test_it_reads_as_the_reader_does(sound: Path) -> None:
    source = open_source(sound)
    assert list(source.names) == ["who", "x", "y"]
    assert source.units == {"x": "g"}
    assert source.attributes == {"x@unit": "g"}
    assert [name for name in source.names if source.is_text(name)] == ["who"]
    blocks = list(source.blocks(["x", "y"]))
    assert len(blocks) == 3  # in pieces, not as a whole
    np.testing.assert_array_equal(np.concatenate([b["x"] for b in blocks]), X)
    np.testing.assert_array_equal(np.concatenate([b["y"] for b in blocks]), -X)
    assert next(source.blocks(["who"], ["who"]))["who"].tolist() == ["a", "ö"]
    np.testing.assert_array_equal(source.matrix("x"), X[None])
    with pytest.raises(InputError, match="'who': expected numbers"):
        source.matrix("who")


def test_several_streams_of_a_file_run_side_by_side(sound: Path) -> None:
    source = open_source(sound)
    first, second = source.blocks(["x"]), source.blocks(["y"])
    np.testing.assert_array_equal(next(first)["x"], -next(second)["y"])
    second.close()  # type: ignore[attr-defined]
    rest = np.concatenate([block["x"] for block in first])
    np.testing.assert_array_equal(rest, X[BLOCK_ROWS:])


def test_a_file_that_crashes_the_library_is_refused_and_the_rest_goes_in(
    tmp_path: Path, sound: Path
) -> None:
    bad = crashing(tmp_path / "bad.h5")
    with pytest.raises(InputError, match=r"bad\.h5: damaged"):
        list(open_source(bad).blocks(["x"]))
    card = parse_card(
        {
            "name": "c", "title": "c",
            "recordings": [{
                "files": "*.h5", "columns": {"label": "normal", "asset": "a"},
                "streams": {"s": {"rate": 10, "unit": "g", "channels": {"x": {"from": "x"}}}},
            }],
        }, "c.yaml",
    )  # fmt: skip
    summary = ingest(card, tmp_path, tmp_path / "out" / "o.h5", on_error="skip")
    assert [p.file for p in summary.problems] == ["bad.h5"]
    with Store(tmp_path / "out" / "o.h5") as store:
        assert store.recordings["id"].tolist() == ["sound"]


def test_a_child_that_dies_is_no_end_of_file(sound: Path) -> None:
    source = guarded_source(sound)
    blocks = source.blocks(["x"])
    next(blocks)
    os.kill(source.process or 0, signal.SIGKILL)
    with pytest.raises(InputError, match=r"sound\.h5: damaged: the HDF5 library crashed"):
        list(blocks)
    with pytest.raises(InputError, match="crashed"):
        source.matrix("x")
    assert len(list(open_source(sound).blocks(["x"]))) == 3


def test_a_child_that_hangs_is_killed(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "MOST_SECONDS", 0.3)
    source = guarded_source(sound)
    child = source.process or 0
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(InputError, match="gave no answer"):
        source.matrix("x")
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_reading_process_is_started_again(sound: Path) -> None:
    first = guarded_source(sound)
    parent = int(Path(f"/proc/{first.process}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, os.WNOHANG)
    time.sleep(0.1)
    np.testing.assert_array_equal(open_source(sound).matrix("x"), X[None])
