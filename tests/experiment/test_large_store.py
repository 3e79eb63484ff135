"""A study on a store set that is larger than what its process may allocate."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_set_larger_than_the_memory_allowed(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "large_store.py"
    command = [
        sys.executable,
        str(script),
        "--gb",
        "1.2",
        "--limit-gb",
        "1",
        "--dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    print(done.stdout)  # noqa: T201
    assert "study on the features of" in done.stdout
    assert "20 steps of pretraining on" in done.stdout
