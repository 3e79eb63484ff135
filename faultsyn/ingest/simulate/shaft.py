"""Shafts of random speed: steady, ramping or swinging, as an exact angle at each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LARGEST_RAMP = 0.10
_LARGEST_SWING = 0.03
PROFILES = ("steady", "ramp", "swing")


@dataclass(frozen=True)
class Shafts:
    """How `n` shafts turn.

    - `angle`: `(n, n_samples)` [revolutions], increasing from a random start.
    - `profile`: of `PROFILES`; `fastest`: highest rate [Hz] of each, `(n,)`.
    """

    angle: Floats
    profile: NDArray[np.str_]
    fastest: Floats


def draw_shafts(
    n: int,
    n_samples: int,
    rate: float,
    rpm: tuple[float, float],
    varying: float,
    rng: np.random.Generator,
) -> Shafts:
    """Shafts of log-uniform mean speed; the share `varying` ramps or swings in equal parts.

    A ramp changes the speed by up to 10 % over the whole, a swing by up to 3 % either way, once to
    three times.
    """
    base = np.exp(rng.uniform(np.log(rpm[0]), np.log(rpm[1]), (n, 1))) / 60
    kind = np.where(rng.random(n) < varying, rng.integers(1, 3, n), 0)
    ramp = np.where(kind == 1, rng.uniform(-_LARGEST_RAMP, _LARGEST_RAMP, n), 0.0)[:, None]
    swing = np.where(kind == 2, rng.uniform(0.0, _LARGEST_SWING, n), 0.0)[:, None]
    times = 2 * np.pi * rng.uniform(1.0, 3.0, (n, 1))
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    share = np.linspace(0, 1, n_samples)
    # The integral of base (1 + ramp (u - 1/2) + swing sin(times u + phase)) over u.
    turns = share + ramp * (share**2 - share) / 2 - swing / times * np.cos(times * share + phase)
    angle = base * (n_samples - 1) / rate * turns + rng.random((n, 1))
    fastest = base[:, 0] * (1 + np.abs(ramp[:, 0]) / 2 + swing[:, 0])
    return Shafts(angle, np.array(PROFILES)[kind], fastest)
