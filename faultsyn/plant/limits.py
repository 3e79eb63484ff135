"""From which unknown score on a recording is like nothing known, at operating states old and new.

At a state that was trained on, the limit is a quantile of held-out scores, or half-way from there
to those of withheld faults. At a new one it is a prediction: the quantile of every state that was
held out is one draw of what a state may do, and the limit is the one-sided prediction bound for the
next draw,

    mean + t(k - 1) s sqrt(1 + 1 / k),

with k states of deviation s and the quantile t of Student's distribution (Hahn and Meeker 1991,
Statistical intervals, section 4.3). Few states make it wide. With two, each was held out from fits
that knew one state only and nothing of how states differ, and there is no such limit: whether a new
fault or the new state makes a recording strange is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from faultsyn.evaluate.novelty import threshold

Floats = NDArray[np.float64]

FEWEST_STATES = 3
"""Held-out states below which nothing is said about the next."""
_FEWEST_UNITS = 20
"""Held-out recordings from which the limits of a recording are taken, else from its windows."""
_STRANGERS = 0.1
"""Share of the withheld faults that need not exceed the limit."""
_SURE = 0.95
"""Share of new states whose quantile lies below the prediction bound."""


@dataclass(frozen=True)
class Limits:
    """Mean unknown scores above which a recording is like nothing known.

    - `recording`, `window`: of several windows and of one, at operating states of the training.
    - `new_recording`, `new_window`: at a state that was never trained on; infinite where fewer
      than `FEWEST_STATES` were held out.
    - `states`: parts of the training that were held out with an operating state of their own.
    """

    recording: float
    window: float
    new_recording: float
    new_window: float
    states: int

    @classmethod
    def none(cls) -> Self:
        """Nothing is ever unknown."""
        return cls(np.inf, np.inf, np.inf, np.inf, 0)

    def of(self, n_windows: int, new_state: bool = False) -> float:
        """The limit for a recording of so many windows."""
        if new_state:
            return self.new_window if n_windows == 1 else self.new_recording
        return self.window if n_windows == 1 else self.recording

    def as_array(self) -> Floats:
        """For an artefact."""
        numbers = (self.recording, self.window, self.new_recording, self.new_window, self.states)
        return np.array(numbers, np.float64)

    @classmethod
    def from_array(cls, array: Floats) -> Self:
        """Read back what `as_array` gave."""
        recording, window, new_recording, new_window, states = map(float, array)
        return cls(recording, window, new_recording, new_window, int(states))


@dataclass(frozen=True, eq=False)
class Scored:
    """Unknown scores of held-out windows `(n,)`.

    - `unit`: piece of a recording; `fold`: part of the training that was held out.
    """

    scores: Floats
    unit: NDArray[np.intp]
    fold: NDArray[np.intp]

    def take(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the windows."""
        return type(self)(self.scores[chosen], self.unit[chosen], self.fold[chosen])

    def of_units(self) -> Self:
        """The mean of each unit."""
        _, first, unit = np.unique(self.unit, return_index=True, return_inverse=True)
        means = np.bincount(unit, self.scores) / np.bincount(unit)
        return type(self)(means, self.unit[first], self.fold[first])

    def next_fold(self, share: float, positive: bool) -> float:
        """The score that `share` of the known do not exceed in a part not met yet."""
        parts = np.unique(self.fold)
        if len(parts) < FEWEST_STATES:
            return np.inf
        reached = [threshold(self.scores[self.fold == part], share) for part in parts]
        return prediction_bound(np.array(reached), positive)


def fit_limits(
    known: Scored,
    elsewhere: Scored,
    strangers: Floats,
    stranger_unit: NDArray[np.str_],
    share: float,
    positive: bool,
) -> Limits:
    """Learn the limits from held-out windows of known and of withheld classes.

    - `known`: at operating states that the fits had met; `elsewhere`: at states that were held out.
    - `strangers`: scores of windows of withheld classes; `stranger_unit`: their recordings.
    - `share`: of known recordings that the limits shall let pass.
    - `positive`: whether the score is a positive quantity that varies in proportion, as squared
      distances do: limits then lie on its logarithm.
    """
    window = _limit(known.scores, strangers, share, positive)
    new_window = max(window, elsewhere.next_fold(share, positive))
    recording, new_recording = window, new_window
    units = known.of_units()
    if len(units.scores) >= _FEWEST_UNITS:
        recording = _limit(units.scores, _means(strangers, stranger_unit), share, positive)
        new_recording = max(recording, elsewhere.of_units().next_fold(share, positive))
    states = len(np.unique(elsewhere.fold))
    return Limits(recording, window, new_recording, new_window, states)


def prediction_bound(draws: Floats, positive: bool = False, sure: float = _SURE) -> float:
    """Upper bound, with probability `sure`, of the next draw from where `draws` `(k,)` came from.

    Normal draws, or lognormal ones (`positive`).
    """
    values = _logs(draws) if positive else draws
    k = len(values)
    reach = float(student.ppf(sure, k - 1)) * float(values.std(ddof=1)) * np.sqrt(1 + 1 / k)
    bound = float(values.mean()) + reach
    with np.errstate(over="ignore"):
        return float(np.exp(bound)) if positive else bound


def _limit(known: Floats, strangers: Floats, share: float, positive: bool) -> float:
    """The score that `share` of the known do not exceed, or more where strangers leave room.

    Half-way to what nine in ten withheld faults exceed: known faults on another machine score
    higher than any that was held out, and a limit at their edge would call them all unknown.
    """
    ends = np.array([threshold(known, share)] * 2)
    if len(strangers):
        ends[1] = max(ends[1], float(np.quantile(strangers, _STRANGERS)))
    return float(np.exp(_logs(ends).mean())) if positive else float(ends.mean())


def _logs(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, np.finfo(float).tiny)))


def _means(scores: Floats, units: NDArray[np.str_]) -> Floats:
    return np.array([scores[units == unit].mean() for unit in np.unique(units)])
