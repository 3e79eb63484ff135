"""What the network is told about a window: fault, speed, spectrum, impulsiveness, fault lines.

All of it can be measured on a shot, and all is free of amplitude and sample rate. Parts that are
not known (or were left out in training) are zero, and a flag says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS = ("none", "inner", "outer", "ball", "other")
"""Faults that the simulator knows; any other label is "other"."""
N_BANDS = 32
HARMONICS = 3
N_SHAPE = N_BANDS + 1 + HARMONICS + 1
"""Figures of a window's shape: bands, kurtosis, fault lines, shaft line."""
N_TOLD = len(KINDS) + 3 + 1 + N_SHAPE
"""Length of the condition: kind; two periods and their flag; shape and its flag."""
MINIMUM = 128
"""Fewest samples of a window."""
_SEGMENT = 256
_BAND = (1 / 6, 11 / 12)
"""Share of the band whose envelope is read (1 to 5.5 kHz at 12 kHz)."""


def envelope(x: Floats) -> Floats:
    """Envelope of windows `(n, T)` between 1/6 and 11/12 of the band, divided by its mean."""
    spectrum = scipy.fft.fft(x)
    lines = np.abs(scipy.fft.fftfreq(x.shape[1])) * 2
    keep = (lines >= _BAND[0]) & (lines <= _BAND[1]) & (np.arange(len(lines)) < len(lines) // 2)
    curve = np.abs(scipy.fft.ifft(spectrum * (2 * keep)))
    mean = curve.mean(axis=1, keepdims=True)
    return np.asarray(curve / np.where(mean > 0, mean, 1.0))


def shape(x: Floats, curve: Floats, period: NDArray[Any], shaft_period: NDArray[Any]) -> Floats:
    """Figures of windows `(n, T)` of zero mean and unit RMS, `(n, N_SHAPE)`, of order one.

    - `curve`: their `envelope`; `period`, `shaft_period`: samples, `(n,)`, NaN where unknown.

    Log share of the power in 32 equal bands; log kurtosis over 3; log amplitude of the envelope at
    one to three times the fault rate and at the shaft rate, 0 where unknown.
    """
    segment = min(_SEGMENT, x.shape[1])
    _, density = scipy.signal.welch(x, nperseg=segment)
    starts = np.arange(N_BANDS) * (density.shape[1] - 1) // N_BANDS + 1
    power = np.add.reduceat(density, starts, axis=1)
    power /= np.maximum(power.sum(axis=1, keepdims=True), 1e-30)
    bands = (np.log(power + 1e-6) + 5.5) / 3.0
    fourth = np.maximum((x**4).mean(axis=1, keepdims=True), 1.0)
    lines = [_line(curve, np.asarray(period) / k) for k in range(1, HARMONICS + 1)]
    told = np.stack([*lines, _line(curve, np.asarray(shaft_period))], axis=1)
    return np.concatenate([bands, np.log(fourth / 3.0), told], axis=1)


def told(
    kind: NDArray[Any], period: NDArray[Any], shaft_period: NDArray[Any], figures: Floats | None
) -> NDArray[np.float32]:
    """The condition `(n, N_TOLD)`.

    - `kind`: number in `KINDS`, `(n,)`.
    - `period`, `shaft_period`: samples, `(n,)`, NaN where unknown or not told.
    - `figures`: from `shape`, rows of NaN where not told; None for no window.
    """
    n = len(kind)
    one_hot = np.eye(len(KINDS))[np.asarray(kind, np.intp)]
    periods = np.stack([np.log(period) - 4.0, np.log(shaft_period) - 6.0], axis=1)
    known = np.isfinite(periods[:, :1])
    figures = np.full((n, N_SHAPE), np.nan) if figures is None else figures
    seen = np.isfinite(figures[:, :1])
    parts = [one_hot, np.nan_to_num(periods), known, np.nan_to_num(figures), seen]
    return np.asarray(np.concatenate(parts, axis=1), np.float32)


def kind_of(label: str) -> int:
    """Number of a label in `KINDS`."""
    return KINDS.index(label) if label in KINDS else KINDS.index("other")


def _line(curve: Floats, period: NDArray[Any]) -> Floats:
    """Log amplitude of envelopes `(n, T)` at one period [samples] each, 0 where NaN."""
    known = np.isfinite(period)
    turn = 2 * np.pi / np.where(known, period, 1.0)
    taper = scipy.signal.windows.hann(curve.shape[1], sym=False)
    wave = np.exp(-1j * turn[:, None] * np.arange(curve.shape[1]))
    height = np.abs(((curve - 1.0) * taper * wave).sum(axis=1)) / taper.sum()
    return np.where(known, np.log(height + 0.01) + 2.5, 0.0)
