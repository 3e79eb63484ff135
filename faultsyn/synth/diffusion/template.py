"""What repeats from strike to strike: impulse responses that change with the shaft's angle.

A bearing signal is cyclostationary (Antoni, Mechanical Systems and Signal Processing 21, 2007). Its
mean, given where strikes fall (t_k) and how the shaft stands then (theta_k), is modelled as

    m(t) = sum_k sum_j phi_j(theta_k) h_j(t - t_k),    phi = 1, cos, sin, cos 2, sin 2

with responses h_j found by ridge regression on the shots. On CWRU (21 mil, inner and outer race,
five windows of 1024) it explains half of the variance of held-out windows. Regression and the
places of strikes sharpen each other: with those that the envelope gives, it is a quarter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.fft

from faultsyn.synth.diffusion.skeleton import LEAD_IN, Floats, Rhythm, render

LEAD = 8
"""Samples by which a response may begin before its strike."""
_LONGEST = 256
_RIDGE = 3.0
_EQUATIONS = 6
"""Samples of shots for each coefficient, at least."""
_SEARCH = (
    ("phase", np.arange(-3.0, 3.01, 0.5)),
    ("angle", np.linspace(-0.8, 0.8, 9)),
    ("period", np.linspace(-0.003, 0.003, 7)),
    ("phase", np.arange(-0.75, 0.76, 0.25)),
)
"""How places are sharpened: samples, radians, a share of the period."""


@dataclass(frozen=True)
class Template:
    """Responses `(C, J, L)` in unit-RMS windows, J = 1 + 2 x shaft harmonics; J = 0: nothing."""

    responses: Floats

    @classmethod
    def none(cls, channels: int) -> Template:
        """A template of nothing."""
        return cls(np.zeros((channels, 0, 0)))

    def mean(self, rhythm: Rhythm, n_samples: int) -> Floats:
        """m(t) for windows of a rhythm, `(n, C, T)`."""
        channels, count, length = self.responses.shape
        if count == 0:
            return np.zeros((len(rhythm.shaft), channels, n_samples))
        trains = _trains(rhythm, count, n_samples)
        size = scipy.fft.next_fast_len(trains.shape[2] + length, real=True)
        spectra = scipy.fft.rfft(trains, size)
        made = np.einsum("njf,cjf->ncf", spectra, scipy.fft.rfft(self.responses, size))
        return np.asarray(scipy.fft.irfft(made, size)[..., LEAD_IN + LEAD :][..., :n_samples])


def learn(x: Floats, rhythm: Rhythm, harmonics: int) -> tuple[Template, Rhythm]:
    """Responses of windows `(K, C, T)` of one class, and their rhythm with sharpened places.

    Fewer harmonics, or none at all, where the shots are too few for their coefficients or no
    period is known.
    """
    count, channels, n_samples = x.shape
    if not np.isfinite(rhythm.period).all():
        return Template.none(channels), rhythm
    length = int(min(rhythm.period.max(), _LONGEST)) + LEAD
    affordable = count * n_samples / (_EQUATIONS * length)
    if affordable < 1:
        return Template.none(channels), rhythm
    turning = np.isfinite(rhythm.shaft).all()
    j = 1 + 2 * int(min(harmonics, (affordable - 1) // 2)) if turning else 1
    template = _regressed(x, rhythm, j, length)
    for _ in range(2):
        rhythm = sharpened(template, x, rhythm)
        template = _regressed(x, rhythm, j, length)
    return template, rhythm


def _regressed(x: Floats, rhythm: Rhythm, j: int, length: int) -> Template:
    trains = _trains(rhythm, j, x.shape[2])
    square = _products(trains, x.shape[2], length).reshape(j * length, j * length)
    square[np.diag_indices_from(square)] += _RIDGE
    wanted = _correlated(trains, x, length).reshape(j * length, -1)
    solved = np.linalg.solve(square, wanted)
    return Template(np.asarray(solved.T.reshape(x.shape[1], j, length)))


def _correlated(trains: Floats, x: Floats, length: int) -> Floats:
    """Products of trains `(n, J, .)` delayed by l with signals `(n, C, T)`, `(J, l, C)`."""
    size = scipy.fft.next_fast_len(trains.shape[2] + x.shape[2], real=True)
    spectra = scipy.fft.rfft(trains, size), scipy.fft.rfft(x, size).conj()
    lags = scipy.fft.irfft(np.einsum("njf,ncf->jcf", *spectra), size)
    return np.asarray(lags[..., LEAD_IN + LEAD - np.arange(length)].transpose(0, 2, 1))


def _products(trains: Floats, n_samples: int, length: int) -> Floats:
    """Products of trains delayed by l and by m with each other, `(J, l, J, m)`.

    Delaying both by a sample more changes a product at the window's two ends only, so that all
    follow from those without delay.
    """
    start = LEAD_IN + LEAD
    made = np.empty((trains.shape[1], length) * 2)
    made[:, :, :, 0] = _correlated(trains, trains[..., start:][..., :n_samples], length)
    made[:, 0] = made[:, :, :, 0].transpose(2, 0, 1)
    places = start - np.arange(1, length)
    first, last = trains[..., places], trains[..., places + n_samples]
    ends = np.tensordot(first, first, (0, 0)) - np.tensordot(last, last, (0, 0))
    for delay in range(1, length):
        made[:, delay, :, 1:] = made[:, delay - 1, :, :-1] + ends[:, delay - 1]
    return made


def sharpened(template: Template, x: Floats, rhythm: Rhythm) -> Rhythm:
    """Phase, angle and period of each window moved to where the template fits best."""
    for what, grid in _SEARCH:
        tried = [_moved(rhythm, what, np.full(len(x), step), x.shape[2]) for step in grid]
        errors = [((x - template.mean(r, x.shape[2])) ** 2).mean(axis=(1, 2)) for r in tried]
        best = grid[np.argmin(np.stack(errors), axis=0)]
        rhythm = _moved(rhythm, what, best, x.shape[2])
    return rhythm


def _moved(rhythm: Rhythm, what: str, step: Floats, n_samples: int) -> Rhythm:
    if what == "phase":
        return replace(rhythm, phase=rhythm.phase + step)
    if what == "angle":
        return replace(rhythm, angle=rhythm.angle + step)
    # Around the middle of the window, so that strikes there stay where they are.
    drift = n_samples / 2 * step
    return replace(rhythm, period=rhythm.period * (1 + step), phase=rhythm.phase - drift)


def _trains(rhythm: Rhythm, j: int, n_samples: int) -> Floats:
    """Strikes weighted by J functions of the shaft angle, from `LEAD_IN` before the window to
    `LEAD` behind it, `(n, J, LEAD_IN + T + LEAD)`.
    """
    at = rhythm.strikes(n_samples)
    theta = rhythm.theta(at)
    waves = [f(k * theta) for k in range(1, (j + 1) // 2) for f in (np.cos, np.sin)]
    length = LEAD_IN + n_samples + LEAD
    parts = [render(at + LEAD_IN, w, length) for w in (np.ones_like(at), *waves)]
    return np.stack(parts, axis=1)
