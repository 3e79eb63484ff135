"""The gate on the way in: flags reach the store, the card draws the lines and keeps files out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.ingest import Card, IngestSummary, ingest
from faultsyn.ingest.card import card_hash, parse_card
from faultsyn.store import Store

RATE = 5000.0


def card(quality: dict[str, Any] | None = None, **stream: Any) -> Card:
    """Files `<asset>.npz` with the channels a and b, or CSV files with a time column."""
    channels = {name: {"quantity": "acceleration", "unit": "g"} for name in "ab"}
    rule = {
        "files": ["{asset}.npz", "{asset}.csv"],
        "columns": {"label": "normal", "asset": "{asset}", "rpm": 1450},
        "streams": {"s": {"rate": RATE, "channels": channels, **stream}},
    }
    top = {"name": "c", "title": "c", "recordings": [rule], "quality": quality or {}}
    return parse_card(top, "c.yaml")


def sound(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((20_000, 2)).round(3)


def write(folder: Path, **tables: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        np.savez(folder / f"{name}.npz", a=table[:, 0], b=table[:, 1])
    return folder


def take_in(tmp_path: Path, made: Card, **options: Any) -> tuple[IngestSummary, dict[str, str]]:
    summary = ingest(made, tmp_path / "raw", tmp_path / "out.h5", **options)
    with Store(tmp_path / "out.h5") as store:
        table = store.recordings
        return summary, dict(zip(table["id"].tolist(), table["flags"].tolist(), strict=True))


def planted() -> dict[str, np.ndarray]:
    tables = {name: sound(k) for k, name in enumerate(["ok", "nan", "flat", "clipped", "dropout"])}
    tables["nan"][5, 1] = np.nan
    tables["flat"][:, 0] = 0.25
    tables["clipped"][:, 1] = np.clip(tables["clipped"][:, 1], -1, 1)
    tables["dropout"][300:900, 0] = 0
    tables["offset"] = sound(9) + np.array([4, 0])
    tables["hum"] = sound(10)
    tables["hum"][:, 1] += np.sin(2 * np.pi * 50 * np.arange(20_000) / RATE)
    tables["short"] = sound(11)[:1000]
    return tables


EXPECTED = {
    "ok": "",
    "nan": "nan:b",
    "flat": "flat:a",
    "clipped": "clipped:b",
    "dropout": "dropout:a",
    "offset": "offset:a",
    "hum": "hum:b",
    "short": "short",
}


def test_flags_are_stored_and_explained(tmp_path: Path) -> None:
    write(tmp_path / "raw", **planted())
    summary, flags = take_in(tmp_path, card())
    assert flags == EXPECTED
    assert summary.flags == {name: 1 for name in EXPECTED if name != "ok"}
    evidence = {f.recording: f.evidence for f in summary.flagged}
    assert evidence["nan"] == "1 of 20000 samples"
    assert evidence["dropout"] == "600 samples at 0"
    assert evidence["short"] == "4.83 periods of 24.2 Hz"


def test_the_card_leaves_out_what_it_excludes(tmp_path: Path) -> None:
    write(tmp_path / "raw", **planted())
    summary, flags = take_in(tmp_path, card({"exclude": ["nan", "short", "hum"]}))
    assert flags == {k: v for k, v in EXPECTED.items() if k not in ("nan", "short", "hum")}
    assert sorted(p.file for p in summary.excluded) == ["hum.npz", "nan.npz", "short.npz"]
    assert "nan: nan:b (1 of 20000 samples)" in [p.message for p in summary.excluded]
    assert not {f.recording for f in summary.flagged} & {"nan", "short", "hum"}


def test_the_card_draws_the_lines(tmp_path: Path) -> None:
    write(tmp_path / "raw", **planted())
    lines = {"clipped_share": 0.9, "offset_ratio": 9, "lowest_frequency": 100, "mains": [60]}
    _, flags = take_in(tmp_path, card(lines))
    assert {name for name, flag in flags.items() if flag} == {"nan", "flat", "dropout"}
    assert card_hash(card(lines)) != card_hash(card())
    assert card_hash(card({"mains": [50, 60]})) == card_hash(card())


def test_unknown_flags_and_keys_are_refused() -> None:
    with pytest.raises(InputError, match=r"quality\.exclude\[0\]: input should be 'nan', 'flat'"):
        card({"exclude": ["noise"]})
    with pytest.raises(InputError, match=r"quality: unknown key 'clip_share' .*'clipped_share'"):
        card({"clip_share": 1})


def test_duplicates_by_their_samples(tmp_path: Path) -> None:
    """The same samples in another file, also in a later ingest; half a duplicate is none."""
    first = sound(1)
    half = np.stack([first[:, 0], sound(2)[:, 1]], axis=1)
    write(tmp_path / "raw", one=first, two=first, half=half, same=sound(3)[:, [0, 0]])
    summary, flags = take_in(tmp_path, card())
    assert flags == {"half": "", "one": "", "two": "duplicate", "same": "twin:b"}
    (duplicate,) = [f for f in summary.flagged if f.flag == "duplicate"]
    assert duplicate.evidence == "stream s has the same samples as recording one"
    write(tmp_path / "raw", zlate=first)
    _, flags = take_in(tmp_path, card())
    assert flags["zlate"] == "duplicate"


def test_time_that_runs_backwards_can_be_flagged(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    table = np.column_stack([np.arange(200) / 10, sound(1)[:200]])
    table[100:, 0] -= 5
    path = tmp_path / "raw" / "x.csv"
    np.savetxt(path, table, "%.3f", ",", header="t,a,b", comments="")
    with pytest.raises(InputError, match="time runs backwards"):
        take_in(tmp_path, card(rate=10, time="t"))
    summary, flags = take_in(tmp_path, card({"backwards": "flag"}, rate=10, time="t"))
    assert flags == {"x": "backwards"}
    assert summary.flagged[0].evidence == "time runs backwards 1 times"
