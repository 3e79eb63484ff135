"""Guides: where in a window the fault strikes and how the shaft stands, known or drawn.

A network that is told where impacts fall places them after a few steps; one that must find their
rhythm by itself needs hundreds. Three guides per window, all zero where nothing is known:

- the skeleton: an impulse of height 3 at each strike, between samples where it falls there;
- cosine and sine of the shaft's rotation, zero angle where the envelope is highest.

Everything is in samples, so that any sample rate works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HEIGHT = 3.0
N_GUIDES = 3


LEAD_IN = 264
"""Samples before a window from which strikes are known."""


@dataclass(frozen=True)
class Rhythm:
    """When strikes fall in each of n windows, and how the shaft turns.

    - `period`, `shaft`: samples between strikes and per revolution, `(n,)`, NaN where unknown.
    - `phase`: place of a strike [samples], `angle`: of the shaft [rad] at sample 0, `(n,)`.
    - `slip`: deviation of each period as a share of it, drawn with `seed`.
    """

    period: Floats
    shaft: Floats
    phase: Floats
    angle: Floats
    slip: float = 0.0
    seed: int = 0

    def take(self, rows: NDArray[Any]) -> Rhythm:
        """Some of the windows, without slip."""
        period, shaft, phase, angle = (part[rows] for part in self.arrays())
        return Rhythm(period, shaft, phase, angle)

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Period, shaft, phase and angle."""
        return self.period, self.shaft, self.phase, self.angle

    def strikes(self, n_samples: int) -> Floats:
        """Places of strikes [samples] `(n, m)`, from `LEAD_IN` before the window on."""
        known = np.isfinite(self.period)
        period = np.where(known, self.period, n_samples)
        rng = np.random.default_rng(self.seed)
        length = n_samples + 2 * LEAD_IN
        return strikes(period, length, rng, self.slip, self.phase + LEAD_IN) - LEAD_IN

    def theta(self, at: Floats) -> Floats:
        """Shaft angles [rad] at places `(n, m)`; 0 where the shaft is unknown."""
        known = np.isfinite(self.shaft)
        turn = np.where(known, 2 * np.pi / np.where(known, self.shaft, 1.0), 0.0)
        return np.asarray(turn[:, None] * at + self.angle[:, None])

    def guides(self, n_samples: int) -> Floats:
        """Guides `(n, 3, T)`: skeleton, cosine and sine of the shaft angle; zero where unknown."""
        skeleton = render(self.strikes(n_samples), 1.0, n_samples)
        return guides(skeleton * np.isfinite(self.period)[:, None], self.shaft, self.angle)


def strikes(
    period: NDArray[Any],
    n_samples: int,
    rng: np.random.Generator,
    slip: NDArray[Any] | float = 0.0,
    phase: NDArray[Any] | None = None,
) -> Floats:
    """Places of strikes [samples] `(n, m)`, some outside the window of `n_samples`.

    - `period`: samples between strikes, `(n,)`.
    - `slip`: deviation of each period as a share of it, `(n,)` or one for all; it accumulates.
    - `phase`: place of a strike [samples], `(n,)`; random by default.
    """
    period = np.asarray(period, np.float64)[:, None]
    count = int(np.ceil(n_samples / period.min() * 1.1)) + 8 if len(period) else 0
    start = rng.random((len(period), 1)) * period if phase is None else phase[:, None] % period
    wide = np.broadcast_to(np.asarray(slip, np.float64).reshape(-1, 1), period.shape)
    steps = period * np.maximum(1 + wide * rng.standard_normal((len(period), count)), 0.1)
    return np.asarray(start - 2 * period + np.cumsum(steps, axis=1))


def render(at: Floats, heights: Floats | float, n_samples: int) -> Floats:
    """Impulses at the places `at` `(n, m)` [samples], shared linearly by the two samples beside."""
    first = np.floor(at).astype(np.intp)
    share = at - first
    made = np.zeros((len(at), n_samples))
    rows = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
    for place, weight in ((first, 1 - share), (first + 1, share)):
        inside = (place >= 0) & (place < n_samples)
        np.add.at(made, (rows[inside], place[inside]), (weight * heights)[inside])
    return made


def guides(skeleton: Floats, shaft_period: NDArray[Any], angle: NDArray[Any]) -> Floats:
    """Guides `(n, 3, T)` of skeletons `(n, T)` (unit impulses).

    - `shaft_period`: samples per revolution `(n,)`, NaN where unknown: then without a shaft.
    - `angle`: shaft angle [rad] of the first sample, `(n,)`.
    """
    known = np.isfinite(shaft_period)
    turn = 2 * np.pi / np.where(known, shaft_period, 1.0)
    theta = turn[:, None] * np.arange(skeleton.shape[1]) + np.asarray(angle)[:, None]
    shaft = known[:, None] * np.stack([np.cos(theta), np.sin(theta)])
    return np.stack([HEIGHT * skeleton, *shaft], axis=1)


def shaft_angle(envelope: Floats, shaft_period: NDArray[Any]) -> Floats:
    """Angle [rad] of the first sample, so that angle zero is where envelopes `(n, T)` peak.

    The phase of the envelope's component at the shaft rate; 0 where that is unknown.
    """
    known = np.isfinite(shaft_period)
    turn = 2 * np.pi / np.where(known, shaft_period, 1.0)
    wave = np.exp(-1j * turn[:, None] * np.arange(envelope.shape[1]))
    centred = envelope - envelope.mean(axis=1, keepdims=True)
    return np.where(known, np.angle((centred * wave).sum(axis=1)), 0.0)
