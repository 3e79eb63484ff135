"""Results folders for the report's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from report_rows import Row

from faultsyn.experiment.results import write_rows


@pytest.fixture
def results_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write rows (and what else a run leaves) into a results folder."""

    def make(rows: list[Row], *, bare: bool = False) -> Path:
        folder = tmp_path / "results"
        folder.mkdir(exist_ok=True)
        write_rows(folder / "results.csv", rows)
        if not bare:
            (folder / "study.yaml").write_text(
                "name: my-study\nabout: Rig <b>bearings</b> & more.\n"
                "generators:\n- {name: wavelet, method: wavelet}\n"
            )
            (folder / "environment.json").write_text(
                '{"python": "3.11", "packages": {"numpy": "2"}}'
            )
        return folder

    return make
