"""Tacho pulses, or a column of speeds, to shaft speed and shaft angle.

The angle is what order analysis needs: samples at equal angles (`angular.py`), averages over
revolutions (`tsa.py`). McFadden, "Interpolation techniques for time domain averaging of gear
vibration", Mechanical Systems and Signal Processing 3, 1989, for the angle between pulses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import NDArray

from faultsyn.errors import InputError

Floats = NDArray[np.float64]


def pulse_times(
    x: NDArray[Any], rate: float, level: float | None = None, hysteresis: float = 0.2
) -> Floats:
    """Times [s] at which a tacho signal `(n_samples,)` rises through `level`.

    - `level`: half-way between the 1st and 99th percentile when None.
    - `hysteresis`: after a pulse the signal must fall below `level` by this share of that range
      before the next one counts, so that noise on a slow edge gives one pulse.

    Crossings lie between samples (linear). Raises `InputError` on a signal without range.
    """
    x = np.asarray(x, np.float64)
    low, high = np.percentile(x, (1, 99)) if len(x) else (0.0, 0.0)
    if not high > low:
        raise InputError("tacho: expected a signal with pulses, got one that does not change")
    middle = (low + high) / 2 if level is None else level
    armed_below = middle - hysteresis * (high - low)
    # 1 above the level, -1 below the lower threshold, in between what came last.
    state = np.where(x >= middle, 1, np.where(x < armed_below, -1, 0))
    known = np.flatnonzero(state)
    rising = np.flatnonzero((state[known[:-1]] == -1) & (state[known[1:]] == 1))
    after = known[rising + 1]
    before = after - 1
    share = (middle - x[before]) / (x[after] - x[before])
    return np.asarray((before + share) / rate, np.float64)


def rpm_from_pulses(times: Floats, pulses_per_revolution: int = 1) -> tuple[Floats, Floats]:
    """Times [s] and shaft speed [1/min], one figure a pulse, each over one whole revolution.

    Over a revolution the uneven spacing of the marks cancels. Pulse times that jitter by s spread
    the speed by the share sqrt(2) s / T of a revolution of T seconds. Raises `InputError` when the
    times do not increase or last less than a revolution.
    """
    _check_times(times, pulses_per_revolution)
    first, last = times[:-pulses_per_revolution], times[pulses_per_revolution:]
    return (first + last) / 2, 60.0 / (last - first)


def angle_from_pulses(times: Floats, at: Floats, pulses_per_revolution: int = 1) -> Floats:
    """Shaft angle [revolutions] at the times `at` [s]; zero at the first pulse.

    Monotone cubic interpolation between pulses (Fritsch & Carlson 1980); NaN before the first and
    after the last. Raises `InputError` as `rpm_from_pulses`.
    """
    _check_times(times, pulses_per_revolution)
    turns = np.arange(len(times)) / pulses_per_revolution
    curve = scipy.interpolate.PchipInterpolator(times, turns, extrapolate=False)
    return np.asarray(curve(at), np.float64)


def angle_from_rpm(times: Floats, rpm: Floats, at: Floats) -> Floats:
    """Shaft angle [revolutions] at the times `at` [s] from speeds [1/min] at `times` [s].

    The integral of the linearly interpolated speed, zero at the first of `times`; NaN outside.
    Raises `InputError` when times do not increase or a speed is not above zero.
    """
    times, rpm = np.asarray(times, np.float64), np.asarray(rpm, np.float64)
    if len(times) < 2 or times.shape != rpm.shape or np.any(np.diff(times) <= 0):
        raise InputError("speed column: expected at least two times that increase, one speed each")
    if not (np.isfinite(rpm) & (rpm > 0)).all():
        raise InputError("speed column: expected speeds above 0 1/min", "cut out standstill")
    at = np.asarray(at, np.float64)
    turns = np.concatenate([[0.0], np.cumsum(np.diff(times) * (rpm[1:] + rpm[:-1]) / 120)])
    cell = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    ahead = at - times[cell]
    slope = (rpm[cell + 1] - rpm[cell]) / (times[cell + 1] - times[cell])
    angle = turns[cell] + (rpm[cell] + slope * ahead / 2) * ahead / 60
    return np.where((at >= times[0]) & (at <= times[-1]), angle, np.nan)


def _check_times(times: Floats, pulses_per_revolution: int) -> None:
    if pulses_per_revolution < 1:
        raise InputError(f"tacho: expected at least 1 pulse a turn, got {pulses_per_revolution}")
    if len(times) <= pulses_per_revolution or np.any(np.diff(times) <= 0):
        raise InputError(
            f"tacho: expected more than {pulses_per_revolution} pulses at times that increase, "
            f"got {len(times)}"
        )
