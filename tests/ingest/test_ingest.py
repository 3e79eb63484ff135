"""The pipeline: bad input is refused in one line, nothing good is lost, nothing comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from faultsyn.errors import FaultsynError, InputError, StoreError
from faultsyn.ingest import Card, ingest
from faultsyn.ingest.card import parse_card
from faultsyn.ingest.readers import text as text_module
from faultsyn.store import Store, StoreWriter


def card(**changes: Any) -> Card:
    """A card for CSV files `<asset>/<n>.csv` with columns t, a, b."""
    rule: dict[str, Any] = {
        "files": "{asset}/{n}.csv",
        "id": "{asset}-{n}",
        "columns": {"label": "normal", "asset": "{asset}"},
        "streams": {
            "s": {
                "rate": 10,
                "unit": "g",
                "quantity": "acceleration",
                "channels": {"a": "a", "b": "b"},
            }
        },
    }
    stream = {key: changes.pop(key) for key in list(changes) if key in ("rate", "time", "channels")}
    rule["streams"]["s"].update(stream)
    rule.update(changes)
    top = {key: rule.pop(key) for key in ("ignore", "sha256", "tables") if key in rule}
    return parse_card({"name": "c", "title": "c", "recordings": [rule], **top}, "c.yaml")


def plant(raw: Path, names: dict[str, int], rate: float = 10.0) -> dict[str, np.ndarray]:
    tables = {}
    for name, seed in names.items():
        path = raw / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = np.random.default_rng(seed).standard_normal((30, 3)).round(4)
        table[:, 0] = np.arange(30) / rate
        np.savetxt(path, table, "%.4f", ",", header="t,a,b", comments="")
        tables[name.replace("/", "-")] = table
    return tables


def contents(path: Path) -> dict[str, Any]:
    with Store(path) as store:
        found = {}
        for k, id in enumerate(store.recordings["id"]):
            recording = store.recording(k)
            samples = {s.stream: np.asarray(s.samples).tobytes() for s in recording.streams}
            found[str(id)] = (recording.label, repr(dict(recording.columns)), samples)
        return found


def refused(tmp_path: Path, made: Card, message: str, **options: Any) -> None:
    """The ingest stops in one line and leaves no store behind."""
    with pytest.raises(FaultsynError, match=message) as caught:
        ingest(made, tmp_path / "raw", tmp_path / "out.h5", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.h5").exists()


def test_csv_files_come_in_exactly(tmp_path: Path) -> None:
    tables = plant(tmp_path / "raw", {"A/1": 1, "A/2": 2, "B/1": 3})
    seen: list[tuple[int, int, str]] = []
    summary = ingest(
        card(), tmp_path / "raw", tmp_path / "out.h5", progress=lambda *step: seen.append(step)
    )
    assert (summary.added, summary.skipped, summary.problems) == (3, 0, [])
    assert summary.labels == {"normal": 3}
    assert summary.assets == {"normal": 2}
    assert summary.streams == {"s": 3}
    assert summary.rates == {"s": 10.0}
    assert seen == [(0, 3, "A/1.csv"), (1, 3, "A/2.csv"), (2, 3, "B/1.csv"), (3, 3, "")]
    with Store(tmp_path / "out.h5") as store:
        for k, id in enumerate(store.recordings["id"]):
            wanted = tables[str(id)][:, 1:].astype(np.float32)
            np.testing.assert_array_equal(store.recording(k).streams[0].samples, wanted)


def test_again_is_a_no_op(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "raw", {"A/1": 1, "A/2": 2})
    out = tmp_path / "out.h5"
    ingest(card(), tmp_path / "raw", out)
    before = contents(out)
    monkeypatch.setattr(text_module, "TextSource", None)  # nothing is even opened
    summary = ingest(card(), tmp_path / "raw", out)
    assert (summary.added, summary.skipped) == (0, 2)
    assert contents(out) == before


def test_new_files_are_added(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    out = tmp_path / "out.h5"
    ingest(card(), tmp_path / "raw", out)
    before = contents(out)
    plant(tmp_path / "raw", {"A/2": 2})
    summary = ingest(card(), tmp_path / "raw", out)
    assert (summary.added, summary.skipped) == (1, 1)
    after = contents(out)
    assert after.items() > before.items()


def test_another_card_must_say_append(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    out = tmp_path / "out.h5"
    ingest(card(), tmp_path / "raw", out)
    plant(tmp_path / "raw2", {"B/1": 2})
    other = card(columns={"label": "worn", "asset": "{asset}"})
    with pytest.raises(InputError, match=r"out\.h5: was made by card 'c', not by this version"):
        ingest(other, tmp_path / "raw2", out)
    ingest(other, tmp_path / "raw2", out, append=True)
    with Store(out) as store:
        assert store.recordings["label"].tolist() == ["normal", "worn"]


def test_appending_another_rate_is_refused(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    plant(tmp_path / "raw2", {"B/1": 1})
    out = tmp_path / "out.h5"
    ingest(card(), tmp_path / "raw", out)
    before = contents(out)
    with pytest.raises(InputError, match=r"B/1\.csv: stream 's' runs at 10 Hz .* here at 20 Hz"):
        ingest(card(rate=20), tmp_path / "raw2", out, append=True)
    assert contents(out) == before


def test_ragged_row(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1, "A/2": 2, "A/3": 3})
    with (tmp_path / "raw/A/2.csv").open("a") as file:
        file.write("1,2\n")
    refused(tmp_path, card(), r"A/2\.csv: row 32: expected 3 columns, got 2")
    # What was good is not lost: mend the file and go on.
    plant(tmp_path / "raw", {"A/2": 2})
    summary = ingest(card(), tmp_path / "raw", tmp_path / "out.h5")
    assert (summary.added, summary.skipped) == (2, 1)
    assert sorted(contents(tmp_path / "out.h5")) == ["A-1", "A-2", "A-3"]


def test_on_error_skip_goes_on_and_reports(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1, "A/2": 2, "A/3": 3})
    with (tmp_path / "raw/A/2.csv").open("a") as file:
        file.write("1,2,x\n")
    summary = ingest(card(), tmp_path / "raw", tmp_path / "out.h5", on_error="skip")
    assert summary.added == 2
    (problem,) = summary.problems
    assert problem.file == "A/2.csv"
    assert "row 32, column 'b': expected a number, got 'x'" in problem.message
    assert sorted(contents(tmp_path / "out.h5")) == ["A-1", "A-3"]


def test_missing_channel(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    channels = {"a": "a", "z": "acc_z"}
    refused(
        tmp_path,
        card(channels=channels),
        r"A/1\.csv: channel 'z': expected 'acc_z', the file has t, a, b",
    )
    channels["z"] = {"from": "acc_z", "optional": True}  # type: ignore[assignment]
    ingest(card(channels=channels), tmp_path / "raw", tmp_path / "out.h5")
    with Store(tmp_path / "out.h5") as store:
        assert store.recording(0).streams[0].channels == ("a",)


def test_ambiguous_channel(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    message = r"A/1\.csv: channel 'a': fits both 'a' and 'b'"
    refused(tmp_path, card(channels={"a": "[ab]"}), message)


@pytest.mark.parametrize(("planted", "declared"), [(20.0, 10), (10.0, 12)])
def test_wrong_rate_against_the_time_column(
    tmp_path: Path, planted: float, declared: float
) -> None:
    plant(tmp_path / "raw", {"A/1": 1}, rate=planted)
    message = rf"A/1\.csv: expected {declared} Hz \(the card's 'rate'\), got {planted:g} Hz"
    refused(tmp_path, card(rate=declared, time="t"), message)


def test_wrong_rate_against_the_files_own(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    scipy.io.savemat(tmp_path / "raw" / "x.mat", {"acc": np.arange(9.0), "fs": 25600})
    made = parse_card(
        {
            "name": "c",
            "title": "c",
            "recordings": [
                {
                    "files": "*.mat",
                    "values": {"fs": "fs"},
                    "columns": {"label": "normal", "asset": "a"},
                    "streams": {
                        "s": {
                            "rate": 12800,
                            "file_rate": "{fs}",
                            "channels": {"acc": {"unit": "g"}},
                        }
                    },
                }
            ],
        },
        "c.yaml",
    )
    refused(tmp_path, made, r"x\.mat: expected 12800 Hz \(the card's 'rate'\), got 25600 Hz \('fi")


def test_time_that_drifts_off_later_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block agrees with the card, the rest of the file does not."""
    monkeypatch.setattr(text_module, "BLOCK_BYTES", 256)
    (tmp_path / "raw" / "A").mkdir(parents=True)
    t = np.r_[np.arange(40) / 10, 4 + np.arange(200) / 20]
    table = np.stack([t, t, t], axis=1)
    np.savetxt(tmp_path / "raw/A/1.csv", table, "%.3f", ",", header="t,a,b", comments="")
    message = r"A/1\.csv: time column 't': expected 10 Hz, got 1[0-9.]+ Hz from the times"
    refused(tmp_path, card(time="t"), message)


def test_time_running_backwards(tmp_path: Path) -> None:
    (tmp_path / "raw" / "A").mkdir(parents=True)
    (tmp_path / "raw/A/1.csv").write_text("t,a,b\n0,1,1\n0.1,1,1\n0.05,1,1\n0.2,1,1\n")
    refused(tmp_path, card(time="t"), r"time column 't': time runs backwards at sample 2")


def test_measured_rates_that_jitter_are_one_stream(tmp_path: Path) -> None:
    """Time stamps of two files give 10.000 and 10.004 Hz: still one stream."""
    plant(tmp_path / "raw", {"A/1": 1}, rate=10.0)
    plant(tmp_path / "raw", {"A/2": 1}, rate=10.004)
    summary = ingest(card(rate=None, time="t"), tmp_path / "raw", tmp_path / "out.h5")
    assert summary.added == 2
    assert summary.rates["s"] == pytest.approx(10.0, rel=1e-3)


def test_two_files_claiming_one_recording(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1, "B/1": 2})
    message = r"two files claim recording '1': A/1\.csv and B/1\.csv \(make 'id' in the card"
    refused(tmp_path, card(id="{n}"), message)


def test_a_changed_file_claims_the_same_recording(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    out = tmp_path / "out.h5"
    ingest(card(), tmp_path / "raw", out)
    before = contents(out)
    plant(tmp_path / "raw", {"A/1": 99})
    with pytest.raises(FaultsynError, match=r"recording 'A-1'"):
        ingest(card(), tmp_path / "raw", out)
    assert contents(out) == before


def test_checksums(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    message = r"A/1\.csv: expected SHA-256 00000000"
    refused(tmp_path, card(sha256={"A/1.csv": "0" * 64}), message)


def test_truncated_mat_stops_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "x.mat"
    scipy.io.savemat(path, {"acc": np.arange(1000.0)}, do_compression=True)
    path.write_bytes(path.read_bytes()[:-40])
    made = card(files="*.mat", id="{stem}", columns={"label": "normal", "asset": "a"})
    refused(tmp_path, made, r"x\.mat: damaged, truncated or not a MATLAB file")


def test_empty_and_absent_folders(tmp_path: Path) -> None:
    refused(tmp_path, card(), r"raw: no such folder")
    (tmp_path / "raw").mkdir()
    refused(tmp_path, card(), r"raw: no file matches card 'c'; it holds no file at all")
    (tmp_path / "raw" / "x.bin").write_bytes(b"1")
    refused(tmp_path, card(), r"raw: no file matches card 'c'; it holds x\.bin")


def test_unknown_files_are_reported_and_ignored_ones_are_not(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    for name in ("README.md", "stray.bin", ".hidden"):
        (tmp_path / "raw" / name).write_text("x")
    made = card(ignore=["*.md"])
    summary = ingest(made, tmp_path / "raw", tmp_path / "out.h5")
    assert summary.unmatched == ("stray.bin",)


def test_a_name_without_value_is_an_error(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    made = card(
        values={"speed": "rpm_column"},
        columns={"label": "normal", "asset": "{asset}", "rpm": "{speed}"},
    )
    refused(tmp_path, made, r"A/1\.csv: column 'rpm': 'speed' has no value here")


def companion_card(**channel: Any) -> Card:
    channels = {"a": {}, "t": {"unit": "degC", **channel}}
    streams = {"s": {"rate": 10, "unit": "g", "channels": channels}}
    return card(files="{asset}/acc_{n}.csv", streams=streams)


def test_companion_files_that_do_not_fit(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/acc_1": 1})
    made = companion_card(file="{asset}/temp_{n}.csv")
    refused(tmp_path, made, r"channel 't': A/acc_1\.csv: no file fits \{asset\}/temp_\{n\}\.csv")
    (tmp_path / "raw/A/temp_1.csv").write_text("20.5\n21\n")
    message = r"A/temp_1\.csv: stream 's': expected 30 samples as in A/acc_1\.csv, got 2"
    refused(tmp_path, made, message)
    for folder in ("B", "C"):
        (tmp_path / "raw" / folder).mkdir()
        (tmp_path / "raw" / folder / "far_1.csv").write_text("1\n")
    message = r"'far_\{n\}\.csv' fits both B/far_1\.csv and C/far_1\.csv"
    refused(tmp_path, companion_card(file="far_{n}.csv"), message)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("code,kind\nB,worn\n", r"A/1\.csv: column 'label': 'kind' has no value here"),
        ("code,kind\nA,worn\nA,good\n", r"t\.csv: row 3: key 'A' comes twice"),
        ("code,kind\nA\n", r"t\.csv: row 2: expected 2 columns, got 1"),
        ("name,kind\nA,worn\n", r"t\.csv: no key column 'code'; columns: name, kind"),
        ("code,kind\n", r"t\.csv: no rows in it"),
        (None, r"card 'c', table 't': no file fits t\.csv"),
    ],
)
def test_label_tables_that_do_not_fit(tmp_path: Path, table: str | None, message: str) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    if table is not None:
        (tmp_path / "raw" / "t.csv").write_text(table)
    made = card(
        tables={"t": {"file": "t.csv", "key": "code"}},
        join={"t": "{asset}"},
        columns={"label": "{kind}", "asset": "{asset}"},
    )
    refused(tmp_path, made, message)


def test_label_column_with_a_gap(tmp_path: Path) -> None:
    (tmp_path / "raw" / "A").mkdir(parents=True)
    (tmp_path / "raw/A/1.csv").write_text("t,a,b\n1,1,0\n2,2,\n3,3,1\n")
    made = card(id=None, segment_by="b", channels={"a": "a"})
    refused(tmp_path, made, r"A/1\.csv: column 'b': no value in sample 1")


def test_skipping_does_not_hide_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "raw", {"A/1": 1, "A/2": 2})

    def full(self: StoreWriter, recording: Any) -> bool:
        raise StoreError("disk full")

    monkeypatch.setattr(StoreWriter, "add", full)
    with pytest.raises(StoreError, match="disk full"):
        ingest(card(), tmp_path / "raw", tmp_path / "out.h5", on_error="skip")


def test_numbers_beyond_float32_are_flagged(tmp_path: Path) -> None:
    (tmp_path / "raw" / "A").mkdir(parents=True)
    (tmp_path / "raw/A/1.csv").write_text("t,a,b\n1,1,0\n2,1e300,2\n3,3,1\n")
    assert ingest(card(), tmp_path / "raw", tmp_path / "out.h5").flags == {"nan": 1}


def test_segment_beyond_the_end(tmp_path: Path) -> None:
    plant(tmp_path / "raw", {"A/1": 1})
    made = card(id=None, segments=[{"stop": 10}, {"start": 30}])
    refused(tmp_path, made, r"A/1\.csv: stream 's': no samples from 30 to the end")


def test_rows_that_do_not_match_their_table(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    np.savetxt(raw / "x.txt", np.ones((4, 5)))
    (raw / "labels.csv").write_text("kind\nnormal\nnormal\nworn\n")
    made = parse_card(
        {
            "name": "c",
            "title": "c",
            "tables": {"labels": {"file": "labels.csv"}},
            "recordings": [
                {
                    "files": "x.txt",
                    "rows": True,
                    "join": {"labels": "{row}"},
                    "columns": {"label": "{kind}", "asset": "a"},
                    "streams": {"s": {"rate": 1, "channels": {"x": {"unit": "g"}}}},
                }
            ],
        },
        "c.yaml",
    )
    refused(tmp_path, made, r"x\.txt: 3 rows in table 'labels', 4 in the channels' files")


def test_quality_flags_are_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the file streams through in many blocks."""
    monkeypatch.setattr(text_module, "BLOCK_BYTES", 4096)
    (tmp_path / "raw" / "A").mkdir(parents=True)
    rng = np.random.default_rng(0)
    table = rng.standard_normal((3000, 3))
    table[:, 1] = np.clip(table[:, 1], -1, 1)
    table[:, 2] = 4
    table[1000, 2] = np.nan
    np.savetxt(tmp_path / "raw/A/1.csv", table, "%.6f", ",", header="t,a,b", comments="")
    summary = ingest(card(), tmp_path / "raw", tmp_path / "out.h5")
    assert summary.flags == {"clipped": 1, "nan": 1, "flat": 1}
    with Store(tmp_path / "out.h5") as store:
        assert store.recordings["flags"].tolist() == ["clipped:a;nan:b;flat:b"]


_CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_ingest import card
from faultsyn.ingest import ingest
def slowly(done, total, name):
    print(done, flush=True)
    time.sleep(0.03)
ingest(card(), Path({raw!r}), Path({out!r}), progress=slowly)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_kill_9_then_resume_gives_an_equal_store(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    plant(raw, {f"A/{k}": k for k in range(40)})
    ingest(card(), raw, tmp_path / "straight.h5")
    out = tmp_path / "killed.h5"
    script = _CHILD.format(tests=str(Path(__file__).parent), raw=str(raw), out=str(out))
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 8:
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not out.exists()
    summary = ingest(card(), raw, out)
    assert 8 <= summary.skipped < 40
    assert summary.added + summary.skipped == 40
    assert contents(out) == contents(tmp_path / "straight.h5")
    with Store(out) as resumed, Store(tmp_path / "straight.h5") as straight:
        assert resumed.data_hash == straight.data_hash
