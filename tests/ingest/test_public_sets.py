"""The shipped cards on the real files, against scipy and numpy reading them directly."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from faultsyn.ingest import IngestSummary, ingest
from faultsyn.store import Store, validate

pytestmark = pytest.mark.data

Ingested = tuple[IngestSummary, Store, Path]


def _ingest(name: str, recordings: Path, folder: Path) -> Ingested:
    raw = recordings / name
    if not raw.is_dir():
        pytest.skip(f"no recordings of {name} at {raw}")
    out = folder / f"{name}.h5"
    summary = ingest(name, raw, out)
    assert validate(out) == []
    return summary, Store(out), raw


@pytest.fixture(scope="module")
def cwru(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    return _ingest("cwru", recordings, tmp_path_factory.mktemp("cwru"))


@pytest.fixture(scope="module")
def tep(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    return _ingest("tep", recordings, tmp_path_factory.mktemp("tep"))


@pytest.fixture(scope="module")
def zema(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    return _ingest("zema", recordings, tmp_path_factory.mktemp("zema"))


def row(store: Store, id: str) -> int:
    (found,) = np.flatnonzero(store.recordings["id"] == id)
    return int(found)


def columns(store: Store, id: str) -> dict[str, object]:
    return dict(store.recording(row(store, id)).columns)


def test_cwru_counts(cwru: Ingested) -> None:
    summary, store, _ = cwru
    assert summary.unmatched == ()
    assert summary.problems == []
    assert Counter(store.recordings["label"].tolist()) == {
        "outer": 49,
        "ball": 28,
        "inner": 28,
        "normal": 1,
    }
    assert Counter(store.recordings["location"].tolist()) == {
        "drive_end": 60,
        "fan_end": 45,
        "none": 1,
    }
    assert len(set(store.recordings["asset"].tolist())) == 29
    assert Counter(store.recordings["severity"].tolist()) == {
        0: 1,
        7: 40,
        14: 25,
        21: 32,
        28: 8,
    }
    assert (store.streams["vibration"].rate, store.streams["vibration_48k"].rate) == (12000, 48000)
    assert store.streams["vibration"].channels == ("DE", "FE", "BA")
    assert set(store.streams["vibration"].units) == {"g"}


def test_cwru_every_sample_of_every_file(cwru: Ingested) -> None:
    _, store, raw = cwru
    for k, file in enumerate(store.recordings["source_file"].tolist()):
        variables = scipy.io.loadmat(raw / file)
        (stream,) = store.recording(k).streams
        for c, channel in enumerate(stream.channels):
            (name,) = [v for v in variables if v.endswith(f"_{channel}_time")]
            expected = variables[name][:, 0].astype(np.float32)
            np.testing.assert_array_equal(np.asarray(stream.samples)[:, c], expected)


def test_cwru_traps(cwru: Ingested) -> None:
    _, store, _ = cwru
    normal = store.recording(row(store, "97_Normal_0"))
    assert [(s.stream, s.rate, s.channels) for s in normal.streams] == [
        ("vibration_48k", 48000, ("DE", "FE"))
    ]
    assert len(np.asarray(normal.streams[0].samples)) == 243938
    assert (normal.label, normal.columns["asset"]) == ("normal", "healthy")
    big = store.recording(row(store, "3001_0"))
    assert big.streams[0].channels == ("DE",)
    assert big.columns["rpm"] == 1797.0
    assert columns(store, "3004_3")["rpm"] == 1730.0
    assert columns(store, "105_0")["rpm"] == 1797.0
    assert columns(store, "279_1")["rpm"] == 1732.0
    assert store.recording(row(store, "278_0")).streams[0].channels == ("DE", "FE", "BA")
    for id, asset, position in (
        ("130@6_0", "drive_end-outer-007@6", "6"),
        ("144_0", "drive_end-outer-007@3", "3"),
        ("156_0", "drive_end-outer-007@12", "12"),
        ("197@6_0", "drive_end-outer-014@6", "6"),
        ("294_0", "fan_end-outer-007@6", "6"),
        ("105_0", "drive_end-inner-007", ""),
    ):
        found = columns(store, id)
        assert (found["asset"], found["position"]) == (asset, position)
    bearings = zip(store.recordings["location"], store.recordings["bearing"], strict=True)
    assert set(bearings) == {("drive_end", "6205"), ("fan_end", "6203"), ("none", "6205")}


def test_cwru_takes_further_normals_and_foreign_variables(recordings: Path, tmp_path: Path) -> None:
    """Normal_1 to _3 as published: without RPM, and one with its neighbour's variables in it."""
    raw = tmp_path / "raw" / "Normal"
    raw.mkdir(parents=True)
    shutil.copy(recordings / "cwru" / "Normal" / "97_Normal_0.mat", raw)
    signals = {n: np.random.default_rng(n).standard_normal((64, 1)) for n in (98, 99)}
    own = {"X098_DE_time": signals[98], "X098_FE_time": signals[98] + 1}
    scipy.io.savemat(raw / "98_Normal_1.mat", own)
    more = {"X099_DE_time": signals[99], "X099_FE_time": signals[99] + 1}
    scipy.io.savemat(raw / "99.mat", own | more)
    summary = ingest("cwru", tmp_path / "raw", tmp_path / "x.h5")
    assert summary.labels == {"normal": 3}
    with Store(tmp_path / "x.h5") as store:
        assert store.recordings["rpm"].tolist() == [1796.0, 1772.0, 1750.0]
        assert store.recordings["load"].tolist() == [0.0, 1.0, 2.0]
        for k, n in ((1, 98), (2, 99)):
            samples = np.asarray(store.recording(k).streams[0].samples)
            np.testing.assert_array_equal(samples[:, 0], signals[n][:, 0].astype(np.float32))


def test_tep_counts(tep: Ingested) -> None:
    summary, store, _ = tep
    assert (summary.added, summary.unmatched) == (65, ())
    labels = Counter(store.recordings["label"].tolist())
    assert labels["normal"] == 23
    assert all(labels[f"fault{k:02}"] == 2 for k in range(1, 22))
    info = store.streams["process"]
    assert info.rate == 1 / 180
    names = [f"XMEAS{k}" for k in range(1, 42)] + [f"XMV{k}" for k in range(1, 12)]
    assert info.channels == tuple(names)
    assert "" not in info.units
    assert "" not in info.quantities
    assert len(set(store.recordings["asset"].tolist())) == 44


def test_tep_every_sample(tep: Ingested) -> None:
    _, store, raw = tep
    for k, id in enumerate(store.recordings["id"].tolist()):
        expected = np.loadtxt(raw / store.recordings["source_file"][k]).astype(np.float32)
        if id == "d00":
            expected = expected.T
            assert expected.shape == (500, 52)
        elif id.endswith("_te_normal"):
            expected = expected[:160]
        elif id.endswith("_te") and id != "d00_te":
            expected = expected[160:]
            assert len(expected) == 800
        np.testing.assert_array_equal(np.asarray(store.recording(k).streams[0].samples), expected)


def test_tep_labels_and_onset(tep: Ingested) -> None:
    _, store, _ = tep
    wanted = {
        "d00": ("normal", "train", "d00", None),
        "d00_te": ("normal", "test", "d00_te", None),
        "d05": ("fault05", "train", "d05", 0.0),
        "d05_te_normal": ("normal", "test", "d05_te", 28800.0),
        "d05_te": ("fault05", "test", "d05_te", 28800.0),
    }
    for id, (label, part, asset, onset) in wanted.items():
        k = row(store, id)
        table = {name: column[k] for name, column in store.recordings.items()}
        assert (table["label"], table["set"], table["asset"]) == (label, part, asset)
        assert np.isnan(table["onset"]) if onset is None else table["onset"] == onset


def test_zema_counts(zema: Ingested) -> None:
    summary, store, raw = zema
    profile = np.loadtxt(raw / "native" / "profile.txt", dtype=int)
    assert (summary.added, summary.unmatched) == (2205, ())
    assert store.recordings["id"].tolist() == [f"cycle{k:04}" for k in range(1, 2206)]
    for k, name in enumerate(("cooler", "valve", "pump", "accumulator", "stable")):
        assert store.recordings[name].tolist() == [str(v) for v in profile[:, k]]
    healthy = (profile[:, :4] == [100, 100, 0, 130]).all(axis=1)
    np.testing.assert_array_equal(store.recordings["label"] == "normal", healthy)
    assert len(set(store.recordings["label"].tolist())) == 144
    changes = (profile[1:, :4] != profile[:-1, :4]).any(axis=1)
    blocks = 1 + np.r_[0, np.cumsum(changes)]
    assert store.recordings["session"].tolist() == [str(b) for b in blocks]
    assert {name: info.rate for name, info in store.streams.items()} == {"flow": 10, "slow": 1}


def test_zema_every_sample(zema: Ingested) -> None:
    _, store, raw = zema
    for stream, length in (("flow", 600), ("slow", 60)):
        info = store.streams[stream]
        with_samples = [
            next(s for s in store.recording(k).streams if s.stream == stream)
            for k in range(0, 2205, 147)
        ]
        for c, channel in enumerate(info.channels):
            path = raw / "native" / f"{channel}.txt.gz"
            path = path if path.exists() else raw / "onehz_means" / f"{channel}_normalized.csv"
            expected = np.loadtxt(path, dtype=np.float64)[::147].astype(np.float32)
            assert expected.shape == (15, length)
            for data, wanted in zip(with_samples, expected, strict=True):
                np.testing.assert_array_equal(np.asarray(data.samples)[:, c], wanted)


def test_zema_native_pressures_win(recordings: Path, tmp_path: Path) -> None:
    """PS1 as published (100 Hz), PS2 the same but gzipped; the rest stays at 1 Hz."""
    raw = tmp_path / "raw"
    shutil.copytree(recordings / "zema", raw)
    for path in (raw / "native").glob("*.txt*"):
        if path.name in ("description.txt", "FS1.txt.gz"):
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        path.unlink()
        (raw / "native" / path.name.removesuffix(".gz")).write_bytes(_first(content))
    fs1 = raw / "native" / "FS1.txt.gz"
    fs1.write_bytes(gzip.compress(_first(gzip.decompress(fs1.read_bytes()))))
    for path in (raw / "onehz_means").glob("*.csv"):
        path.write_bytes(_first(path.read_bytes()))
    native = np.random.default_rng(0).normal(150, 10, (5, 6000)).round(2)
    text = "\n".join("\t".join(f"{v:.2f}" for v in line) for line in native).encode()
    (raw / "native" / "PS1.txt").write_bytes(text)
    (raw / "native" / "PS2.txt.gz").write_bytes(gzip.compress(text))
    summary = ingest("zema", raw, tmp_path / "x.h5")
    assert (summary.added, summary.unmatched) == (5, ())
    with Store(tmp_path / "x.h5") as store:
        assert store.streams["fast"].rate == 100
        assert store.streams["fast"].channels == ("PS1", "PS2")
        assert "PS1" not in store.streams["slow"].channels
        assert "PS3" in store.streams["slow"].channels
        (fast,) = [s for s in store.recording(3).streams if s.stream == "fast"]
        np.testing.assert_array_equal(np.asarray(fast.samples)[:, 0], native[3].astype(np.float32))


def _first(content: bytes) -> bytes:
    """The first five lines."""
    return b"\n".join(content.splitlines()[:5]) + b"\n"
