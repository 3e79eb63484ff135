from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError
from faultsyn.experiment.shots import Support, draw_support, kept_shots
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import Draw

CLASSES = ("normal", "inner", "outer")
N = 24
LABELS = np.repeat(CLASSES, N)
TABLE: dict[str, Any] = {
    "recording": np.array([f"{label}-{i // 8}" for label in CLASSES for i in range(N)]),
    "start": np.tile(np.arange(8.0), 9),
}
FOLD = Fold("held out", np.flatnonzero(np.arange(3 * N) % 6 != 0), np.arange(0, 3 * N, 6))


def draw(k: int | str = 3, seed: int = 0, draw: Draw | None = None, **over: Any) -> Support:
    return draw_support(
        over.get("table", TABLE),
        LABELS,
        over.get("classes", CLASSES),
        over.get("fold", FOLD),
        draw or Draw(),
        k,
        seed,
        over.get("normals"),
        over.get("what", "t"),
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10), st.integers(0, 1000))
def test_shots_come_from_training_windows_of_their_class(k: int, seed: int) -> None:
    support = draw(k, seed)
    assert np.isin(support.all, FOLD.train).all()
    assert len(set(support.shots.tolist())) == 2 * k
    assert LABELS[support.shots].tolist() == ["inner"] * k + ["outer"] * k
    assert set(LABELS[support.normals]) == {"normal"}
    again = draw(k, seed)
    assert again.all.tolist() == support.all.tolist()


def test_smaller_k_is_nested_in_larger_and_seeds_differ() -> None:
    assert set(draw(2).shots) <= set(draw(7).shots)
    assert draw(3, 0).shots.tolist() != draw(3, 1).shots.tolist()
    assert draw(3, 0).shots.tolist() != draw(3, 0, what="other").shots.tolist()


def test_all_takes_every_training_window() -> None:
    assert len(draw("all").shots) == (LABELS[FOLD.train] != "normal").sum()


def test_normals_are_drawn_by_seed_and_capped() -> None:
    assert len(draw(normals=5).normals) == 5
    assert draw(seed=0, normals=5).normals.tolist() != draw(seed=1, normals=5).normals.tolist()
    assert len(draw().normals) == (LABELS[FOLD.train] == "normal").sum()


def test_one_event_gives_shots_of_one_value() -> None:
    chosen = Draw(draw="one-event", event=("recording",))
    seen = set()
    for seed in range(12):
        shots = draw(4, seed, chosen).shots
        for label in ("inner", "outer"):
            events = set(TABLE["recording"][shots[LABELS[shots] == label]])
            assert len(events) == 1
            seen |= events
    assert len(seen) > 2


def test_onset_takes_the_first_windows_after_the_onset() -> None:
    onset = np.full(3 * N, 3.0)
    shots = draw(3, 0, Draw(draw="onset"), table={**TABLE, "onset": onset}).shots
    for label in ("inner", "outer"):
        rows = shots[LABELS[shots] == label]
        assert len(set(TABLE["recording"][rows])) == 1
        of = TABLE["recording"] == TABLE["recording"][rows[0]]
        left = FOLD.train[of[FOLD.train] & (TABLE["start"][FOLD.train] >= 3)]
        assert rows.tolist() == left[:3].tolist()


def test_too_few_windows_say_so() -> None:
    with pytest.raises(InputError, match=r"class 'inner' has 20 training windows, k = 30"):
        draw(30)
    with pytest.raises(InputError, match=r"no recording with 9 training windows, at most 7"):
        draw(9, 0, Draw(draw="one-event", event=("recording",)))
    with pytest.raises(InputError, match="no training windows of class 'outer'"):
        draw(1, fold=Fold("x", np.arange(40), np.arange(40, 72)))
    with pytest.raises(InputError, match="no normal training windows"):
        draw(1, fold=Fold("x", np.arange(24, 72), np.arange(24)))


def test_a_task_without_a_normal_class_has_no_normals() -> None:
    faults_only = Fold("x", np.arange(24, 60), np.arange(60, 72))
    assert len(draw(classes=("inner", "outer"), fold=faults_only).normals) == 0


@pytest.mark.parametrize(("share", "left"), [(0.0, 0), (0.1, 1), (0.5, 3), (1.0, 6)])
def test_a_share_of_each_classs_shots_is_kept_and_all_normals(share: float, left: int) -> None:
    support = draw(6)
    kept = kept_shots(support, LABELS, share, "t", 0)
    rows = LABELS[support.all[kept]]
    assert (rows == "normal").sum() == len(support.normals)
    assert [(rows == label).sum() for label in CLASSES[1:]] == [left, left]
    more = kept_shots(support, LABELS, 0.9, "t", 0)
    assert share > 0.9 or (more[kept]).all()
    assert not np.array_equal(
        kept_shots(support, LABELS, 0.5, "t", 0), kept_shots(support, LABELS, 0.5, "t", 1)
    )
