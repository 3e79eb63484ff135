"""Ingest in parallel processes: the same bytes whatever the number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from faultsyn import api
from faultsyn.errors import InputError, StoreError
from faultsyn.ingest import Card, ingest, ingest_shards
from faultsyn.ingest.card import parse_card
from faultsyn.ingest.schema_quality import Quality
from faultsyn.store import Store, validate
from faultsyn.workers import Workers


def card(**over: Any) -> Card:
    rule: dict[str, Any] = {
        "files": "{asset}/{state}-{n}.csv",
        "id": "{asset}-{state}-{n}",
        "columns": {"label": "{state}", "asset": "{asset}"},
        "streams": {"s": {"time": "t", "unit": "g", "channels": {"x": {"from": "x"}}}},
        **over,
    }
    return parse_card({"name": "c", "title": "c", "recordings": [rule]}, "c.yaml")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Time columns whose measured rates jitter a little: a stream has one rate all the same."""
    rng = np.random.default_rng(0)
    for k in range(24):
        path = tmp_path / "raw" / f"m{k % 5}" / f"{'ok' if k % 3 else 'leak'}-{k}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        t = np.arange(200) * (0.01 * (1 + 2e-5 * rng.random()))
        table = np.stack([t, rng.standard_normal(200)], axis=1)
        np.savetxt(path, table, "%.8f", ",", header="t,x", comments="")
    return tmp_path / "raw"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.h5"))}


def test_processes_change_no_byte(raw: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        out = tmp_path / f"jobs{jobs}" / "plant.h5"
        out.parent.mkdir()
        summary = ingest_shards(card(), raw, out, shards=5, jobs=jobs)
        assert (summary.added, dict(summary.labels)) == (24, {"ok": 16, "leak": 8})
        assert summary.assets == {"ok": 5, "leak": 5}
    one, two = (bytes_of(tmp_path / f"jobs{jobs}") for jobs in (1, 2))
    assert len(one) == 6
    assert one == two
    assert validate(tmp_path / "jobs2" / "plant.h5") == []
    ingest(card(), raw, tmp_path / "whole.h5")
    with Store(tmp_path / "jobs2" / "plant.h5") as many, Store(tmp_path / "whole.h5") as single:
        assert sorted(many.recordings["id"]) == sorted(single.recordings["id"])
        for row, id in enumerate(many.recordings["id"].tolist()):
            there = single.recordings["id"].tolist().index(id)
            ours, theirs = many.recording(row), single.recording(there)
            assert ours.streams[0].rate == pytest.approx(theirs.streams[0].rate, rel=1e-4)
            np.testing.assert_array_equal(ours.streams[0].samples, theirs.streams[0].samples)


def test_large_shards_go_first(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last to be begun is what a process may be left alone with."""
    begun = []

    def run(self: Workers, function: Callable[[Any], Any], units: list[Any]) -> Iterator[Any]:
        begun.extend(units)
        return ((unit, function(unit)) for unit in units)

    monkeypatch.setattr(Workers, "run", run)
    ingest_shards(card(), raw, tmp_path / "plant.h5", shards=5, jobs=2)
    sizes = [sum(m.path.stat().st_size for m in unit.found.matches) for unit in begun]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 1
    with Store(tmp_path / "plant.h5") as store:  # in order of the shards all the same
        assert store.shards is not None
        firsts = [str(store.shards.file(k)["recordings/id"][0]) for k in range(len(sizes))]
        assert [str(store.recordings["id"][int(k)]) for k in store.shards.first_rows[:-1]] == [
            text.removeprefix("b'").removesuffix("'") for text in firsts
        ]


def test_again_and_with_more_files(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "plant.h5"
    ingest_shards(card(), raw, out, shards=4)
    before = bytes_of(tmp_path)
    assert ingest_shards(card(), raw, out, shards=4).skipped == 24
    assert bytes_of(tmp_path) == before
    (raw / "m9").mkdir()
    (raw / "m9" / "ok-99.csv").write_text((raw / "m1" / "ok-1.csv").read_text())
    assert ingest_shards(card(), raw, out, shards=4).added == 1
    changed = [name for name, content in bytes_of(tmp_path).items() if content != before[name]]
    assert len(changed) == 2  # one store, and the index
    with Store(out) as store:
        assert len(store) == 25


def test_bad_files_are_left_out_or_stop(raw: Path, tmp_path: Path) -> None:
    (raw / "m0" / "ok-50.csv").write_text("t,x\n1\n")
    out = tmp_path / "plant.h5"
    with pytest.raises(InputError, match=r"ok-50\.csv"):
        ingest_shards(card(), raw, out, shards=3)
    assert not out.exists()
    summary = ingest_shards(card(), raw, out, shards=3, on_error="skip")
    assert [problem.file for problem in summary.problems] == ["m0/ok-50.csv"]
    with Store(out) as store:
        assert len(store) == 24
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    (lonely / "m0").mkdir()
    (lonely / "m0" / "ok-1.csv").write_text("t,x\n1\n")
    with pytest.raises(StoreError, match="no recordings were added"):
        ingest_shards(card(), lonely, tmp_path / "none.h5", on_error="skip")


def by_id(store: Path, column: str) -> dict[str, str]:
    with Store(store) as opened:
        ids = opened.recordings["id"].tolist()
        return dict(zip(ids, opened.recordings[column].tolist(), strict=True))


def test_running_numbers_are_those_of_one_store(raw: Path, tmp_path: Path) -> None:
    """Files of one machine and state in a row are a session, and lie in several stores."""
    columns = {
        "label": "{state}",
        "asset": "{asset}",
        "session": {"block_of": "{asset}-{state}"},
    }
    ingest(card(columns=columns), raw, tmp_path / "one.h5")
    ingest_shards(card(columns=columns), raw, tmp_path / "plant.h5", shards=7)
    numbers = by_id(tmp_path / "plant.h5", "session")
    assert numbers == by_id(tmp_path / "one.h5", "session")
    assert len(set(numbers.values())) > 5


def test_twins_in_other_stores_are_found_without_their_samples(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for k, name in enumerate(("ok-70", "ok-71", "leak-72", "ok-0")):
        (raw / f"m{k}" / f"{name}.csv").write_text((raw / "m1" / "ok-1.csv").read_text())
    whole = ingest(card(), raw, tmp_path / "one.h5")
    expected = by_id(tmp_path / "one.h5", "flags")
    assert sorted(expected.values())[-5:] == ["", *["duplicate"] * 4]
    twins = {(f.recording, f.flag) for f in whole.flagged}
    out = tmp_path / "plant.h5"
    summary = ingest_shards(card(), raw, out, shards=9)
    assert by_id(out, "flags") == expected
    assert {(f.recording, f.flag) for f in summary.flagged} == twins
    assert summary.flags["duplicate"] == 4
    read = h5py.Dataset.__getitem__

    def table_only(self: h5py.Dataset, *key: Any) -> Any:
        assert not str(self.name).endswith("/samples")
        return read(self, *key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", table_only)
    before = bytes_of(tmp_path)
    assert ingest_shards(card(), raw, out, shards=9).flagged == []
    assert bytes_of(tmp_path) == before
    monkeypatch.undo()
    strict = card().model_copy(update={"quality": Quality(exclude=("duplicate",))})
    with caplog.at_level("WARNING", "faultsyn"):
        ingest_shards(strict, raw, tmp_path / "strict.h5", shards=9)
    kept = by_id(tmp_path / "strict.h5", "flags")
    told = [record.message for record in caplog.records if "stays in, flagged" in record.message]
    assert len(told) == list(kept.values()).count("duplicate") > 0


def test_what_does_not_fit_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"recording 'same' is in .*\(from .*\) and in"):
        ingest_shards(card(id="same"), raw, tmp_path / "same.h5", shards=30, on_error="skip")
    (tmp_path / "plant.h5").write_bytes(b"mine")
    with pytest.raises(StoreError, match="not overwritten"):
        ingest_shards(card(), raw, tmp_path / "plant.h5")


def test_the_verb(raw: Path, tmp_path: Path) -> None:
    text = api.card(raw)
    assert "unit:  # ?" in text
    (tmp_path / "card.yaml").write_text(text.replace("unit:  # ?", "unit: g  #"))
    summary = api.ingest(tmp_path / "card.yaml", raw, tmp_path / "plant.h5", jobs=2, shards=2)
    assert summary.added == 24
    assert api.inspect(tmp_path / "plant.h5")["recordings"] == 24
    assert len(list(tmp_path.glob("plant-*.h5"))) == 2
