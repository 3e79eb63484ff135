"""Truncated and corrupted files of every format: one line each, never a broken store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_files import healthy, run


def test_two_hundred_damaged_files(tmp_path: Path) -> None:
    found = run(tmp_path, seed=0, n=200)
    assert found["refused"] > 80  # the damage does damage
    assert set(found["reasons"]) >= {path.name for path in (tmp_path / "sound").iterdir()} - {
        "a.csv", "c.npy", "n.uff"
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 41))
def test_ten_thousand_damaged_files(tmp_path: Path, seed: int) -> None:
    """In processes of their own: a crash inside a library is found too."""
    script = str(Path(__file__).parent / "fuzz_files.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path), str(seed), "250"],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["added"] + found["refused"] == 250


def test_the_sound_files_are_all_taken(tmp_path: Path) -> None:
    from fuzz_files import N, card

    from faultsyn.ingest import ingest
    from faultsyn.store import Store

    files = healthy(tmp_path / "raw")
    assert ingest(card(), tmp_path / "raw", tmp_path / "out.h5").added == len(files)
    with Store(tmp_path / "out.h5") as store:
        assert all(info.n_samples == N for info in store.streams.values())
