"""A task takes a store set where it takes a store, with the same keys and rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import tiny_recordings
from test_runner import scores

from faultsyn.experiment import run_study
from faultsyn.store import StoreWriter, join_stores


def test_a_set_gives_the_rows_of_one_store(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    recordings = tiny_recordings()
    paths = []
    for k in range(3):
        paths.append(tmp_path / f"part-{k}.h5")
        with StoreWriter(paths[-1]) as writer:
            for recording in recordings[6 * k : 6 * (k + 1)]:
                writer.add(recording)
    join_stores(paths, tmp_path / "set.h5")
    one = run_study(tiny_study, tmp_path / "one", cache=tmp_path / "a")
    tiny_study["tasks"][0]["store"] = str(tmp_path / "set.h5")
    many = run_study(tiny_study, tmp_path / "many", cache=tmp_path / "b")
    assert scores(many) == scores(one)
    assert many["key"].tolist() == one["key"].tolist()
