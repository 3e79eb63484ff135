"""Stores in an S3-compatible service: a server of the package moto on the loopback address."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from store_recordings import recording, stream

from faultsyn.errors import InputError, StoreError
from faultsyn.store import Store, StoreWriter, WindowSpec, join_stores, validate

moto = pytest.importorskip("moto.server", exc_type=ImportError)
s3fs = pytest.importorskip("s3fs")

SPEC = WindowSpec(64, 1000.0, ("c1",))
FILES, RECORDINGS, SAMPLES = 3, 4, 120_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A store set in the bucket "plant", which is found through the environment; and here."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    paths = []
    for file in range(FILES):
        paths.append(tmp_path / f"part-{file}.h5")
        with StoreWriter(paths[-1]) as writer:
            for k in range(RECORDINGS):
                number = file * RECORDINGS + k
                x = np.random.default_rng(number).standard_normal((SAMPLES, 2), np.float32)
                writer.add(recording(f"r{number}", stream(x)))
    join_stores(paths, tmp_path / "set.h5")
    system = s3fs.S3FileSystem()
    if not system.exists("plant"):
        system.mkdir("plant")
    for path in (*paths, tmp_path / "set.h5"):
        system.put_file(str(path), f"plant/{path.name}")
    return tmp_path


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each range that is asked for from here on."""
    found: list[int] = []
    fetch = s3fs.core.S3File._fetch_range

    def counted(file: object, start: int, end: int) -> bytes:
        found.append(end - start)
        return fetch(file, start, end)

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", counted)
    return found


def test_a_store_and_a_set_read_as_from_a_disk(bucket: Path) -> None:
    for name in ("part-1.h5", "set.h5"):
        with Store(f"s3://plant/{name}") as there, Store(bucket / name) as here:
            assert there.data_hash == here.data_hash
            assert there.recordings["id"].tolist() == here.recordings["id"].tolist()
            theirs, ours = there.windows(SPEC), here.windows(SPEC)
            pick = np.random.default_rng(0).integers(0, len(ours), 50)
            np.testing.assert_array_equal(theirs.read(pick).x, ours.read(pick).x)
    assert validate("s3://plant/set.h5") == []


def test_little_more_is_asked_for_than_is_used(bucket: Path, ranges: list[int]) -> None:
    size = sum(path.stat().st_size for path in bucket.glob("part-*.h5"))
    with Store("s3://plant/set.h5", memory_budget=0) as store:
        assert 1 <= len(ranges) <= 2
        ranges.clear()
        index = store.windows(SPEC)
        index.read(np.array([5]))
        assert len(ranges) <= 6  # heads of one file, and the chunk of the window
        ranges.clear()
        index.read(np.array([6]))
        assert len(ranges) <= 2
        assert sum(ranges) < 1e6 < size / 8


def test_what_is_not_there_or_not_allowed(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match=r"s3://plant/no\.h5: no such store"):
        Store("s3://plant/no.h5")
    with pytest.raises(StoreError, match=r"s3://no-bucket/set\.h5: no such store"):
        Store("s3://no-bucket/set.h5")
    s3fs.S3FileSystem().pipe_file("plant/text.h5", b"not HDF5")
    with pytest.raises(StoreError, match="cannot be opened as HDF5"):
        Store("s3://plant/text.h5")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match=r"s3://plant/set\.h5: cannot be reached"):
        Store("s3://plant/set.h5")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(bucket))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID"):
        Store("s3://plant/set.h5")
