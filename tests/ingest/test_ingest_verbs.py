"""The verbs `card`, `ingest --dry-run` and `fetch` as a newcomer types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from faultsyn.cli.app import app
from faultsyn.errors import InputError


def type_in(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for machine, state in (("M1", "ok"), ("M1", "leak"), ("M2", "ok")):
        folder = tmp_path / "raw" / machine
        folder.mkdir(parents=True, exist_ok=True)
        table = np.column_stack([np.arange(50) / 10, np.random.default_rng(0).random(50)])
        header = "time [s],inlet [bar]"
        np.savetxt(folder / f"{state}.csv", table, "%.3f", ",", header=header, comments="")
    return tmp_path / "raw"


def test_from_a_folder_to_a_store(raw: Path, tmp_path: Path) -> None:
    card, out = tmp_path / "card.yaml", tmp_path / "out.h5"
    assert "files:" in type_in("card", raw)
    assert f"then: faultsyn ingest {card} --raw {raw} --dry-run" in type_in(
        "card", raw, "--out", card
    ).replace("\n", "")
    shown = type_in("ingest", card, "--raw", raw, "--dry-run")
    assert "3 recordings would go in; nothing was written" in shown
    assert "labels: leak 1, normal 2" in shown
    found = json.loads(type_in("ingest", card, "--raw", raw, "--dry-run", "--json"))
    assert [r["columns"]["asset"] for r in found["recordings"]] == ["M1", "M1", "M2"]
    assert found["recordings"][0]["streams"][0]["units"] == ["bar"]
    assert not out.exists()
    with pytest.raises(InputError, match=r"give --out X\.h5, or --dry-run"):
        type_in("ingest", card, "--raw", raw)
    told = type_in("ingest", card, "--raw", raw, "--out", out)
    assert "flag duplicate: 2 recordings" in told  # all three files hold the same samples
    summary = json.loads(type_in("inspect", out, "--json"))
    assert summary["flags"] == {"duplicate": 2}


def test_a_dry_run_shows_everything_that_would_stop(raw: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    type_in("card", raw, "--out", card)
    for name in ("ok", "leak"):
        (raw / "M1" / f"{name}.csv").write_text("time [s],outlet [bar]\n0,1\n0.1,2\n0.2,3\n")
    shown = type_in("ingest", card, "--raw", raw, "--dry-run", code=2)
    assert shown.count("would stop:") == 2
    assert "1 recordings would go in" in shown


def test_fetch(raw: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    type_in("card", raw, "--out", card)
    with pytest.raises(InputError, match="does not say where its files can be downloaded"):
        type_in("fetch", card)
    url = (raw / "M1" / "ok.csv").as_uri()
    card.write_text(card.read_text() + f"fetch: [{{url: '{url}'}}]\n")
    told = type_in("fetch", card, "--to", tmp_path / "to")
    assert "ok.csv: the card gives no SHA-256; it is" in told
    assert "fetched 1, known already 0" in told
