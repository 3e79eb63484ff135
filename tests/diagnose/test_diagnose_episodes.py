"""Episodes: nothing twice, no group on both sides, fair, fast, clear about the impossible."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.diagnose.episodes import Episodes, EpisodeSampler
from faultsyn.errors import InputError


def _check(made: Episodes, sampler: EpisodeSampler, labels: np.ndarray, groups: np.ndarray) -> None:
    for i in range(len(made)):
        support, query = made.support[i].ravel(), made.query[i].ravel()
        assert len(set(support) | set(query)) == len(support) + len(query)
        assert len(set(made.classes[i])) == sampler.way
        names = np.array(sampler.classes)[made.classes[i]]
        assert (labels[made.support[i]] == names[:, None]).all()
        assert (labels[made.query[i]] == names[:, None]).all()
        assert not set(groups[support]) & set(groups[query])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_support_and_query_never_share_a_window_or_a_group(data: st.DataObject, seed: int) -> None:
    n_classes = data.draw(st.integers(2, 5))
    shot, query = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    shared = data.draw(st.booleans())  # groups that hold several classes (loads, sessions)
    labels, groups = [], []
    for c in range(n_classes):
        for g in range(data.draw(st.integers(2, 4))):
            n = data.draw(st.integers(3, 5))
            labels += [f"class{c}"] * n
            groups += [f"g{g}" if shared else f"{c}-{g}"] * n
    labels, groups = np.array(labels), np.array(groups)
    way = data.draw(st.integers(2, n_classes))
    sampler = EpisodeSampler(labels, way=way, shot=shot, query=query, groups=groups)
    _check(sampler.draw(20, np.random.default_rng(seed)), sampler, labels, groups)
    free = EpisodeSampler(labels, way=way, shot=shot, query=query)
    _check(free.draw(20, np.random.default_rng(seed)), free, labels, np.arange(len(labels)))


def test_equal_rng_gives_equal_episodes() -> None:
    labels = np.repeat(["a", "b", "c"], 6)
    sampler = EpisodeSampler(labels, way=2, shot=2, query=2)
    first, again = (sampler.draw(50, np.random.default_rng(3)) for _ in range(2))
    other = sampler.draw(50, np.random.default_rng(4))
    np.testing.assert_array_equal(first.support, again.support)
    np.testing.assert_array_equal(first.query, again.query)
    assert (first.support != other.support).any()


def test_every_class_and_window_is_drawn_equally_often() -> None:
    labels = np.repeat(["a", "b", "c", "d"], 5)
    made = EpisodeSampler(labels, way=2, shot=1, query=2).draw(8000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(made.classes.ravel()) / 16000, 0.25, atol=0.02)
    np.testing.assert_allclose(np.bincount(made.support.ravel()) / 16000, 0.05, atol=0.01)
    np.testing.assert_allclose(np.bincount(made.query.ravel()) / 32000, 0.05, atol=0.01)


def test_ten_thousand_episodes_a_second() -> None:
    """Processor time, so that a busy machine does not fail it."""
    labels = np.repeat([f"class{i}" for i in range(10)], 60)
    groups = np.array([f"{label}-{i % 6}" for i, label in enumerate(labels)])
    rng = np.random.default_rng(0)
    for kind in (None, groups):
        sampler = EpisodeSampler(labels, way=5, shot=5, query=15, groups=kind)
        started = time.process_time()
        assert len(sampler.draw(5000, rng)) == 5000
        assert time.process_time() - started < 0.5


def test_no_episodes_is_an_empty_set() -> None:
    made = EpisodeSampler(np.repeat(["a", "b"], 4), way=2, shot=1, query=1)
    assert made.draw(0, np.random.default_rng(0)).support.shape == (0, 2, 1)


def test_what_cannot_be_drawn_is_said() -> None:
    labels = np.repeat(["a", "b", "c"], [6, 6, 3])
    with pytest.raises(InputError, match="class 'c' has 3 windows, 3 support and 1 query"):
        EpisodeSampler(labels, way=2, shot=3, query=1)
    with pytest.raises(InputError, match="4 classes asked for, the set has 3"):
        EpisodeSampler(labels, way=4, shot=1, query=1)
    with pytest.raises(InputError, match="expected way >= 2, shot >= 1, query >= 1"):
        EpisodeSampler(labels, way=1, shot=1, query=1)
    with pytest.raises(InputError, match="all windows of class 'c' are of group 'r3'"):
        EpisodeSampler(labels, way=2, shot=1, query=1, groups=np.repeat(["r1", "r2", "r3"], 5))
    uneven = np.repeat(["r1", "r2", "r3", "r4", "r5", "r6"], [3, 3, 3, 3, 2, 1])
    sampler = EpisodeSampler(labels, way=3, shot=1, query=2, groups=uneven)
    made = sampler.draw(20, np.random.default_rng(0))
    assert (made.query[made.classes == 2] >= 12).all()
    crossed = np.array(list("xyyyyyxxxyyyxxy"))
    impossible = EpisodeSampler(labels, way=3, shot=2, query=1, groups=crossed)
    with pytest.raises(InputError, match="cannot be divided so that 2 support and 1 query"):
        impossible.draw(5, np.random.default_rng(0))


def test_uneven_episodes_draw_every_number_of_shots() -> None:
    labels = np.repeat(["a", "b", "c"], 10)
    made = EpisodeSampler(labels, way=3, shot=(1, 5), query=2).draw(900, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(made.shots.ravel())[1:] / 2700, 0.2, atol=0.03)
    assert (made.shots.max(axis=1) > made.shots.min(axis=1)).mean() > 0.8  # imbalanced
    shown = np.arange(5) < made.shots[..., None]
    assert (made.support[shown] >= 0).all()
    assert (made.support[~shown] == -1).all()
    with pytest.raises(InputError, match=r"shot = \(least, most\), got \(5, 2\)"):
        EpisodeSampler(labels, way=3, shot=(5, 2), query=1)


@pytest.mark.parametrize("grouped", [False, True])
def test_evaluation_episodes_query_no_window_twice(grouped: bool) -> None:
    labels = np.repeat(["a", "b", "c", "d"], 12)
    groups = np.array([f"{label}-{i % 4}" for i, label in enumerate(labels)])
    sampler = EpisodeSampler(
        labels, way=2, shot=2, query=3, groups=groups if grouped else np.arange(48)
    )
    made = sampler.draw_apart(6, np.random.default_rng(2))
    assert len(set(made.query.ravel())) == made.query.size
    _check(made, sampler, labels, groups if grouped else np.arange(48))
    again = sampler.draw_apart(6, np.random.default_rng(2))
    np.testing.assert_array_equal(again.support, made.support)
    with pytest.raises(InputError, match="40 without a query twice asked for, the windows allow"):
        sampler.draw_apart(40, np.random.default_rng(0))
    assert len(sampler.draw_apart(0, np.random.default_rng(0))) == 0


def test_all_windows_can_be_queried_once() -> None:
    labels = np.repeat(["a", "b", "c"], 10)
    made = EpisodeSampler(labels, way=3, shot=1, query=5).draw_apart(2, np.random.default_rng(0))
    assert sorted(made.query.ravel()) == list(range(30))
