from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_recordings import assert_holds, batch, noise, recording, stream, write

from faultsyn.errors import StoreError
from faultsyn.store import Recording, Store, StoreWriter, StreamData

_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@st.composite
def _recordings(draw: st.DrawFn) -> list[Recording]:
    dtypes = {name: draw(st.sampled_from(["f4", "i2", "i4"])) for name in ("fast", "slow", "extra")}
    found = []
    for number in range(draw(st.integers(1, 4))):
        streams = []
        for name in draw(st.lists(st.sampled_from(sorted(dtypes)), min_size=1, unique=True)):
            channels = tuple(draw(st.lists(st.sampled_from("ABC"), min_size=1, unique=True)))
            shape = (draw(st.integers(0, 2500)), len(channels))
            rng = np.random.default_rng(draw(st.integers(0, 999)))
            samples = (rng.standard_normal(shape) * 1000).astype(dtypes[name])
            scale = None if dtypes[name] == "f4" else draw(st.floats(1e-6, 10))
            streams.append(stream(samples, name=name, channels=channels, scale=scale))
        values = {"load": draw(st.floats()), "asset": draw(_TEXT), "sealed": draw(st.booleans())}
        found.append(recording(f"é{number}", *streams, label=draw(_TEXT), **values))
    return found


@settings(max_examples=15, deadline=None)
@given(_recordings())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, recordings: list[Recording]) -> None:
    path = tmp_path_factory.mktemp("store") / "x.h5"
    assert_holds(write(path, *recordings), recordings)


@settings(max_examples=8, deadline=None)
@given(_recordings(), st.integers(1, 3))
def test_append_equals_one_go(
    tmp_path_factory: pytest.TempPathFactory, recordings: list[Recording], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    whole = write(folder / "whole.h5", *recordings)
    parts = write(folder / "parts.h5", *recordings[:cut])
    write(parts, *recordings[cut:], append=True)
    assert_holds(parts, recordings)
    with Store(whole) as one, Store(parts) as two:
        assert one.data_hash == two.data_hash


def test_long_recording_spans_blocks_and_chunks(tmp_path: Path) -> None:
    long = recording("long", stream(noise(0, 2_200_000, 1)))
    ragged = recording("ragged", stream(noise(1, 16384 * 3 + 5, 1)))
    assert_holds(write(tmp_path / "x.h5", long, ragged), [long, ragged])


def test_blocks_instead_of_an_array(tmp_path: Path) -> None:
    samples = noise(0, 5000)
    blocks = (samples[i : i + 700] for i in range(0, 5000, 700))
    share = StreamData("s", blocks, 10.0, ("a", "b"), ("", ""), ("", ""))
    write(tmp_path / "x.h5", recording("r", share))
    assert_holds(
        tmp_path / "x.h5",
        [recording("r", StreamData("s", samples, 10.0, ("a", "b"), ("", ""), ("", "")))],
    )


def test_standard_columns_and_missing_values(tmp_path: Path) -> None:
    first = recording("a", stream(noise(0)), load=2.0, position="6")
    second = recording("b", stream(noise(1)), rpm=1797, stable=True)
    with Store(write(tmp_path / "x.h5", first, second)) as store:
        table = store.recordings
    assert table["load"].tolist()[0] == 2.0
    assert np.isnan(table["load"][1])
    assert np.isnan(table["rpm"][0])
    assert table["position"].tolist() == ["6", ""]
    assert table["stable"].tolist() == [False, True]
    assert table["asset"].tolist() == ["", ""]
    assert np.isnan(table["severity"]).all()


def test_readable_without_faultsyn(tmp_path: Path) -> None:
    counts = np.arange(20, dtype=np.int16).reshape(10, 2)
    share = stream(counts, name="v", rate=12000.0, channels=("DE", "FE"), scale=0.5)
    with h5py.File(write(tmp_path / "x.h5", recording("a", share, asset="bearing 1"))) as file:
        assert file.attrs["schema"] == "faultsyn-store"
        assert file.attrs["schema_version"] == 1
        assert file["recordings/asset"].asstr()[0] == "bearing 1"
        group = file["streams/v"]
        assert group.attrs["sample_rate"] == 12000.0
        assert list(group.attrs["channels"]) == ["DE", "FE"]
        assert group["samples"].fletcher32
        np.testing.assert_array_equal(group["samples"][...], counts)

        def no_objects(name: str, item: h5py.HLObject) -> None:
            if isinstance(item, h5py.Dataset):
                assert item.dtype.kind != "O", name

        file.visititems(no_objects)


def test_compressed_only_where_it_pays(tmp_path: Path) -> None:
    steps = np.repeat(noise(0, 50, 1), 100, axis=0)
    path = write(
        tmp_path / "x.h5", recording("a", stream(noise(0)), stream(steps, name="slow", rate=1.0))
    )
    with h5py.File(path) as file:
        assert file["streams/slow/samples"].compression == "gzip"
        assert file["streams/vibration/samples"].compression is None


def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    recordings = batch(3)
    path = write(tmp_path / "x.h5", *recordings)
    before = path.read_bytes()
    with StoreWriter(path, append=True) as writer:
        assert writer.has(recordings[1].source_sha256, recordings[1].id)
        assert not writer.has("0" * 64, recordings[1].id)
        assert [writer.add(item) for item in recordings] == [False] * 3
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_without_append_the_store_is_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "x.h5", *batch(3))
    write(path, *batch(1))
    assert_holds(path, batch(1))


def test_history_tells_what_made_the_store(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    for number, item in enumerate(batch(2)):
        with StoreWriter(path, append=True, info={"card": f"c{number}"}) as writer:
            writer.add(item)
    with Store(path) as store:
        assert [json.loads(text)["card"] for text in store.history] == ["c0", "c1"]


def test_two_sources_claim_one_id(tmp_path: Path) -> None:
    first = recording("a", stream(noise(0)), digest="1" * 64)
    other = Recording("a", "normal", first.streams, "copy/a.mat", "2" * 64)
    path = write(tmp_path / "x.h5", first)
    with pytest.raises(StoreError, match=r"claim recording 'a': a\.mat and copy/a\.mat"):
        write(path, other, append=True)
    with pytest.raises(StoreError, match=r"a\.mat and copy/a\.mat"):
        write(tmp_path / "y.h5", first, other)
    assert_holds(path, [first])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (stream(noise(0), rate=2000.0), "runs at 1000 Hz, got 2000 Hz"),
        (stream(noise(0).astype(np.int16), scale=1.0), "holds float32 samples, got int16"),
        (
            StreamData("vibration", noise(0, 9, 1), 1000.0, ("c0",), ("velocity",), ("mm/s",)),
            r"channel 'c0': the stream holds acceleration \[g\], got velocity \[mm/s\]",
        ),
    ],
)
def test_contradicting_streams(tmp_path: Path, other: StreamData, message: str) -> None:
    with StoreWriter(tmp_path / "x.h5") as writer:
        writer.add(recording("a", stream(noise(0))))
        with pytest.raises(StoreError, match=message):
            writer.add(recording("b", other))
        writer.add(recording("b", stream(noise(1))))
    assert_holds(
        tmp_path / "x.h5", [recording("a", stream(noise(0))), recording("b", stream(noise(1)))]
    )


@pytest.mark.parametrize("append", [False, True])
def test_contradicting_columns(tmp_path: Path, append: bool) -> None:
    path = tmp_path / "x.h5"
    if append:
        write(path, recording("a", stream(noise(0)), load=1.0))
    with StoreWriter(path, append=append) as writer:
        if not append:
            writer.add(recording("a", stream(noise(0)), load=1.0))
        with pytest.raises(StoreError, match="'b', column 'load': the store holds a number"):
            writer.add(recording("b", stream(noise(0)), load="1 hp"))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (recording("", stream(noise(0))), "empty id"),
        (recording("a"), "has no stream"),
        (recording("a", stream(noise(0)), stream(noise(0))), "given twice"),
        (recording("a", stream(noise(0), rate=0.0)), "sample rate above 0 Hz, got 0"),
        (recording("a", stream(noise(0), name="a/b")), "not a usable stream name"),
        (recording("a", stream(noise(0), channels=("x", "x"))), "channel names must differ"),
        (recording("a", stream(noise(0), channels=("x",))), r"\(N, 1\), got \(3000, 2\)"),
        (recording("a", stream(noise(0).astype(np.int16))), "samples of floats.*got int16"),
        (recording("a", stream(noise(0), scale=1.0)), "int16 or int32.*got float32"),
        (recording("a", stream(noise(0)), start=1.0), "column name 'start' is reserved"),
        (recording("a", stream(noise(0)), load=None), "column 'load': expected text, a number"),
        (recording("a", stream(noise(0)), asset="x\0"), "NUL character"),
        (recording("a", stream(noise(0)), asset="\ud800"), "not valid Unicode"),
    ],
)
def test_malformed_recording(tmp_path: Path, bad: Recording, message: str) -> None:
    with (
        pytest.raises(StoreError, match=message),
        StoreWriter(tmp_path / "x.h5") as writer,
    ):
        writer.add(bad)
    assert list(tmp_path.iterdir()) == []


def test_nothing_added(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no recordings were added"):
        write(tmp_path / "x.h5")
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "thesis.doc"
    path.write_text("years of work")
    with pytest.raises(StoreError, match="is not a store"):
        write(path, *batch(1))
    assert path.read_text() == "years of work"
    with pytest.raises(StoreError, match="is not a store"):
        StoreWriter(tmp_path)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "x.h5") as writer:
        with pytest.raises(StoreError, match="another process is writing"):
            StoreWriter(tmp_path / "x.h5")
        writer.add(batch(1)[0])
    assert_holds(tmp_path / "x.h5", batch(1))


def test_passports_of_generated_recordings(tmp_path: Path) -> None:
    real, made, more = batch(3)
    path = write(tmp_path / "x.h5", real)
    passport = {"generator": "diff-aug", "config_hash": "ab", "seed": 3, "acceptance": 0.9}
    with StoreWriter(path, append=True) as writer:
        writer.add(made, passport)
    with StoreWriter(path, append=True) as writer:
        writer.add(more, passport | {"sources": "r000@0;r000@1024"})
        with pytest.raises(StoreError, match="passport 'seed': the store holds a number"):
            writer.add(recording("x", stream(noise(0))), passport | {"seed": "three"})
    with Store(path) as store:
        assert store.synthetic.tolist() == [False, True, True]
        assert store.passports["recording"].tolist() == ["r001", "r002"]
        assert store.passports["seed"].tolist() == [3, 3]
        assert store.passports["sources"].tolist() == ["", "r000@0;r000@1024"]
    with Store(write(tmp_path / "y.h5", real)) as store:
        assert not store.synthetic.any()
        assert store.passports == {}
