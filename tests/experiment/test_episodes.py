"""Episodes: novel classes are in no base set, shots and queries share nothing they must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError, LeakError
from faultsyn.experiment.episodes import episodes_of
from faultsyn.experiment.task import Split

CLASSES = np.array(["a", "b", "c", "d", "normal"])


def windows(per_run: int = 12, shared_run: bool = False) -> tuple[dict[str, Any], np.ndarray]:
    """Each class has one run to train on and one to be tested on, `per_run` windows each."""
    labels = np.repeat(CLASSES, 2 * per_run)
    side = np.tile(np.repeat(["train", "test"], per_run), len(CLASSES))
    runs = np.char.add(np.char.add(labels, "-"), np.full(len(labels), "x") if shared_run else side)
    start = np.tile(np.arange(2.0 * per_run), len(CLASSES))
    table = {"recording": runs, "asset": runs, "set": side, "start": start, "end": start + 1}
    return table, labels


def split(**over: Any) -> Split:
    return Split(
        **{
            "scheme": "episodes", "level": "recording", "groups": ["asset"],
            "train": [{"set": "train"}], "test": [{"set": "test"}],
            "novel": [["a", "b", "c"], ["b", "c", "d"]], "way": 2, "queries": 5, "episodes": 4,
            **over,
        }
    )  # fmt: skip


def test_novel_classes_are_in_no_base_set() -> None:
    table, labels = windows()
    folds = episodes_of(table, labels, split(), "t")
    assert len(folds) == 2 * 4
    for number, fold in enumerate(folds):
        novel = {"a", "b", "c"} if number < 4 else {"b", "c", "d"}
        assert fold.classes is not None
        assert fold.base is not None
        assert len(fold.classes) == 2
        assert set(fold.classes) <= novel
        assert not set(labels[fold.base]) & novel
        assert set(labels[fold.test]) == set(fold.classes)
        assert all((labels[fold.test] == name).sum() == 5 for name in fold.classes)
        assert set(table["set"][fold.train]) == {"train"}
        assert set(table["set"][fold.test]) == {"test"}


def test_episodes_repeat_and_differ() -> None:
    table, labels = windows()
    first, again = (episodes_of(table, labels, split(), "t") for _ in range(2))
    assert [f.classes for f in first] == [f.classes for f in again]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.test, b.test)
    assert len({tuple(f.test) for f in first}) > 1


@settings(max_examples=20, deadline=None)
@given(per_run=st.integers(3, 9), queries=st.integers(1, 3), episodes=st.integers(1, 5))
def test_halves_of_the_published_form_never_overlap(
    per_run: int, queries: int, episodes: int
) -> None:
    table, labels = windows(per_run)
    published = split(
        level="window", groups=[], train=[], test=[], queries=queries, episodes=episodes
    )
    for fold in episodes_of(table, labels, published, "t"):
        assert not set(fold.train) & set(fold.test)
        assert fold.classes is not None
        for name in fold.classes:
            assert (labels[fold.train] == name).sum() == per_run


def test_a_run_on_both_sides_is_a_leak() -> None:
    table, labels = windows(shared_run=True)
    with pytest.raises(LeakError, match="both sides"):
        episodes_of(table, labels, split(), "t")


def test_what_cannot_be_drawn_is_refused() -> None:
    table, labels = windows()
    with pytest.raises(InputError, match=r"has 12 windows to query, queries = 13"):
        episodes_of(table, labels, split(queries=13), "t")
    with pytest.raises(InputError, match=r"\['z'\] have no windows"):
        episodes_of(table, labels, split(novel=[["a", "z"]]), "t")


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"novel": [["a"]]}, "at least way = 2"),
        ({"novel": []}, "at least way = 2"),
        ({"way": 1}, "at least way = 1 >= 2"),
        ({"train": []}, "filters train and test"),
        ({"level": "window", "groups": []}, "filters train and test"),
        ({"scheme": "fixed"}, "novel classes go with scheme 'episodes'"),
    ],
)
def test_impossible_episodes_are_refused(over: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split(**over)
