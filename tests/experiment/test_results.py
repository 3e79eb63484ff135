from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.experiment.results import (
    SCHEMA,
    Appender,
    Results,
    confusion_matrix,
    confusion_text,
    read_rows,
    write_rows,
)


def row(key: str, **over: Any) -> dict[str, Any]:
    return {
        "task": "t, with comma",
        "k": 5,
        "seed": 1,
        "macro_f1": 0.1234567890123,
        "classifier": "nearest-mean",
        "generator": "none",
        "false_alarm_rate": None,
        "status": "two\nlines",
        "key": key,
        **over,
    }


def test_rows_survive_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_rows(path, [row("a"), row("b", seed=2)])
    first, second = read_rows(path)
    assert first["macro_f1"] == 0.1234567890123
    assert np.isnan(first["false_alarm_rate"])
    assert (first["task"], first["k"], first["status"]) == ("t, with comma", "5", "two lines")
    assert (second["key"], second["seed"]) == ("b", 2)
    assert path.read_text().splitlines()[0].split(",") == list(SCHEMA)


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_half_written_last_line_is_left_out(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.csv"
    write_rows(path, [row("a")])
    whole = path.stat().st_size
    appender = Appender(path)
    appender.add([row("b")])
    appender.close()
    text = path.read_bytes()
    assert len(text) > whole + cut
    path.write_bytes(text[:-cut])
    assert [r["key"] for r in read_rows(path)] == ["a"]


def test_a_file_that_is_no_results_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a results file"):
        read_rows(path)
    write_rows(path, [row("a")])
    path.write_text(path.read_text() + "too,short\n")
    with pytest.raises(InputError, match="line 3: expected"):
        read_rows(path)
    with pytest.raises(InputError, match="no results here"):
        Results.read(tmp_path / "nowhere")


def test_results_filter_by_value_and_list(tmp_path: Path) -> None:
    write_rows(tmp_path / "results.csv", [row("a", status="ok"), row("b"), row("c", seed=3)])
    results = Results.read(tmp_path)
    assert results.where(seed=1)["key"].tolist() == ["a", "b"]
    assert results.where(key=["a", "c"], seed=3)["key"].tolist() == ["c"]
    assert results.ok()["key"].tolist() == ["a"]
    assert results.values("seed") == [1, 3]
    assert [r["key"] for r in results.rows()] == ["a", "b", "c"]
    with pytest.raises(InputError, match="no column 'sede'"):
        results["sede"]


def test_confusion_text_round_trip() -> None:
    counts = np.array([[3, 0], [1, 12]])
    assert confusion_text(counts) == "3 0;1 12"
    assert (confusion_matrix("3 0;1 12") == counts).all()


def test_published_results_are_read_packed(tmp_path: Path) -> None:
    plain = tmp_path / "results.csv"
    write_rows(plain, [row("a"), row("b", seed=2)])
    packed = tmp_path / "results.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    wanted = read_rows(plain)
    plain.unlink()
    assert repr(list(Results.read(tmp_path).rows())) == repr(wanted)
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(InputError, match="cannot be read"):
        Results.read(tmp_path)
