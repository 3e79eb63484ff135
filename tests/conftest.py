"""Shared fixtures: where the public recordings are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder with the public data sets (`cwru`, `zema`, `tep`)."""
    root = Path(os.environ.get("FAULTSYN_DATA", _BESIDE))
    if not root.is_dir():
        pytest.skip(f"no recordings at {root}; set FAULTSYN_DATA to the folder that holds them")
    return root
