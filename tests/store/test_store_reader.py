from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import loadmat
from store_recordings import batch, noise, recording, stream, write

from faultsyn.errors import InputError, StoreError
from faultsyn.store import Store, StoreWriter, StreamInfo, WindowSpec, validate


def test_streams_and_columns(tmp_path: Path) -> None:
    with Store(write(tmp_path / "x.h5", *batch(3))) as store:
        names = ("c0", "c1")
        info = StreamInfo(1000.0, names, ("acceleration",) * 2, ("g", "g"), 9003)
        assert store.streams == {"vibration": info}
        assert len(store) == 3
        assert store.column("load").tolist() == [0.0, 1.0, 2.0]
        with pytest.raises(InputError, match="no column 'colour'; they have id, label"):
            store.column("colour")


def test_data_hash_sees_every_change(tmp_path: Path) -> None:
    first, second = batch(2)
    changed = noise(1, 3001)
    changed[1000, 1] += 1e-3
    variants = [
        [first, second],
        [second, first],
        [first],
        [first, recording("r001", stream(changed), digest=second.source_sha256, load=1.0)],
        [first, recording("r001", *second.streams, digest=second.source_sha256, load=2.0)],
        [first, recording("r001", *second.streams, digest="f" * 64, load=1.0)],
    ]
    hashes = []
    for number, items in enumerate(variants):
        with Store(write(tmp_path / f"{number}.h5", *items)) as store:
            hashes.append(store.data_hash)
    assert len(set(hashes)) == len(variants)
    with Store(write(tmp_path / "again.h5", first, second)) as store:
        assert store.data_hash == hashes[0]


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.h5", *batch(1))
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 2
    message = r"x\.h5: expected store schema version 1, got 2"
    with pytest.raises(StoreError, match=message):
        Store(path)
    with pytest.raises(StoreError, match=message):
        StoreWriter(path, append=True)
    assert len(validate(path)) == 1
    write(path, *batch(2))
    assert validate(path) == []


def test_what_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store"):
        Store(tmp_path / "x.h5")
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    with pytest.raises(StoreError, match="cannot be opened as HDF5"):
        Store(text)
    other = tmp_path / "other.h5"
    h5py.File(other, "w").close()
    with pytest.raises(StoreError, match="schema 'faultsyn-store', got None"):
        Store(other)
    path = write(tmp_path / "y.h5", *batch(1))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(StoreError, match=r"y\.h5: "):
        Store(path)


def test_store_without_a_table_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "x.h5", *batch(1))
    with h5py.File(path, "r+") as file:
        del file["recordings"]
    with pytest.raises(StoreError, match=r"x\.h5: the store is damaged"):
        Store(path)
    with pytest.raises(StoreError, match=r"x\.h5: the store is damaged"):
        StoreWriter(path, append=True)


@pytest.mark.data
def test_real_recordings_survive_bit_by_bit(recordings: Path, tmp_path: Path) -> None:
    files = sorted(recordings.glob("cwru/**/*.mat"))[:3]
    signals = {}
    with StoreWriter(tmp_path / "x.h5") as writer:
        for file in files:
            found = {k.split("_")[1]: v for k, v in loadmat(file).items() if k.endswith("_time")}
            signals[file.stem] = found["DE"]
            share = stream(found["DE"], rate=12000.0, channels=("DE",))
            writer.add(recording(file.stem, share))
    assert validate(tmp_path / "x.h5") == []
    with Store(tmp_path / "x.h5") as store:
        windows = store.windows(WindowSpec(1024, 12000.0, ("DE",))).read()
    for name, signal in signals.items():
        mine = windows.take(windows.column("recording") == name)
        whole = signal[: len(signal) // 1024 * 1024, 0].astype(np.float32)
        np.testing.assert_array_equal(mine.x.ravel(), whole)
