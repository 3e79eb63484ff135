"""What a generator costs is measured where it works, and stands in the rows."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.experiment.memory import PeakMemory


def test_the_peak_is_what_a_block_held_at_its_worst() -> None:
    with PeakMemory() as small:
        np.ones(10)
    if np.isnan(small.mb):
        pytest.skip("the system does not say how much memory a process holds")
    with PeakMemory() as large:
        block = np.ones(8_000_000)  # 64 MB, touched
        del block
    assert small.mb < 30
    assert 50 < large.mb < 120
