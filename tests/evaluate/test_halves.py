from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError
from faultsyn.evaluate.halves import group_ids, matched_halves, split_halves
from faultsyn.windows import WindowSet


def windows(**columns: np.ndarray) -> WindowSet:
    n = len(next(iter(columns.values())))
    x = np.arange(n, dtype=np.float32)[:, None, None] + np.zeros((n, 1, 4), np.float32)
    return WindowSet(x, {"label": np.full(n, "inner"), **columns}, 1.0, ("a",))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.integers(0, 99))
def test_halves_share_no_recording_and_lose_no_window(which, seed):
    recording = np.array([f"r{i}" for i in which])
    if len(set(which)) < 2:
        return
    first, second = split_halves(windows(recording=recording), np.random.default_rng(seed))
    assert not set(first.column("recording")) & set(second.column("recording"))
    assert sorted([*first.rows[:, 0], *second.rows[:, 0]]) == list(range(len(which)))
    assert len(first)
    assert len(second)


def test_one_recording_is_split_by_stretches_of_time():
    n = 40
    order = np.random.default_rng(0).permutation(n)
    one = windows(recording=np.full(n, "r"), start=order * 0.5)
    groups = group_ids(one)
    assert len(np.unique(groups)) == 8
    for g in range(8):
        inside = np.sort(order[groups == g])
        assert inside[-1] - inside[0] == len(inside) - 1  # contiguous in time
    first, second = split_halves(one, np.random.default_rng(1))
    assert len(first) == len(second) == 20


def test_generated_windows_each_stand_alone():
    made = windows(recording=np.full(6, ""))
    np.testing.assert_array_equal(group_ids(made), np.arange(6))


def test_matched_halves_have_equal_size_both_ways_round():
    pairs = matched_halves(windows(start=np.arange(30.0)), 9, 4, np.random.default_rng(0))
    assert len(pairs) == 2
    for reference, held in pairs:
        assert len(held) == 9
        assert not set(reference.rows[:, 0]) & set(held.rows[:, 0])
    assert set(pairs[0][0].rows[:, 0]) >= set(pairs[1][1].rows[:, 0])


def test_too_few_groups_or_windows_are_refused():
    with pytest.raises(InputError, match="in 1 group"):
        split_halves(windows(start=np.zeros(1)), np.random.default_rng(0))
    with pytest.raises(InputError, match="at least 4"):
        matched_halves(windows(start=np.arange(6.0)), 6, 4, np.random.default_rng(0))
