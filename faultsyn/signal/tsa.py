"""Time-synchronous average: what repeats every revolution, and what is left without it.

Gears and imbalance repeat with the shaft, bearings do not: the residual is where bearing faults are
looked for. McFadden, Mechanical Systems and Signal Processing 1, 1987, for the gain of sqrt(N);
Randall & Antoni (2011), section 4, for the separation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError


@dataclass(frozen=True, eq=False)
class SynchronousAverage:
    """Mean revolution and the rest.

    - `average`: `(..., turns * per_revolution)`.
    - `residual`: the signal without it, `(..., n * turns * per_revolution)`.
    - `n`: periods averaged; noise that does not repeat is smaller by sqrt(n) in the average.
    """

    average: NDArray[np.float64]
    residual: NDArray[np.float64]
    n: int


def synchronous_average(x: NDArray[Any], per_revolution: int, turns: int = 1) -> SynchronousAverage:
    """Average of `(..., n_samples)` at equal shaft angles (`angular_resample`) over periods.

    - `turns`: revolutions a period, where what repeats takes more than one (a second shaft).

    A last incomplete period is left out. Raises `InputError` on fewer than two periods.
    """
    period = per_revolution * turns
    n = x.shape[-1] // period
    if n < 2:
        raise InputError(
            f"synchronous average: expected at least two periods of {period} samples, got "
            f"{x.shape[-1]} samples"
        )
    periods = np.asarray(x[..., : n * period], np.float64).reshape(*x.shape[:-1], n, period)
    average = periods.mean(axis=-2)
    residual = (periods - average[..., None, :]).reshape(*x.shape[:-1], n * period)
    return SynchronousAverage(average, residual, n)
