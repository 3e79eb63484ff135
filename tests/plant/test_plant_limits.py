"""Limits of the unknown score, at operating states that were trained on and at new ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from faultsyn.evaluate.calibration import Calibration
from faultsyn.evaluate.novelty import threshold
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.limits import Limits, Scored, fit_limits, prediction_bound
from faultsyn.plant.verdict import UNCLEAR, UNJUDGED, UNKNOWN, Verdict, decide

NOBODY = np.zeros(0), np.zeros(0, str)


def _scored(states: int, per: int, between: float, seed: int) -> Scored:
    """Lognormal scores of windows whose states differ by `between`."""
    rng = np.random.default_rng(seed)
    fold = np.repeat(np.arange(states), per)
    scores = np.exp(rng.normal(0, between, states)[fold] + rng.normal(0, 0.1, len(fold)))
    return Scored(scores, np.arange(len(fold)), fold)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_bound_holds_the_next_draw_as_often_as_it_says(k: int) -> None:
    rng = np.random.default_rng(k)
    draws = rng.normal(3, 2, (4000, k + 1))
    held = [prediction_bound(row[:k]) >= row[k] for row in draws]
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)
    positive = [prediction_bound(np.exp(row[:k]), positive=True) >= np.exp(row[k]) for row in draws]
    assert positive == held


def test_the_bound_is_that_of_the_textbook() -> None:
    x = np.array([1.0, 2.0, 4.0])
    want = x.mean() + student.ppf(0.95, 2) * x.std(ddof=1) * np.sqrt(4 / 3)
    assert prediction_bound(x) == pytest.approx(want)


@pytest.mark.parametrize("states", [3, 5])
def test_known_windows_of_the_next_state_stay_below_its_limit(states: int) -> None:
    """The plain limit calls many of them unknown; that of new states at most as many as it says."""
    plain, new = [], []
    for seed in range(300):
        everything = _scored(states + 1, 60, 1.0, seed)
        known = everything.take(everything.fold < states)
        rest = everything.take(everything.fold == states).scores
        limits = fit_limits(known, known, *NOBODY, 0.95, positive=True)
        plain.append((rest > limits.window).mean())
        new.append((rest > limits.new_window).mean())
    assert np.mean(new) < 0.06
    assert np.mean(plain) > 2 * np.mean(new)


@pytest.mark.parametrize("states", [0, 1, 2])
def test_few_states_say_nothing_of_the_next(states: int) -> None:
    known = _scored(2, 80, 1.0, 0)
    limits = fit_limits(known, known.take(known.fold < states), *NOBODY, 0.95, positive=True)
    assert limits.window == pytest.approx(threshold(known.scores, 0.95))
    assert (limits.new_window, limits.new_recording, limits.states) == (np.inf, np.inf, states)


def test_a_limit_for_new_states_is_never_below_that_for_old_ones() -> None:
    alike = _scored(4, 50, 0.0, 3)
    strangers, units = np.full(30, 50.0), np.array(["r"] * 30)
    end = threshold(alike.scores, 0.95)
    limits = fit_limits(alike, alike, strangers, units, 0.95, positive=True)
    assert limits.window == pytest.approx(np.sqrt(end * 50))
    assert limits.new_window >= limits.window
    assert limits.new_recording >= limits.recording
    linear = fit_limits(alike, alike, strangers, units, 0.95, positive=False)
    assert linear.window == pytest.approx((end + 50) / 2)
    near = fit_limits(alike, alike, np.full(30, 0.1), units, 0.95, positive=True)
    assert near.window == pytest.approx(end)  # strangers leave no room


def test_recordings_are_means_of_their_windows() -> None:
    unit = np.repeat(np.arange(24), 3)
    known = Scored(np.arange(72.0), unit, unit // 12)
    units = known.of_units()
    np.testing.assert_allclose(units.scores, 3 * np.arange(24) + 1)
    assert units.fold.tolist() == [0] * 12 + [1] * 12
    limits = fit_limits(known, known, *NOBODY, 0.95, positive=False)
    assert limits.recording == threshold(units.scores, 0.95)


def test_limits_come_back_as_they_were() -> None:
    limits = Limits(1.5, 2.0, np.inf, np.inf, 1)
    assert Limits.from_array(limits.as_array()) == limits


def _confidence(limits: Limits) -> Confidence:
    wide: Any = np.full(2, 0.6)
    return Confidence(
        "group", ("inner", "normal"), Calibration(), 0.9, wide, wide, "diagonal", {}, 0.95, limits,
        0.5, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("score", "new_state", "said"),
    [
        (1.0, False, "inner"),
        (1.0, True, "inner"),
        (3.0, False, UNKNOWN),
        (3.0, True, UNCLEAR),
        (9.0, True, UNKNOWN),
    ],
)
def test_what_is_strange_at_a_new_state_is_left_open(
    score: float, new_state: bool, said: str
) -> None:
    confidence = _confidence(Limits(2.0, 2.0, 8.0, 8.0, 3))
    proba = np.array([[0.9, 0.1]] * 2)
    made = decide(Verdict("r", "f"), confidence, proba, np.full(2, score), new_state)
    assert made.verdict == said
    assert (UNJUDGED in made.warnings) == (said == UNCLEAR)
    assert made.unknown_limit == 2.0


def test_one_state_in_training_never_calls_a_new_one_unknown() -> None:
    confidence = _confidence(Limits(2.0, 2.0, np.inf, np.inf, 1))
    made = decide(Verdict("r", "f"), confidence, np.array([[0.1, 0.9]]), np.array([1e6]), True)
    assert (made.verdict, made.alarm) == (UNCLEAR, False)
