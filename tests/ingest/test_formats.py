"""Every binary format: written by the library that plants use for it, read back exactly."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pyuff
import soundfile
from nptdms import ChannelObject, GroupObject, RootObject, TdmsWriter

from faultsyn.errors import InputError
from faultsyn.ingest import ingest
from faultsyn.ingest.card import parse_card
from faultsyn.ingest.readers import Source, base, open_source, universal
from faultsyn.store import Recording, Store

RNG = np.random.default_rng(0)


def column(source: Source, name: str) -> np.ndarray:
    return np.concatenate([block[name] for block in source.blocks([name])])


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is read in many blocks."""
    from faultsyn.ingest.readers import audio, parquet, slabs

    for module in (base, audio, parquet, slabs):
        monkeypatch.setattr(module, "BLOCK_ROWS", 700)
    monkeypatch.setattr(universal, "_BLOCK", 60)


def take_in(folder: Path, files: str, stream: dict[str, Any], **rule: Any) -> list[Recording]:
    """The recordings of `folder / raw`, through a card with one stream."""
    made = {
        "files": files,
        "columns": {"label": "normal", "asset": "a"},
        "streams": {"s": stream},
        **rule,
    }
    card = parse_card({"name": "c", "title": "c", "recordings": [made]}, "c.yaml")
    ingest(card, folder / "raw", folder / "out.h5")
    with Store(folder / "out.h5") as store:
        return [store.recording(k) for k in range(len(store))]


@pytest.mark.parametrize(
    ("suffix", "subtype", "kind"),
    [
        (".wav", "PCM_16", "int16"),
        (".wav", "PCM_24", "int32"),
        (".wav", "PCM_32", "int32"),
        (".wav", "FLOAT", "float32"),
        (".wav", "DOUBLE", "float64"),
        (".flac", "PCM_16", "int16"),
        (".flac", "PCM_24", "int32"),
    ],
)
def test_sound(tmp_path: Path, suffix: str, subtype: str, kind: str) -> None:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / f"x{suffix}"
    if kind.startswith("int"):
        limits = np.iinfo(kind)
        samples = RNG.integers(limits.min, limits.max, (2000, 2), kind, endpoint=True)
        samples[0], samples[1] = limits.min, limits.max
        if subtype == "PCM_24":
            samples &= ~0xFF
    else:
        samples = RNG.standard_normal((2000, 2)).astype(kind)
    soundfile.write(path, samples, 25600, subtype=subtype)
    source = open_source(path)
    assert source.names == ("1", "2")
    assert source.rates == {"1": 25600.0, "2": 25600.0}
    for k in range(2):
        found = column(source, str(k + 1))
        assert found.dtype == samples.dtype
        np.testing.assert_array_equal(found, samples[:, k])
    channel = {"unit": "g", "quantity": "acceleration", "scale": 50.0}
    (recording,) = take_in(
        tmp_path,
        f"*{suffix}",
        {
            "file_rate": "header",
            "channels": {"x": {"from": 1, **channel}, "y": {"from": 2, **channel}},
        },
    )
    (stream,) = recording.streams
    assert stream.rate == 25600
    if kind.startswith("int"):
        np.testing.assert_array_equal(np.asarray(stream.samples), samples)
        assert stream.scale == 50.0 / -float(limits.min)
    else:
        wanted = (samples.astype(np.float64) * 50).astype(np.float32)
        np.testing.assert_array_equal(np.asarray(stream.samples), wanted)


def test_channels_of_different_scale_are_stored_as_floats(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    samples = RNG.integers(-30000, 30000, (900, 2), "int16")
    soundfile.write(tmp_path / "raw" / "x.wav", samples, 1000)
    channels = {"x": {"from": 1, "unit": "g"}, "y": {"from": 2, "unit": "Pa", "scale": 3.0}}
    (recording,) = take_in(tmp_path, "*.wav", {"rate": 1000, "channels": channels})
    found = np.asarray(recording.streams[0].samples)
    np.testing.assert_allclose(found, samples * [1, 3.0] / 2**15, rtol=1e-6)


def test_a_header_that_contradicts_the_card(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    soundfile.write(tmp_path / "raw" / "x.wav", np.zeros(10, "int16"), 8000)
    message = r"x\.wav: expected 16000 Hz \(the card's 'rate'\), got 8000 Hz \(the file's header\)"
    with pytest.raises(InputError, match=message):
        take_in(tmp_path, "*.wav", {"rate": 16000, "channels": {"x": {"unit": "g"}}})


def test_truncated_wav(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros(1000, "int16"), 8000)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"x\.wav: truncated: expected 2000 bytes .* got 1900"):
        open_source(path)


def test_parquet(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    n = 3000
    start = np.datetime64("2024-05-03T10:00:00", "us")
    stamps = start + np.arange(n) * np.timedelta64(10_000, "us")
    data = {
        "t": pa.array(stamps),
        "p": pa.array(RNG.standard_normal(n)),
        "count": pa.array(RNG.integers(-9, 9, n)),
        "gap": pa.array([None if k == 1234 else float(k) for k in range(n)]),
        "state": pa.array(["gut"] * n),
    }
    table = pa.table(data)
    field = table.schema.field("p").with_metadata({"unit": "bar"})
    table = table.cast(table.schema.set(1, field)).replace_schema_metadata({"rig": "7"})
    pq.write_table(table, tmp_path / "raw" / "x.parquet", row_group_size=512)
    source = open_source(tmp_path / "raw" / "x.parquet")
    assert source.names == ("t", "p", "count", "gap", "state")
    assert source.units == {"p": "bar"}
    assert source.attributes["@rig"] == "7"
    assert [source.is_text(name) for name in source.names] == [True, False, False, False, True]
    np.testing.assert_array_equal(column(source, "gap"), table["gap"].to_numpy())
    (recording,) = take_in(
        tmp_path,
        "*.parquet",
        {"time": "t", "channels": {"p": {"quantity": "pressure"}, "count": {"unit": "1"}}},
    )
    assert recording.streams[0].rate == 100
    assert recording.columns["start_time"] == "2024-05-03T10:00:00.000000"
    wanted = np.stack([table["p"].to_numpy(), table["count"].to_numpy()], axis=1)
    np.testing.assert_array_equal(np.asarray(recording.streams[0].samples), wanted.astype("f4"))


def test_parquet_of_windows(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    x = RNG.standard_normal((5, 40)).astype(np.float32)
    table = pa.table({"wave": list(x), "kind": ["a", "a", "b", "b", "b"]})
    pq.write_table(table, tmp_path / "raw" / "x.parquet")
    found = take_in(
        tmp_path,
        "*.parquet",
        {"rate": 10, "channels": {"wave": {"unit": "g"}}},
        rows=True,
        values={"kind": "kind"},
        columns={"label": "{kind}", "asset": "a"},
    )
    assert [r.label for r in found] == ["a", "a", "b", "b", "b"]
    for row, recording in zip(x, found, strict=True):
        np.testing.assert_array_equal(np.asarray(recording.streams[0].samples)[:, 0], row)


def test_hdf5_of_foreign_layout(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    wide = RNG.standard_normal((3, 2000))
    table = np.zeros(900, [("pressure", "f4"), ("flow", "i2")])
    table["pressure"], table["flow"] = RNG.standard_normal(900), np.arange(900)
    with h5py.File(tmp_path / "raw" / "x.h5", "w") as file:
        file.attrs["machine"] = "P7"
        file["run1/acc"] = wide.T
        file["run1/acc"].attrs["fs"] = 12800.0
        file["run1/acc"].attrs["unit"] = "g"
        file["run1/slow"] = table
        file["run1/state"] = "leak"
    source = open_source(tmp_path / "raw" / "x.h5")
    np.testing.assert_array_equal(column(source, "run1/acc.2"), wide[1])
    np.testing.assert_array_equal(column(source, "run1/slow.flow"), np.arange(900))
    assert source.units["run1/acc.3"] == "g"
    with pytest.raises(InputError, match=r"'run1/acc': expected one column, got 2000 x 3"):
        column(source, "run1/acc")
    turned = open_source(tmp_path / "raw" / "x.h5", transpose=True)
    np.testing.assert_array_equal(column(turned, "run1/acc.1999"), wide[:, 1998])
    (recording,) = take_in(
        tmp_path,
        "*.h5",
        {
            "file_rate": "{fs}",
            "channels": {axis: {"from": f"run1/acc.{k + 1}"} for k, axis in enumerate("xyz")},
        },
        values={"fs": "run1/acc@fs", "state": "run1/state", "machine": "@machine"},
        columns={"label": "{state}", "asset": "{machine}"},
    )
    assert (recording.label, recording.columns["asset"]) == ("leak", "P7")
    assert recording.streams[0].rate == 12800
    np.testing.assert_array_equal(np.asarray(recording.streams[0].samples), wide.T.astype("f4"))


def matlab73(path: Path, variables: dict[str, Any]) -> None:
    """Write as MATLAB -v7.3 does: user block, axes reversed, references for cells and structs."""

    counter = [0]

    def put(group: h5py.Group, name: str, value: Any) -> None:
        if isinstance(value, dict):
            made = group.create_group(name)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, part in value.items():
                put(made, key, part)
        elif isinstance(value, str):
            codes = np.array([[ord(c)] for c in value], np.uint16)
            group[name] = codes
            group[name].attrs["MATLAB_class"] = np.bytes_("char")
        elif isinstance(value, list) and isinstance(value[0], dict):
            made = group.create_group(name)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            for key in value[0]:
                made[key] = references([part[key] for part in value])
        elif isinstance(value, list):
            group[name] = references(value)
            group[name].attrs["MATLAB_class"] = np.bytes_("cell")
        else:
            group[name] = np.asarray(value).T
            group[name].attrs["MATLAB_class"] = np.bytes_("double")

    def references(values: list[Any]) -> np.ndarray:
        found = np.empty((len(values), 1), h5py.ref_dtype)
        for k, value in enumerate(values):
            counter[0] += 1
            name = f"v{counter[0]}"
            put(store, name, value)
            found[k, 0] = store[name].ref
        return found

    with h5py.File(path, "w", userblock_size=512) as file:
        store = file.create_group("#refs#")
        for name, value in variables.items():
            put(file, name, value)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def test_matlab_73_has_the_names_of_older_files(tmp_path: Path) -> None:
    table = RNG.standard_normal((900, 2))
    path = tmp_path / "x.mat"
    matlab73(
        path,
        {
            "bearing": {"gs": np.arange(2000.0)[:, None], "sr": np.array([[97656.0]]),
                        "d": {"er": np.array([[0, 1]])}},
            "run": {"Y": [{"Name": "force", "Data": np.arange(9.0)[None]},
                          {"Name": "vib_1", "Data": np.arange(5.0)[None]}]},
            "plain": [{"v": np.ones((3, 1))}, {"v": np.zeros((2, 1))}],
            "cells": [np.ones((1, 4)), np.zeros((1, 4))],
            "X": table,
            "note": "gut",
        },
    )  # fmt: skip
    source = open_source(path)
    np.testing.assert_array_equal(column(source, "bearing.gs"), np.arange(2000.0))
    assert column(source, "bearing.sr").tolist() == [97656.0]
    np.testing.assert_array_equal(column(source, "bearing.d.er"), [0, 1])
    np.testing.assert_array_equal(column(source, "run.Y.vib_1.Data"), np.arange(5.0))
    np.testing.assert_array_equal(column(source, "plain.2.v"), [0, 0])
    np.testing.assert_array_equal(column(source, "cells.1"), [1, 1, 1, 1])
    np.testing.assert_array_equal(column(source, "X.2"), table[:, 1])
    np.testing.assert_array_equal(source.matrix("X"), table)
    assert source.is_text("note")
    (note,) = source.blocks(["note"], ["note"])
    assert note["note"].tolist() == ["gut"]


def test_matlab_73_cubes_are_windows(tmp_path: Path) -> None:
    cube = RNG.standard_normal((5, 32, 2))
    matlab73(tmp_path / "x.mat", {"X": cube})
    np.testing.assert_array_equal(open_source(tmp_path / "x.mat").matrix("X.2"), cube[..., 1])


def test_tdms(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    fast, slow = RNG.standard_normal(6000), RNG.integers(-99, 99, 600, "int16")
    step = {"wf_increment": 1 / 25600, "unit_string": "g"}
    with TdmsWriter(tmp_path / "raw" / "x.tdms") as writer:
        for k in range(6):
            part = slice(1000 * k, 1000 * (k + 1))
            writer.write_segment(
                [
                    RootObject({"state": "worn", "speed": 1480.0}),
                    GroupObject("rig", {"bearing": "6205"}),
                    ChannelObject("rig", "acc x", fast[part], step),
                    ChannelObject("rig", "temp", slow[100 * k : 100 * (k + 1)]),
                ]
            )
    source = open_source(tmp_path / "raw" / "x.tdms")
    assert source.names == ("rig/acc x", "rig/temp")
    assert source.rates == {"rig/acc x": 25600.0}
    assert (source.attributes["@state"], source.attributes["rig@bearing"]) == ("worn", "6205")
    np.testing.assert_array_equal(column(source, "rig/temp"), slow)
    with pytest.raises(InputError, match="'rig/acc x' has 6000 samples, 'rig/temp' has 600"):
        list(source.blocks(["rig/acc x", "rig/temp"]))
    (recording,) = take_in(
        tmp_path,
        "*.tdms",
        {"file_rate": "header", "channels": {"acc": {"from": "rig/acc x"}}},
        values={"state": "@state", "speed": "@speed"},
        columns={"label": "{state}", "asset": "a", "rpm": "{speed}"},
    )
    assert (recording.label, recording.columns["rpm"]) == ("worn", 1480.0)
    assert (recording.streams[0].rate, recording.streams[0].units) == (25600.0, ("g",))
    np.testing.assert_array_equal(np.asarray(recording.streams[0].samples)[:, 0], fast.astype("f4"))


def test_tdms_of_an_interrupted_logger(tmp_path: Path) -> None:
    path = tmp_path / "x.tdms"
    with TdmsWriter(path) as writer:
        writer.write_segment([ChannelObject("g", "c", np.arange(1000.0))])
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(InputError, match=r"x\.tdms: truncated: its last segment"):
        open_source(path)


def test_tdms_that_ends_in_half_a_lead_in(tmp_path: Path) -> None:
    path, sizes = tmp_path / "x.tdms", []
    for mode in ("w", "a"):
        with TdmsWriter(path, mode=mode) as writer:
            writer.write_segment([ChannelObject("g", "c", np.arange(50.0))])
        sizes.append(path.stat().st_size)
    assert open_source(path).names == ("g/c",)
    path.write_bytes(path.read_bytes()[: sizes[0] + 10])
    with pytest.raises(InputError, match=r"x\.tdms: truncated: its last segment"):
        open_source(path)


def function(
    data: np.ndarray,
    rate: float,
    *,
    node: int = 1,
    func_type: int = 1,
    binary: int = 0,
    kind: int = 4,
) -> dict[str, Any]:
    """A dataset 58 as pyuff wants it."""
    return {
        "type": 58, "binary": binary, "func_type": func_type, "id1": "NONE",
        "rsp_ent_name": "NONE", "rsp_node": node, "rsp_dir": 3, "ref_ent_name": "NONE",
        "ref_node": 1, "ref_dir": 3, "data": data, "x": np.arange(len(data)) / rate,
        "abscissa_spacing": 1, "abscissa_inc": 1 / rate, "abscissa_min": 0.0, "z_axis_value": 0.0,
        "num_pts": len(data), "ord_data_type": kind, "abscissa_spec_data_type": 17,
        "ordinate_spec_data_type": 12, "ordinate_axis_units_lab": "m/s^2",
        "orddenom_spec_data_type": 0, "z_axis_spec_data_type": 0,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of pyuff
@pytest.mark.filterwarnings("ignore::ResourceWarning")
# pyuff announces four bytes a value in a binary file of single precision and writes eight.
@pytest.mark.parametrize(("binary", "double"), [(0, False), (0, True), (1, True)])
def test_universal_files(tmp_path: Path, binary: int, double: bool) -> None:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "x.uff"
    samples = [RNG.standard_normal(533).astype("f8" if double else "f4") for _ in range(2)]
    sets = [
        function(data, 48000, node=k + 1, func_type=kind, binary=binary, kind=4 if double else 2)
        for k, (kind, data) in enumerate([(1, samples[0]), (2, samples[1]), (1, samples[1])])
    ]
    pyuff.UFF(str(path)).write_sets(sets, "add", force_double=double)
    source = open_source(path)
    assert source.names == ("1+Z", "3+Z")
    assert source.rates == {"1+Z": 48000.0, "3+Z": 48000.0}
    assert source.units == {"1+Z": "m/s^2", "3+Z": "m/s^2"}
    tolerance = 0 if binary else 1e-10 if double else 1e-5
    for name, wanted in zip(source.names, samples, strict=True):
        np.testing.assert_allclose(column(source, name), wanted, rtol=tolerance)
    by_pyuff = pyuff.UFF(str(path)).read_sets(0)["data"]
    np.testing.assert_array_equal(column(source, "1+Z"), by_pyuff)
    channels = {"a": {"from": "1+Z"}, "b": {"from": 2}}
    (recording,) = take_in(tmp_path, "*.uff", {"file_rate": "header", "channels": channels})
    assert recording.streams[0].rate == 48000


def test_truncated_universal_file(tmp_path: Path) -> None:
    path = tmp_path / "x.unv"
    made = function(np.arange(99.0), 10)
    pyuff.UFF(str(path)).write_sets([made], "add")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match=r"x\.unv: truncated"):
        column(open_source(path), open_source(path).names[0])


@pytest.mark.parametrize(
    ("name", "module"),
    [("x.wav", "soundfile"), ("x.parquet", "pyarrow.parquet"), ("x.tdms", "nptdms")],
)
def test_a_missing_library_is_named(
    tmp_path: Path, name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"'{module}', .* \(pip install 'faultsyn\[formats\]'\)"):
        open_source(tmp_path / name)


def test_several_files_side_by_side_in_blocks(tmp_path: Path) -> None:
    """Two sensors of one rate in files of different formats; blocks of different lengths."""
    (tmp_path / "raw").mkdir()
    first, second = RNG.standard_normal(3000), RNG.integers(-9, 9, 3000, "int16")
    np.save(tmp_path / "raw" / "a.npy", first)
    soundfile.write(tmp_path / "raw" / "b.wav", second, 100)
    channels = {"a": {"unit": "g"}, "b": {"unit": "Pa", "file": "b.wav", "scale": 2.0**15}}
    (recording,) = take_in(tmp_path, "a.npy", {"rate": 100, "channels": channels})
    wanted = np.stack([first, second], axis=1).astype("f4")
    np.testing.assert_array_equal(np.asarray(recording.streams[0].samples), wanted)
    np.save(tmp_path / "raw" / "a.npy", first[:-1])
    (tmp_path / "out.h5").unlink()
    with pytest.raises(InputError, match=r"b\.wav: stream 's': expected 2999 .* got 3000"):
        take_in(tmp_path, "a.npy", {"rate": 100, "channels": channels})


@pytest.mark.parametrize(
    ("format", "stamp"),
    [
        ("%d.%m.%Y %H:%M:%S,%f", "03.05.2024;10:00:0{},{:03}"),
        ("%Y%m%d %H%M%S.%f", "20240503;10000{}.{:03}"),
    ],
)
def test_date_and_time_in_two_columns(tmp_path: Path, format: str, stamp: str) -> None:
    (tmp_path / "raw").mkdir()
    rows = [f"{stamp.format(k // 10, k % 10 * 100)};{k},25" for k in range(50)]
    text = "\n".join(["Datum;Uhrzeit;Druck", ";;bar", *rows]) + "\n"
    (tmp_path / "raw" / "x.csv").write_bytes(text.encode("cp1252"))
    (recording,) = take_in(
        tmp_path,
        "*.csv",
        {"time": {"from": "Datum", "and": "Uhrzeit", "format": format}, "channels": {"p": "Druck"}},
        text={"decimal": ","},
    )
    assert recording.streams[0].rate == 10
    assert recording.columns["start_time"] == "2024-05-03T10:00:00.000000"
    np.testing.assert_array_equal(
        np.asarray(recording.streams[0].samples)[:, 0], np.arange(50) + 0.25
    )
