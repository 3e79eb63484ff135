"""Data sets that this project has never seen: a card and their files, no Python."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import scipy.io

from faultsyn.ingest import IngestSummary, ingest, load_card
from faultsyn.store import Recording, Store, validate


def make(folder: Path, card: str) -> tuple[IngestSummary, dict[str, Recording]]:
    """Ingest `folder / raw` with a card and read everything back."""
    path = folder / "card.yaml"
    path.write_text("name: foreign\ntitle: A foreign set\n" + dedent(card))
    out = folder / "out.h5"
    summary = ingest(load_card(path), folder / "raw", out)
    assert validate(out) == []
    with Store(out) as store:
        found = {str(id): store.recording(k) for k, id in enumerate(store.recordings["id"])}
    return summary, found


def same(recording: Recording, stream: str, expected: dict[str, np.ndarray], rate: float) -> None:
    (data,) = [s for s in recording.streams if s.stream == stream]
    assert data.rate == rate
    assert data.channels == tuple(expected)
    wanted = np.stack([np.asarray(v, np.float32) for v in expected.values()], axis=1)
    np.testing.assert_array_equal(np.asarray(data.samples), wanted)


def test_run_to_failure_folders_of_csv(tmp_path: Path) -> None:
    """One folder a condition, one a bearing, one CSV a minute; faulty from a known minute on."""
    rng = np.random.default_rng(0)
    written = {}
    for condition, bearing, n in (("35Hz12kN", "Bearing1_1", 11), ("40Hz10kN", "Bearing3_2", 2)):
        folder = tmp_path / "raw" / "XJTU" / condition / bearing
        folder.mkdir(parents=True)
        for minute in range(1, n + 1):
            table = rng.standard_normal((50, 2)).round(6)
            header = "Horizontal_vibration_signals,Vertical_vibration_signals"
            np.savetxt(folder / f"{minute}.csv", table, "%.6f", ",", header=header, comments="")
            written[f"{bearing}-{minute}"] = table
    summary, found = make(
        tmp_path,
        r"""
        lookups:
          bearings:
            Bearing1_1: {fault: outer, onset: 8}
            Bearing3_2: {fault: inner, onset: 2}
        recordings:
          - files: "{hz}Hz{kn}kN/{bearing}/{minute}.csv"
            id: "{bearing}-{minute}"
            columns:
              fault: {value: "{bearing}", map: bearings.fault}
              onset: {value: "{bearing}", map: bearings.onset}
              label: {value: "{fault}", if: "{minute} >= {onset}", default: normal}
              asset: "{bearing}"
              machine: rig
              session: "{bearing}"
              minute: {value: "{minute}", type: integer}
              rpm: {value: "{hz}", times: 60}
              load: "{kn}"
            streams:
              vibration:
                rate: 25600
                quantity: acceleration
                unit: g
                channels:
                  horizontal: Horizontal_vibration_signals
                  vertical: 2
        """,
    )
    assert summary.added == 13
    assert summary.labels == {"normal": 8, "outer": 4, "inner": 1}
    assert summary.assets == {"normal": 2, "outer": 1, "inner": 1}
    # 2 comes before 10: recordings stand in the order of time
    assert list(found)[:3] == ["Bearing1_1-1", "Bearing1_1-2", "Bearing1_1-3"]
    for id, table in written.items():
        same(found[id], "vibration", {"horizontal": table[:, 0], "vertical": table[:, 1]}, 25600)
    last = found["Bearing3_2-2"]
    assert last.label == "inner"
    assert last.columns["rpm"] == 2400.0
    assert last.columns["load"] == 10.0
    assert last.columns["minute"] == 2
    assert last.streams[0].units == ("g", "g")


def test_nested_struct_with_its_own_rate(tmp_path: Path) -> None:
    """`bearing.gs` at `bearing.sr` Hz, load and shaft rate beside it; two rates, two streams."""
    raw = tmp_path / "raw" / "MFPT Fault Data Sets"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(1)
    signals = {}
    for name, sr, load in (
        ("baseline_1", 97656.0, 270.0),
        ("OuterRaceFault_1", 97656.0, 270.0),
        ("InnerRaceFault_vload_1", 48828.0, 0.0),
        ("InnerRaceFault_vload_2", 48828.0, 50.0),
    ):
        signals[name] = rng.standard_normal(200)
        bearing = {"sr": sr, "rate": 25.0, "load": load, "gs": signals[name][:, None]}
        scipy.io.savemat(raw / f"{name}.mat", {"bearing": bearing})
    summary, found = make(
        tmp_path,
        r"""
        recordings:
          - regex: '(?P<kind>baseline|OuterRaceFault|InnerRaceFault)(?:_vload)?_(?P<n>\d+)\.mat'
            values: {sr: bearing.sr, lbs: bearing.load, shaft: bearing.rate}
            columns:
              label:
                value: "{kind}"
                map: {baseline: normal, OuterRaceFault: outer, InnerRaceFault: inner}
              asset: {value: "{kind}-bearing"}
              load: "{lbs}"
              rpm: {value: "{shaft}", times: 60}
            streams:
              "vibration_{sr}":
                file_rate: "{sr}"
                channels:
                  acc: {from: bearing.gs, quantity: acceleration, unit: g}
        """,
    )
    assert summary.labels == {"normal": 1, "outer": 1, "inner": 2}
    assert summary.rates == {"vibration_97656": 97656.0, "vibration_48828": 48828.0}
    for name, signal in signals.items():
        rate = 48828.0 if "Inner" in name else 97656.0
        same(found[name], f"vibration_{rate:.0f}", {"acc": signal}, rate)
    assert found["InnerRaceFault_vload_2"].columns["load"] == 50.0
    assert found["baseline_1"].columns["rpm"] == 1500.0


def test_struct_array_with_rates_and_a_label_table(tmp_path: Path) -> None:
    """Channels in a struct array told apart by Name, two rates in a file, labels in a table."""
    raw = tmp_path / "raw"
    rng = np.random.default_rng(2)
    kept = {}
    for code in ("K001", "KA01"):
        (raw / code).mkdir(parents=True)
        name = f"N15_M07_F10_{code}_1"
        force, vibration = rng.standard_normal(40), rng.standard_normal(640)
        kept[name] = force, vibration
        y = np.zeros(2, dtype=[("Name", object), ("Data", object)])
        y[0], y[1] = ("force", force[None, :]), ("vibration_1", vibration[None, :])
        scipy.io.savemat(raw / code / f"{name}.mat", {name: {"Info": "x", "Y": y}})
    (raw / "bearings.csv").write_text("code;damage;extent\nK001;none;0\nKA01;outer ring;1\n")
    summary, found = make(
        tmp_path,
        r"""
        tables:
          bearings: {file: bearings.csv, key: code}
        recordings:
          - files: "N{speed}_M{torque}_F{force}_{bearing}_{n}.mat"
            join: {bearings: "{bearing}"}
            columns:
              label: {value: "{damage}", map: {none: normal, outer ring: outer}}
              asset: "{bearing}"
              severity: "{extent}"
              rpm: {value: "{speed}", times: 100}
              torque: {value: "{torque}", times: 0.1}
              radial_force: {value: "{force}", times: 100}
            streams:
              slow:
                rate: 4000
                channels:
                  force: {from: '.*\.Y\.force\.Data', quantity: force, unit: N}
              fast:
                rate: 64000
                quantity: acceleration
                unit: m/s²
                channels: {vibration: '.*\.Y\.vibration_1\.Data'}
        """,
    )
    assert summary.labels == {"normal": 1, "outer": 1}
    for name, (force, vibration) in kept.items():
        same(found[name], "slow", {"force": force}, 4000)
        same(found[name], "fast", {"vibration": vibration}, 64000)
    columns = found["N15_M07_F10_KA01_1"].columns
    assert (columns["severity"], columns["rpm"], columns["torque"]) == (
        1.0,
        1500.0,
        0.7000000000000001,
    )
    assert columns["asset"] == "KA01"


def test_dated_csv_with_a_label_column(tmp_path: Path) -> None:
    """Semicolons, dates, a label in every row: one recording a run of equal labels."""
    raw = tmp_path / "raw" / "valve1"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(3)
    table = rng.standard_normal((60, 2)).round(4)
    anomaly = np.r_[np.zeros(25), np.ones(20), np.zeros(15)]
    start = datetime(2020, 3, 9, 10, 14, 33)
    lines = ["datetime;Accelerometer1RMS;Volume Flow RateRMS;anomaly;changepoint"]
    for k, (a, b) in enumerate(table):
        when = start + timedelta(seconds=k + (5 if k >= 30 else 0))
        lines.append(f"{when};{a};{b};{anomaly[k]};0.0")
    (raw / "0.csv").write_text("\n".join(lines) + "\n")
    summary, found = make(
        tmp_path,
        r"""
        recordings:
          - files: "{experiment}/{n}.csv"
            id: "{experiment}-{n}-{segment}"
            segment_by: anomaly
            columns:
              label: {value: "{segment_value}", map: {0: normal, 1: anomaly}}
              asset: testbed
              session: "{experiment}-{n}"
            streams:
              process:
                time: datetime
                channels:
                  acceleration: {from: Accelerometer1RMS, quantity: acceleration, unit: g}
                  flow: {from: Volume Flow RateRMS, quantity: volume flow, unit: l/min}
        """,
    )
    assert [found[f"valve1-0-{k}"].label for k in (1, 2, 3)] == ["normal", "anomaly", "normal"]
    same(found["valve1-0-1"], "process", {"acceleration": table[:25, 0], "flow": table[:25, 1]}, 1)
    same(
        found["valve1-0-2"],
        "process",
        {"acceleration": table[25:45, 0], "flow": table[25:45, 1]},
        1,
    )
    assert found["valve1-0-1"].columns["start_time"] == "2020-03-09T10:14:33.000000"
    assert found["valve1-0-2"].columns["start_time"] == "2020-03-09T10:14:58.000000"
    assert [found[f"valve1-0-{k}"].columns["flags"] for k in (1, 2, 3)] == ["", "gap", ""]
    assert summary.flags == {"gap": 1}


def test_german_csv_with_units_and_preamble(tmp_path: Path) -> None:
    """Semicolons, decimal commas, a units row, the rate in the preamble, time in milliseconds."""
    raw = tmp_path / "raw"
    raw.mkdir()
    table = np.array([[0.5, 20.25], [-1.5, 20.5], [2.5, 21.0], [3.5, 21.25]])
    rows = "\n".join(f"{k * 2},0;{a};{b}".replace(".", ",") for k, (a, b) in enumerate(table))
    for pump, state in (("P1", "gut"), ("P2", "Lagerschaden")):
        text = (
            f"Prüfstand 7\nAbtastrate: 500 Hz\nZustand: {state}\nZeit;Kraft;Temp\n[ms];[kN];[°C]\n"
        )
        (raw / f"{pump}.csv").write_bytes((text + rows + "\n").encode("cp1252"))
    summary, found = make(
        tmp_path,
        r"""
        recordings:
          - files: "{pump}.csv"
            values:
              fs: {preamble: 'Abtastrate: (\d+)'}
              state: {preamble: 'Zustand: (.*)'}
            columns:
              label: {value: "{state}", map: {gut: normal, Lagerschaden: bearing}}
              asset: "{pump}"
            streams:
              press:
                file_rate: "{fs}"
                time: {from: Zeit, unit: ms}
                channels:
                  force: {from: Kraft, quantity: force, unit: N, scale: 1000}
                  temperature: {from: Temp, quantity: temperature}
        """,
    )
    assert summary.labels == {"normal": 1, "bearing": 1}
    same(found["P2"], "press", {"force": table[:, 0] * 1000, "temperature": table[:, 1]}, 500)
    assert found["P1"].streams[0].units == ("N", "°C")


@pytest.mark.parametrize("suffix", ["npz", "mat"])
def test_windows_as_rows_of_an_array(tmp_path: Path, suffix: str) -> None:
    """`X` (windows, samples, channels) with labels `y` and speeds beside it."""
    raw = tmp_path / "raw"
    raw.mkdir()
    x = np.random.default_rng(4).standard_normal((5, 32, 2))
    y = np.array([0, 0, 1, 2, 2])
    arrays = {"X": x, "y": y, "speed": np.array([10.0, 20, 30, 40, 50])}
    if suffix == "npz":
        np.savez(raw / "data.npz", **arrays)
    else:
        scipy.io.savemat(raw / "data.mat", arrays)
    _, found = make(
        tmp_path,
        r"""
        recordings:
          - files: ["data.npz", "data.mat"]
            rows: true
            id: "w{row:03}"
            values: {y: "y", hz: speed}
            columns:
              label: {value: "{y}", map: {0: normal, 1: unbalance, 2: looseness}}
              asset: "{label}"
              rpm: {value: "{hz}", times: 60}
            streams:
              vibration:
                rate: 1000
                quantity: acceleration
                unit: g
                channels: {x: X.1, y: X.2}
        """,
    )
    assert [r.label for r in found.values()] == [
        "normal", "normal", "unbalance", "looseness", "looseness"
    ]  # fmt: skip
    for k in range(5):
        same(found[f"w{k + 1:03}"], "vibration", {"x": x[k, :, 0], "y": x[k, :, 1]}, 1000)
    assert found["w003"].columns["rpm"] == 1800.0


def test_labelled_rows_of_text(tmp_path: Path) -> None:
    """One line a window: its label first, then its samples; the same file is the label table."""
    raw = tmp_path / "raw"
    raw.mkdir()
    x = np.random.default_rng(5).standard_normal((4, 20)).round(5)
    lines = [
        f"{label}\t" + "\t".join(map(str, row)) for label, row in zip([1, 1, 2, 2], x, strict=True)
    ]
    (raw / "Set_TRAIN.tsv").write_text("\n".join(lines) + "\n")
    _, found = make(
        tmp_path,
        r"""
        tables:
          classes: {file: "*_TRAIN.tsv", columns: {class: 1}}
        recordings:
          - files: "*_TRAIN.tsv"
            rows: true
            join: {classes: "{row}"}
            columns:
              label: {value: "{class}", map: {1: normal, 2: fault}}
              asset: unknown
            streams:
              s: {rate: 50, channels: {u: {from: "2..", quantity: voltage, unit: V}}}
        """,
    )
    assert [r.label for r in found.values()] == ["normal", "normal", "fault", "fault"]
    for k, recording in enumerate(found.values()):
        same(recording, "s", {"u": x[k]}, 50)


def test_one_file_a_sensor(tmp_path: Path) -> None:
    """A recording spread over files in one folder; the file of the own folder is taken."""
    kept = {}
    for k, machine in enumerate(("m1", "m2")):
        folder = tmp_path / "raw" / machine
        folder.mkdir(parents=True)
        acc = np.arange(30.0).reshape(10, 3) + k
        temperature = np.arange(5.0) * (k + 1)
        np.savetxt(folder / "acc_0007.csv", acc, "%.1f", ",")
        np.save(folder / "temp_0007.npy", temperature)
        kept[machine] = acc, temperature
    (tmp_path / "raw" / "notes.docx").write_text("?")
    summary, found = make(
        tmp_path,
        r"""
        recordings:
          - files: "{machine}/acc_{n}.csv"
            id: "{machine}-{n}"
            columns: {label: normal, asset: "{machine}"}
            streams:
              acc:
                rate: 100
                unit: g
                quantity: acceleration
                channels: {x: 1, y: 2, z: 3}
              temp:
                interval: {value: 0.5}
                channels: {t: {file: "temp_{n}.npy", quantity: temperature, unit: degC}}
        """,
    )
    assert summary.unmatched == ("notes.docx",)
    for machine, (acc, temperature) in kept.items():
        same(found[f"{machine}-0007"], "acc", dict(zip("xyz", acc.T, strict=True)), 100)
        same(found[f"{machine}-0007"], "temp", {"t": temperature}, 2)


def test_files_without_suffix_named_by_their_time(tmp_path: Path) -> None:
    """Eight columns without a header in files called 2003.10.22.12.06.24."""
    folder = tmp_path / "raw" / "1st_test"
    folder.mkdir(parents=True)
    table = np.random.default_rng(6).standard_normal((20, 8)).round(3)
    np.savetxt(folder / "2003.10.22.12.06.24", table, "%.3f", "\t")
    _, found = make(
        tmp_path,
        r"""
        recordings:
          - files: "{test}/{y}.{mo}.{d}.{h}.{mi}.{s}"
            format: text
            id: "{name}"
            columns:
              label: unknown
              asset: "{test}"
              start_time: "{y}-{mo}-{d}T{h}:{mi}:{s}"
            streams:
              vibration:
                rate: 20000
                quantity: acceleration
                unit: g
                channels: {"b{n}": {from: '(?P<n>[1-4])'}, "c{n}": {from: '(?P<n>[5-8])'}}
        """,
    )
    (recording,) = found.values()
    names = [f"b{k}" for k in range(1, 5)] + [f"c{k}" for k in range(5, 9)]
    same(recording, "vibration", dict(zip(names, table.T, strict=True)), 20000)
    assert recording.columns["start_time"] == "2003-10-22T12:06:24"
    assert recording.id == "2003.10.22.12.06.24"


def test_segments_in_seconds_of_two_streams(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    fast, slow = np.arange(400.0), np.arange(40.0)
    np.savez(raw / "run7.npz", fast=fast, slow=slow)
    _, found = make(
        tmp_path,
        r"""
        recordings:
          - files: "{run}.npz"
            columns: {asset: "{run}"}
            streams:
              fast: {rate: 100, unit: g, channels: {fast: {}}}
              slow: {rate: 10, unit: bar, channels: {slow: {}}}
            segments:
              - {stop: 1.5 s, columns: {label: normal}}
              - {start: 2 s, stop: 4 s, id: "{run}-late", columns: {label: leak}}
        """,
    )
    same(found["run7-1"], "fast", {"fast": fast[:150]}, 100)
    same(found["run7-1"], "slow", {"slow": slow[:15]}, 10)
    same(found["run7-late"], "fast", {"fast": fast[200:]}, 100)
    assert [r.label for r in found.values()] == ["normal", "leak"]


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    """The card that data/README.md shows, on files of the kind it describes."""
    readme = Path(__file__).parents[2] / "data" / "README.md"
    (example,) = re.findall(r"```yaml\n(.*?)```", readme.read_text(), re.DOTALL)
    (tmp_path / "card.yaml").write_text(example)
    table = np.random.default_rng(7).standard_normal((50, 3)).round(4)
    table[:, 0] = np.arange(50) / 12800
    for name in ("pump3/bearing-worn_1500rpm_07", "pump4/healthy_1450rpm_01"):
        path = tmp_path / "raw" / f"{name}.csv"
        path.parent.mkdir(parents=True)
        np.savetxt(path, table, "%.8f", ",", header="time,acc_x,acc_y", comments="")
    out = tmp_path / "out.h5"
    summary = ingest(tmp_path / "card.yaml", tmp_path / "raw", out)
    assert summary.labels == {"bearing": 1, "normal": 1}
    with Store(out) as store:
        assert store.recordings["id"].tolist() == [
            "pump3-bearing-worn-1500-07",
            "pump4-healthy-1450-01",
        ]
        assert store.recordings["rpm"].tolist() == [1500.0, 1450.0]
        same(store.recording(1), "vibration", {"x": table[:, 1], "y": table[:, 2]}, 12800)


def test_german_dates_and_labels_as_words(tmp_path: Path) -> None:
    """Dates that need a format, trailing semicolons, an unnamed index, a word in every line."""
    raw = tmp_path / "raw"
    raw.mkdir()
    lines = [";Zeit;Druck;Zustand;"]
    for k in range(12):
        stamp = datetime(2023, 2, 1, 10) + timedelta(milliseconds=250 * k)
        text = stamp.strftime("%d.%m.%Y %H:%M:%S,") + f"{stamp.microsecond // 1000:03}"
        lines.append(f"{k};{text};{k},5;{'gut' if k < 8 else 'Leck groß'};")
    (raw / "Messung.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    _, found = make(
        tmp_path,
        r"""
        recordings:
          - files: Messung.csv
            segment_by: Zustand
            columns:
              label: {value: "{segment_value}", map: {gut: normal, Leck groß: leak}}
              asset: pump
            streams:
              pressure:
                time: {from: Zeit, format: "%d.%m.%Y %H:%M:%S,%f"}
                channels: {p: {from: Druck, quantity: pressure, unit: bar}}
        """,
    )
    assert [r.label for r in found.values()] == ["normal", "leak"]
    same(found["Messung-1"], "pressure", {"p": np.arange(8) + 0.5}, 4)
    same(found["Messung-2"], "pressure", {"p": np.arange(8, 12) + 0.5}, 4)
    assert found["Messung-2"].columns["start_time"] == "2023-02-01T10:00:02.000000"
