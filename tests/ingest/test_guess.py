"""From a folder to a store as a newcomer goes: `card`, at most ten edited lines, `ingest`.

Three folders in the styles of three plants, written from signals that are known.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.ingest import Preview
from faultsyn.store import Recording, Store, validate

RNG = np.random.default_rng(1)


def signal(seed: int, n: int, rate: float, fault: bool) -> np.ndarray:
    """Noise; with a fault, rings at 87 Hz."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    if fault:
        t = np.arange(n) / rate
        x += 4 * np.exp(-300 * (t % (1 / 87))) * np.sin(2 * np.pi * 0.2 * rate * t)
    return x.round(4)


def go(
    tmp_path: Path, edits: dict[str, str], most: int = 10
) -> tuple[Preview, dict[str, Recording]]:
    """Card, edits, dry run, ingest; the recordings by id."""
    path = tmp_path / "card.yaml"
    text = api.card(tmp_path / "raw", out=path)
    lines = text.splitlines()
    changed = 0
    for old, new in edits.items():
        hits = [k for k, line in enumerate(lines) if old in line]
        assert hits, f"no line with {old!r} in\n{text}"
        for k in hits:
            lines[k] = lines[k].replace(old, new)
            changed += 1
    assert changed <= most
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    planned = api.preview(path, tmp_path / "raw")
    assert planned.problems == []
    assert planned.unmatched == ()
    out = tmp_path / "out.h5"
    summary = api.ingest(path, tmp_path / "raw", out)
    assert validate(out) == []
    assert summary.problems == []
    with Store(out) as store:
        found = {str(id): store.recording(k) for k, id in enumerate(store.recordings["id"])}
    assert {r.id: r.label for r in planned.recordings} == {k: r.label for k, r in found.items()}
    for recording in planned.recordings:
        streams = {s.stream: s for s in found[recording.id].streams}
        for stream in recording.streams:
            assert stream.rate == streams[stream.name].rate
            assert stream.units == streams[stream.name].units
    return planned, found


def exact(recording: Recording, stream: str, rate: float, **channels: np.ndarray) -> None:
    (data,) = [s for s in recording.streams if s.stream == stream]
    assert data.rate == rate
    assert data.channels == tuple(channels)
    samples = np.asarray(data.samples)
    if data.scale is not None:
        samples = samples * data.scale
    wanted = np.stack(list(channels.values()), axis=1)
    np.testing.assert_array_equal(samples.astype(np.float32), wanted.astype(np.float32))


def test_a_german_data_logger(tmp_path: Path) -> None:
    """Folders by pump, state and speed in the names; preamble, units row, decimal commas, date and
    time apart, umlauts in the plant's own code page."""
    written = {}
    states = {"gut": "normal", "Lagerschaden": "bearing", "Rohrbruch": "pipe-burst"}
    for k, (pump, state) in enumerate(
        [("Pumpe3", "gut"), ("Pumpe3", "Lagerschaden"), ("Pumpe4", "gut"), ("Pumpe4", "Rohrbruch")]
    ):
        rpm = 1480 if k < 2 else 1450
        x = signal(k, 400, 50, state != "gut")
        p = (5 + 0.1 * RNG.standard_normal(400)).round(3)
        start = datetime(2024, 5, 3, 10, 59, 58)
        lines = ["Messgerät: Logger 7", "Prüfer: Müller", "Datum;Uhrzeit;Schwingung x;Druck",
                 ";;m/s²;bar"]  # fmt: skip
        for n in range(400):
            when = start + timedelta(milliseconds=20 * n)
            stamp = when.strftime("%d.%m.%Y;%H:%M:%S,") + f"{when.microsecond // 1000:03}"
            lines.append(f"{stamp};{x[n]};{p[n]}".replace(".", ",").replace(
                when.strftime("%d,%m,%Y"), when.strftime("%d.%m.%Y")))  # fmt: skip
        path = tmp_path / "raw" / pump / f"{state}_{rpm}rpm_0{k}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("\r\n".join(lines).encode("cp1252") + b"\r\n")
        written[path.stem] = (pump, states[state], rpm, x, p)
    (tmp_path / "raw" / "Hinweise.pdf").write_bytes(b"%PDF")
    _, found = go(tmp_path, {"Rohrbruch: Rohrbruch  # ?": "Rohrbruch: pipe-burst  #"})
    assert len(found) == 4
    for recording in found.values():
        pump, label, rpm, x, p = written[Path(recording.source_file).stem]
        assert recording.label == label
        assert recording.columns["asset"] == pump
        assert recording.columns["rpm"] == rpm
        assert recording.columns["start_time"] == "2024-05-03T10:59:58.000000"
        exact(recording, "signals", 50, Schwingung_x=x, Druck=p)
        assert recording.streams[0].units == ("m/s²", "bar")
        assert recording.streams[0].quantities == ("acceleration", "pressure")


def test_a_folder_a_measurement_a_file_a_sensor(tmp_path: Path) -> None:
    """Sound, a fast and a slow CSV in one folder, each at its rate."""
    written = {}
    for k, (machine, state) in enumerate([("P7", "ok"), ("P7", "leak"), ("P8", "ok")]):
        folder = tmp_path / "raw" / f"2024-05-0{k + 1}_{machine}_{state}"
        folder.mkdir(parents=True)
        counts = (signal(k, 8000, 8000, state != "ok") * 2000).astype("int16")
        soundfile.write(folder / "mic.wav", counts, 8000)
        t = np.arange(200) / 100
        p = signal(k + 10, 200, 100, False)
        header = "time [s],inlet [bar],outlet [bar]"
        table = np.column_stack([t, p, 2 * p])
        np.savetxt(folder / "pressure.csv", table, "%.4f", ",", header=header, comments="")
        temp = 40 + np.arange(20.0)
        table = np.column_stack([np.arange(20) * 0.1, temp])
        np.savetxt(folder / "temperature.csv", table, "%.2f", ";", header="t;T", comments="")
        written[folder.name] = (machine, state, counts, p, temp)
    edits = {"unit: FS": "unit: Pa, scale: 20"}
    edits["unit:  # ?"] = "unit: degC  #"
    _, found = go(tmp_path, edits)
    assert len(found) == 3
    for recording in found.values():
        folder = Path(recording.source_file).parent.name
        machine, state, counts, p, temp = written[folder]
        assert recording.label == {"ok": "normal", "leak": "leak"}[state]
        assert recording.columns["asset"] == machine
        exact(recording, "mic", 8000, ch1=counts * (20 / 2**15))
        exact(recording, "pressure", 100, inlet=p, outlet=2 * p)
        exact(recording, "temperature", 10, T=temp)
        units = {s.stream: s.units for s in recording.streams}
        assert units == {"mic": ("Pa",), "pressure": ("bar", "bar"), "temperature": ("degC",)}


def test_numbered_files_and_a_label_table(tmp_path: Path) -> None:
    """Test-rig HDF5 files that only a table from a spreadsheet explains."""
    raw = tmp_path / "raw"
    (raw / "data").mkdir(parents=True)
    rows = ["file;machine;condition;rpm;operator"]
    written = {}
    for k, (machine, state) in enumerate([("R1", "healthy"), ("R1", "inner"), ("R2", "scuffing")]):
        x = np.stack([signal(3 * k + j, 3000, 25600, state != "healthy") for j in range(2)], axis=1)
        with h5py.File(raw / "data" / f"meas_{k + 17:04}.h5", "w") as file:
            file["acq/acc"] = x
            file["acq/acc"].attrs["sample_rate"] = 25600
            file["acq/acc"].attrs["unit"] = "g"
        rows.append(f"meas_{k + 17:04};{machine};{state};{1500 + 10 * k};xy")
        written[f"meas_{k + 17:04}"] = (machine, state, 1500 + 10 * k, x)
    (raw / "labels.csv").write_text("\n".join(rows) + "\n")
    _, found = go(tmp_path, {})
    assert len(found) == 3
    labels = {"healthy": "normal", "inner": "inner", "scuffing": "scuffing"}
    for recording in found.values():
        machine, state, rpm, x = written[Path(recording.source_file).stem]
        assert (recording.label, recording.columns["asset"]) == (labels[state], machine)
        assert recording.columns["rpm"] == rpm
        exact(recording, "signals", 25600, **{"acc.1": x[:, 0], "acc.2": x[:, 1]})
        assert recording.streams[0].units == ("g", "g")
        assert recording.streams[0].quantities == ("acceleration", "acceleration")


def test_what_nobody_can_know_is_asked_for(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for k in range(3):
        np.savetxt(raw / f"{k}.txt", RNG.standard_normal((50, 2)), "%.3f")
    (raw / "broken.csv").write_text("x\ny\n")
    text = api.card(raw)
    assert "  rate:  # ? samples per second" in text
    assert "unit:  # ?" in text
    assert "label: unknown  # ?" in text
    assert "# broken.csv cannot be read:" in text
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="give 'rate', 'file_rate', 'interval' or 'time'"):
        api.preview(path, raw)
    path.write_text(text.replace("rate:  #", "rate: 100  #"))
    planned = api.preview(path, raw)
    assert len(planned.problems) == 3
    assert "no unit, neither in the card nor in the file" in planned.problems[0].message
    with pytest.raises(InputError, match="is there already"):
        api.card(raw, out=path)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file that can be read as a recording"):
        api.card(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        api.card(tmp_path / "none")


@pytest.mark.data
def test_a_card_for_the_bearing_data(recordings: Path) -> None:
    """Real files: every family of names is found and its channels are there."""
    text = api.card(recordings / "cwru" / "Normal")
    assert "X097_DE_time" in text
    assert 'rpm: "{speed}"' in text
