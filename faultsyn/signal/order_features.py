"""Envelope-order features: how far each fault's lines stand above their surroundings.

In each band the squared envelope's spectrum is read at the bearing's own fault orders, so that the
features mean the same at any speed and for any bearing geometry. Per band:

- for each order below, log(largest line near it / median around it);
- log of the mean squared (squared envelope / mean - 1), which grows with impulsiveness;

and over all bands, for each fault, the largest of its mean over three harmonics. With four bands
that makes 4 x 18 + 3 = 75 features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.bearing import FaultOrders, orders
from faultsyn.signal.envelope import bandpass, line_spectrum, squared_envelope
from faultsyn.signal.spectrum import BLOCK, zscore_windows

Band = tuple[float, float]

BANDS: tuple[Band, ...] = ((500, 2000), (2000, 3500), (3500, 5800), (500, 5800))
"""Demodulation bands [Hz] for recordings at 12 kHz."""

FAULTS = ("outer", "inner", "ball")
HARMONICS = (1, 2, 3)
PAD = 4
FLOOR = 1e-9
"""Far below what any window with a signal in it gives; keeps logarithms finite."""


def fault_lines(bearing: FaultOrders) -> dict[str, float]:
    """The orders that are read in each band, by name: fault harmonics, cage, shaft, sidebands."""
    ball = bearing.of("ball")
    return {
        **{f"{k}x{fault}": k * bearing.of(fault) for fault in FAULTS for k in HARMONICS},
        "cage": bearing.ftf,
        "shaft": 1.0,
        "2xshaft": 2.0,
        "inner-shaft": bearing.bpfi - 1,
        "inner+shaft": bearing.bpfi + 1,
        "ball-cage": ball - bearing.ftf,
        "ball+cage": ball + bearing.ftf,
        "spin": bearing.bsf,
    }


def fault_line_names() -> tuple[str, ...]:
    """Names of `fault_lines`, which are the same for every bearing."""
    return tuple(fault_lines(FaultOrders(1.0, 1.0, 1.0, 1.0)))


def order_features(
    x: NDArray[Any],
    rate: float,
    rpm: NDArray[Any],
    bearing: NDArray[Any],
    bands: Sequence[Band] = BANDS,
) -> NDArray[np.float32]:
    """Order features of windows `(n, n_samples)` -> `(n, 18 * len(bands) + 3)`.

    - `rate`: samples per second [Hz].
    - `rpm`: shaft speed of each window [1/min].
    - `bearing`: designation of each window's bearing, looked up in the bearing table.

    Free of amplitude; a silent window gives zero heights. Raises `InputError` on a bad speed, an
    unknown bearing, or a band or fault line above half the rate.
    """
    rpm = np.asarray(rpm, np.float64)
    bad = ~(np.isfinite(rpm) & (rpm > 0))
    if bad.any():
        raise InputError(
            f"order features: window {int(np.argmax(bad))} has rpm {rpm[bad][0]}",
            "fault orders need the shaft speed; give the recording's or the nominal rpm",
        )
    designations, which = np.unique(np.asarray(bearing, str), return_inverse=True)
    table = np.array([list(fault_lines(orders(str(d))).values()) for d in designations])
    shaft_hz = rpm / 60
    lines_hz = table[which] * shaft_hz[:, None] if len(x) else np.zeros((0, 17))
    if lines_hz.size and lines_hz.max() * 1.02 >= rate / 2:
        raise InputError(
            f"order features: a fault line at {lines_hz.max():.0f} Hz is above half the rate of "
            f"{rate:g} Hz"
        )
    out = np.empty((len(x), 18 * len(bands) + len(FAULTS)), np.float32)
    step = max(1, BLOCK // (PAD * x.shape[-1]))
    for at in range(0, len(x), step):
        rows = slice(at, at + step)
        out[rows] = _block(x[rows], rate, shaft_hz[rows], lines_hz[rows], bands)
    return out


def order_feature_names(bands: Sequence[Band] = BANDS) -> tuple[str, ...]:
    """Names of `order_features`, in their order."""
    lines = [*fault_line_names(), "impulsiveness"]
    names = [f"{low:g}-{high:g}Hz {line}" for low, high in bands for line in lines]
    return (*names, *(f"best {fault}" for fault in FAULTS))


def line_heights(
    spectrum: NDArray[np.float64],
    step_hz: float,
    lines_hz: NDArray[np.float64],
    reach_hz: NDArray[np.float64],
    around_hz: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Log ratio of lines to their surroundings, `(n_windows, n_lines)`.

    - `spectrum`: `(n_windows, n_freqs)` at multiples of `step_hz` [Hz].
    - `lines_hz`, `reach_hz`, `around_hz`: `(n_windows, n_lines)` [Hz]; the largest value within
      `reach_hz` of the line over the median within `around_hz` of it.
    """
    heights = np.empty(lines_hz.shape)
    for i in range(lines_hz.shape[1]):
        near, _ = _neighbourhood(spectrum, step_hz, lines_hz[:, i], reach_hz[:, i])
        wide, count = _neighbourhood(spectrum, step_hz, lines_hz[:, i], around_hz[:, i])
        wide.sort(axis=1)  # values outside are infinite and go last
        middle = np.stack([(count - 1) // 2, count // 2], axis=1)
        median = np.take_along_axis(wide, middle, axis=1).mean(axis=1)
        peak = np.where(np.isfinite(near), near, -np.inf).max(axis=1)
        heights[:, i] = np.log((peak + FLOOR) / (median + FLOOR))
    return heights


def _neighbourhood(
    spectrum: NDArray[np.float64],
    step_hz: float,
    centre_hz: NDArray[np.float64],
    reach_hz: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Values within reach of a centre, one row a window (infinity where a row has fewer), counts.

    At least the nearest value is taken.
    """
    first = np.ceil((centre_hz - reach_hz) / step_hz).astype(np.intp)
    last = np.floor((centre_hz + reach_hz) / step_hz).astype(np.intp)
    nearest = np.rint(centre_hz / step_hz).astype(np.intp)
    first = np.clip(np.minimum(first, nearest), 0, spectrum.shape[1] - 1)
    last = np.clip(np.maximum(last, nearest), 0, spectrum.shape[1] - 1)
    index = first[:, None] + np.arange((last - first).max() + 1)
    inside = index <= last[:, None]
    values = np.take_along_axis(spectrum, np.minimum(index, last[:, None]), axis=1)
    return np.where(inside, values, np.inf), last - first + 1


def _block(
    x: NDArray[Any],
    rate: float,
    shaft_hz: NDArray[np.float64],
    lines_hz: NDArray[np.float64],
    bands: Sequence[Band],
) -> NDArray[np.float64]:
    bin_hz = rate / x.shape[-1]  # resolution before zero-padding
    reach = np.maximum(0.012 * lines_hz, 0.6 * bin_hz)
    around = np.broadcast_to(np.maximum(0.5 * shaft_hz, 4 * bin_hz)[:, None], lines_hz.shape)
    columns, scores = [], []
    z = zscore_windows(x)  # a constant window becomes exact zeros instead of rounding
    for low, high in bands:
        e = squared_envelope(bandpass(z, rate, low, high))
        freqs, spectrum = line_spectrum(e, rate, PAD)
        heights = line_heights(spectrum, float(freqs[1]), lines_hz, reach, around)
        columns += [heights, np.log((e**2).mean(axis=1) + FLOOR)[:, None]]
        harmonics = heights[:, : len(FAULTS) * len(HARMONICS)]
        scores.append(harmonics.reshape(len(x), len(FAULTS), len(HARMONICS)).mean(axis=2))
    return np.hstack([*columns, np.max(scores, axis=0)])
