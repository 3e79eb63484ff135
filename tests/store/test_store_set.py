"""Several stores behind one index: as one store in every respect."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_recordings import batch, noise, recording, stream, write

from faultsyn import api
from faultsyn.errors import InputError, StoreError
from faultsyn.store import Recording, Store, StoreWriter, WindowSpec, join_stores, validate
from faultsyn.store.shards import JoinedSamples
from faultsyn.store.summary import summarise

SPEC = WindowSpec(256, 1000.0, ("c1", "c0"), stride=100)


def mixed() -> list[Recording]:
    """Recordings that lack channels, streams and columns here and there."""
    counts = np.arange(900, dtype=np.int16).reshape(300, 3)
    return [
        *batch(5),
        recording("odd", stream(noise(9, 700, 3)), digest="a" * 64, severity=2.0, place="hall"),
        recording("slow", stream(counts, name="slow", rate=10.0, scale=0.5), digest="b" * 64),
        *(recording(f"z{k}", stream(noise(20 + k)), digest=f"{99 + k:064x}") for k in range(3)),
    ]


def shards(folder: Path, cuts: list[int]) -> list[Path]:
    items = mixed()
    edges = [0, *cuts, len(items)]
    return [write(folder / f"s{k}.h5", *items[a:b]) for k, (a, b) in enumerate(pairwise(edges))]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    one = write(tmp_path / "one.h5", *mixed())
    join_stores(shards(tmp_path, [2, 6, 7]), tmp_path / "set.h5")
    with Store(one, memory_budget=0) as single, Store(tmp_path / "set.h5", memory_budget=0) as many:
        yield single, many


def test_a_set_is_the_store_of_all_its_recordings(both: tuple[Store, Store]) -> None:
    single, many = both
    assert many.shards is not None
    assert len(many.shards) == 4
    assert many.data_hash == single.data_hash
    assert validate(many.path) == []
    for row in range(len(single)):
        ours, theirs = many.recording(row), single.recording(row)
        assert ours.columns.keys() == theirs.columns.keys()
        assert (ours.id, ours.label, ours.source_sha256) == (
            theirs.id, theirs.label, theirs.source_sha256)  # fmt: skip
        for a, b in zip(ours.streams, theirs.streams, strict=True):
            assert (a.stream, a.rate, a.channels, a.units, a.scale) == (
                b.stream, b.rate, b.channels, b.units, b.scale)  # fmt: skip
            np.testing.assert_array_equal(a.samples, b.samples)
    told, wanted = summarise(many), summarise(single)
    assert {**told, "path": ""} == {**wanted, "path": ""}


@settings(max_examples=8, deadline=None)
@given(cuts=st.sets(st.integers(1, 9), max_size=6), seed=st.integers(0, 99))
def test_windows_are_those_of_one_store(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("set")
    one = write(folder / "one.h5", *mixed())
    join_stores(shards(folder, sorted(cuts)), folder / "set.h5")
    rng = np.random.default_rng(seed)
    for budget in (0, 1 << 30):
        with Store(one) as single, Store(folder / "set.h5", memory_budget=budget) as many:
            rows = single.recordings["id"] != "slow"
            ours, theirs = many.windows(SPEC, rows), single.windows(SPEC, rows)
            pick = rng.integers(0, len(theirs), 60)
            np.testing.assert_array_equal(ours.read(pick).x, theirs.read(pick).x)
            assert ours.plan.units == theirs.plan.units
            half = WindowSpec(64, 500.0, ("c0",))
            np.testing.assert_array_equal(
                many.windows(half, rows).read().x, single.windows(half, rows).read().x
            )


def test_looking_at_the_index_opens_no_shard(tmp_path: Path) -> None:
    paths = shards(tmp_path, [3])
    told = api.join(paths, out=tmp_path / "set.h5")
    for path in paths:
        path.unlink()
    assert api.inspect(tmp_path / "set.h5") == told
    assert told["recordings"] == 10
    with (
        Store(tmp_path / "set.h5") as store,
        pytest.raises(StoreError, match=r"s0\.h5: no such store"),
    ):
        store.recording(0)
    assert len(validate(tmp_path / "set.h5")) == 2


def test_a_changed_shard_is_refused(tmp_path: Path) -> None:
    paths = shards(tmp_path, [3])
    join_stores(paths, tmp_path / "set.h5")
    with StoreWriter(paths[1], append=True) as writer:
        writer.add(recording("new", stream(noise(50)), digest="c" * 64))
    with Store(tmp_path / "set.h5") as store:
        store.recording(0)
        with pytest.raises(StoreError, match=r"s1\.h5: has changed since .*faultsyn join"):
            store.recording(5)
    assert len(validate(tmp_path / "set.h5")) == 1


def test_a_damaged_sample_is_found(tmp_path: Path) -> None:
    paths = shards(tmp_path, [3])
    join_stores(paths, tmp_path / "set.h5")
    with h5py.File(paths[1], "r+") as file:
        file["streams/vibration/samples"][5, 0] += 1
    (problem,) = validate(tmp_path / "set.h5")
    assert "recording 'r003', vibration/c0: samples differ" in problem


def test_the_folder_may_move(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    join_stores(shards(tmp_path / "here", [4]), tmp_path / "here" / "set.h5")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert validate(tmp_path / "there" / "set.h5") == []


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    a = write(tmp_path / "a.h5", *batch(2))
    out = tmp_path / "set.h5"
    with pytest.raises(StoreError, match=r"recording 'r000' is in .*a\.h5 .*and in .*b\.h5"):
        join_stores([a, shutil.copy(a, tmp_path / "b.h5")], out)
    fast = write(tmp_path / "fast.h5", recording("f", stream(noise(1), rate=2000.0)))
    with pytest.raises(StoreError, match="runs at 1000 Hz, got 2000 Hz"):
        join_stores([a, fast], out)
    counts = write(tmp_path / "n.h5", recording("n", stream(np.ones((50, 2), np.int16), scale=1.0)))
    with pytest.raises(StoreError, match="holds float32 samples, got int16"):
        join_stores([a, counts], out)
    text = write(tmp_path / "t.h5", recording("t", stream(noise(3)), load="heavy"))
    with pytest.raises(StoreError, match="column 'load'"):
        join_stores([a, text], out)
    with pytest.raises(InputError, match="no stores"):
        join_stores([], out)
    with pytest.raises(StoreError, match="is not a store set"):
        join_stores([fast], a)
    assert not out.exists()
    join_stores([a], out)
    with pytest.raises(StoreError, match="is a store set"):
        join_stores([out], tmp_path / "twice.h5")
    with pytest.raises(StoreError, match="exists and is not a store"):
        StoreWriter(out)


def test_a_set_behind_an_address(tmp_path: Path) -> None:
    paths = shards(tmp_path, [3])
    join_stores(paths, tmp_path / "set.h5")
    memory = fsspec.filesystem("memory")
    for path in (*paths, tmp_path / "set.h5"):
        memory.put_file(str(path), f"/plant/{path.name}")
    with Store("memory://plant/set.h5") as there, Store(tmp_path / "set.h5") as here:
        assert str(there.path) == "memory://plant/set.h5"
        rows = here.recordings["id"] != "slow"
        np.testing.assert_array_equal(
            there.windows(SPEC, rows).read().x, here.windows(SPEC, rows).read().x
        )
    assert validate("memory://plant/set.h5") == []
    with pytest.raises(StoreError, match=r"memory://plant/no\.h5: no such store"):
        Store("memory://plant/no.h5")
    with pytest.raises(InputError, match="nothing://x"):
        Store("nothing://x/y.h5")


def test_few_files_are_open_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faultsyn.store.shards._MOST_OPEN", 2)
    join_stores(shards(tmp_path, [1, 2, 3, 4]), tmp_path / "set.h5")
    with Store(tmp_path / "set.h5", memory_budget=0) as store:
        for row in (0, 4, 1, 5, 0):
            store.recording(row)
            assert store.shards is not None
            assert len(store.shards._open) <= 2
        samples = store.stream_files["vibration"].samples
        assert isinstance(samples, JoinedSamples)
        np.testing.assert_array_equal(
            samples[2990:3010, 1], np.concatenate([noise(0)[2990:, 1], noise(1, 3001)[:10, 1]])
        )
