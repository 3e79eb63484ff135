"""Circular cross-correlation of windows against its definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.signal.likeness import circular_likeness, unit_windows


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    channels=st.integers(1, 3),
    samples=st.integers(4, 33),
)
def test_likeness_is_the_largest_of_all_rotations(seed: int, channels: int, samples: int) -> None:
    rng = np.random.default_rng(seed)
    mine = unit_windows(rng.standard_normal((3, channels, samples)) + 5.0)
    theirs = unit_windows(rng.standard_normal((2, channels, samples)))
    best, shift = circular_likeness(mine, theirs)
    for i in range(3):
        for k in range(2):
            every = [(mine[i] * np.roll(theirs[k], s, axis=-1)).sum() for s in range(samples)]
            assert np.isclose(best[i, k], max(every), atol=1e-5)
            assert np.isclose(every[shift[i, k]], max(every), atol=1e-5)


def test_a_rotated_copy_is_alike_whatever_its_level_and_a_constant_is_nothing() -> None:
    x = np.random.default_rng(0).standard_normal((1, 2, 64))
    rotated = unit_windows(3.0 * np.roll(x, 17, axis=-1) + 2.0)
    best, shift = circular_likeness(rotated, unit_windows(x))
    assert np.isclose(best[0, 0], 1.0, atol=1e-6)
    assert shift[0, 0] == 17
    assert not unit_windows(np.full((1, 2, 8), 4.0)).any()
