from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_recordings import assert_holds, batch, write

from faultsyn.errors import StoreError
from faultsyn.store import Store, StoreWriter

_FORK = multiprocessing.get_context("fork")


class _StopError(Exception):
    pass


def _leave_part(path: Path, count: int, *, append: bool = False) -> None:
    """An ingest that ends by an error after `count` recordings."""
    with contextlib.suppress(_StopError), StoreWriter(path, append=append) as writer:
        for item in batch(count):
            writer.add(item)
        raise _StopError
    assert path.with_name(path.name + ".part").is_dir()


def _in_child(work: Callable[[], None]) -> int:
    child = _FORK.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize("append", [False, True])
def test_kill_at_random_moments_then_resume(tmp_path: Path, append: bool) -> None:
    old, recordings = batch(2), batch(20, 20_000)
    expected = old + recordings[2:] if append else recordings
    path, whole = tmp_path / "x.h5", tmp_path / "whole.h5"
    write(path, *old)
    before = path.read_bytes()
    start = time.perf_counter()
    write(whole, *expected)
    duration = time.perf_counter() - start

    def ingest() -> None:
        write(path, *recordings, append=append)

    rng = np.random.default_rng(0)
    killed = kept = 0
    journal = tmp_path / "x.h5.part" / "journal.jsonl"

    def lines() -> int:
        with contextlib.suppress(FileNotFoundError):  # not begun, or just put away
            return len(journal.read_bytes().splitlines())
        return 0

    for wanted in rng.integers(0, len(recordings) + 4, 12):
        child = _FORK.Process(target=ingest)
        child.start()
        # By progress, not by the clock: a busy machine would be killed before it has begun.
        while child.is_alive() and lines() < wanted:
            time.sleep(duration / 1000)
        time.sleep(rng.uniform(0, duration / len(recordings)))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        kept += lines() > 2
        if path.read_bytes() == before:
            assert_holds(path, old)
        else:  # it got through before the kill: start over
            assert_holds(path, expected)
            path.write_bytes(before)
    assert killed
    assert kept
    ingest()
    assert_holds(path, expected)
    with Store(path) as one, Store(whole) as two:
        assert one.data_hash == two.data_hash
    assert sorted(tmp_path.iterdir()) == [whole, path]


@pytest.mark.parametrize(
    ("owner", "step", "nth"),
    [
        (h5py.Dataset, "__setitem__", 1),
        (h5py.Dataset, "__setitem__", 2),
        (h5py.Group, "create_dataset", 12),
        (h5py.File, "close", 3),
        (os, "fsync", 1),
        (Path, "replace", 1),
    ],
)
def test_kill_while_the_store_is_put_together(
    tmp_path: Path, owner: object, step: str, nth: int
) -> None:
    path = write(tmp_path / "x.h5", *batch(2))
    calls = 0

    def ingest() -> None:
        real = getattr(owner, step)

        def deadly(*args: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        setattr(owner, step, deadly)
        write(path, *batch(6), append=True)

    assert _in_child(ingest) == -signal.SIGKILL
    assert_holds(path, batch(2))
    with StoreWriter(path, append=True) as writer:
        assert all(writer.has(item.source_sha256, item.id) for item in batch(6))
    assert_holds(path, batch(6))


def test_kill_after_the_store_is_in_place(tmp_path: Path) -> None:
    """The part is still there although all of it is in the store."""
    path = tmp_path / "x.h5"
    _leave_part(path, 3)
    part = path.with_name("x.h5.part")
    kept = {file.name: file.read_bytes() for file in part.iterdir()}
    for append in (True, False):
        write(path, *batch(3))
        part.mkdir()
        for name, content in kept.items():
            (part / name).write_bytes(content)
        write(path, *batch(3), append=append)
        assert_holds(path, batch(3))
        assert not part.exists()


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["samples.bin", "journal.jsonl"]),
    st.floats(0, 1),
    st.sampled_from(["cut", "flip", "grow"]),
)
def test_damaged_part_is_never_used(
    tmp_path_factory: pytest.TempPathFactory, name: str, where: float, harm: str
) -> None:
    path = tmp_path_factory.mktemp("store") / "x.h5"
    _leave_part(path, 4)
    file = path.with_name("x.h5.part") / name
    content = bytearray(file.read_bytes())
    at = min(int(where * len(content)), len(content) - 1)
    if harm == "cut":
        content = content[:at]
    elif harm == "flip":
        content[at] ^= 0x10
    else:
        content += b"\0" * at
    file.write_bytes(content)
    write(path, *batch(6))
    assert_holds(path, batch(6))


def test_resumed_recordings_are_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    _leave_part(path, 3)
    with StoreWriter(path) as writer:
        assert [writer.has(item.source_sha256, item.id) for item in batch(4)] == [True] * 3 + [
            False
        ]
        assert [writer.add(item) for item in batch(4)] == [False] * 3 + [True]
    assert_holds(path, batch(4))


def test_part_of_another_ingest_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    _leave_part(path, 3)
    with StoreWriter(path, info={"card": "another"}) as writer:
        assert not writer.has(batch(1)[0].source_sha256, "r000")
        writer.add(batch(2)[1])
    assert_holds(path, batch(2)[1:])


def _limit(n_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


@pytest.mark.parametrize("kilobytes", [40, 130, 210, 240])
def test_real_file_limit(tmp_path: Path, kilobytes: int) -> None:
    """Recordings take 24 kB each: the limit strikes the journal or the store itself."""
    path = write(tmp_path / "x.h5", *batch(1))
    before = path.read_bytes()
    told = tmp_path / "told"

    def ingest() -> None:
        _limit(kilobytes * 1000)
        try:
            write(path, *batch(8), append=True)
        except StoreError as error:
            told.write_text(str(error))

    assert _in_child(ingest) == 0
    message = told.read_text()
    assert "File too large" in message
    assert "are safe" in message
    assert "\n" not in message
    assert path.read_bytes() == before
    write(path, *batch(8), append=True)
    assert_holds(path, batch(8))


@pytest.mark.parametrize("strikes", ["write", "create_dataset", "fsync"])
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strikes: str) -> None:
    path = write(tmp_path / "x.h5", *batch(1))
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with StoreWriter(path, append=True) as writer, monkeypatch.context() as patch:
        for item in batch(3):
            writer.add(item)
        if strikes == "write":
            patch.setattr(os, "write", full)
            with pytest.raises(StoreError, match=r"'r003' cannot .*No space left.*2 recordings"):
                writer.add(batch(4)[3])
            assert not writer.has(batch(4)[3].source_sha256, "r003")
    if strikes == "write":
        assert_holds(path, batch(3))
        return
    path.write_bytes(before)
    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync", full) if strikes == "fsync" else (h5py.Group, strikes, full)))
        with pytest.raises(StoreError, match=r"No space left on device\); 2 recordings are safe"):
            write(path, *batch(3), append=True)
    assert path.read_bytes() == before
    write(path, *batch(3), append=True)
    assert_holds(path, batch(3))


def test_torn_last_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills in the middle of a recording costs that recording only."""
    path = tmp_path / "x.h5"
    real, written = os.write, 0

    def half(handle: int, data: memoryview) -> int:
        nonlocal written
        if written > 90_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written += (n := real(handle, data[: max(1, len(data) // 2)]))
        return n

    with StoreWriter(path) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            assert [writer.add(item) for item in batch(3)] == [True] * 3
            with pytest.raises(StoreError, match="'r003' cannot be written"):
                writer.add(batch(4)[3])
        assert [writer.add(item) for item in batch(6)] == [False] * 3 + [True] * 3
    assert_holds(path, batch(6))
