"""The weight of guidance at which generated windows show the fault as clearly as the shots do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.signal.envelope import line_to_background

Floats = NDArray[np.float64]

GUIDANCE = (1.0, 1.5)
"""The weights of guidance that are tried; others lie between. Below 1 the fault is diluted with the
spectrum of no fault (on CWRU's outer race the line is met so, but not the kurtosis); weights beyond
1.5, extrapolated, overshot line and kurtosis on the inner race."""


def envelope_line(x: Floats, period: float) -> float:
    """Envelope line of windows `(n, C, T)` at a period [samples], mean over channels; 0: none."""
    if not np.isfinite(period) or x.shape[2] < 2 * period:
        return 0.0
    band = (1 / 12, 5.5 / 12)
    lines = [line_to_background(x[:, c], 1.0, 1.0 / period, band) for c in range(x.shape[1])]
    return float(np.mean(lines))


def calibrated(plain: float, guided: float, wanted: float) -> float:
    """The weight of guidance at which a line would be `wanted`, from those at the two tried."""
    first, second = GUIDANCE
    if guided - plain <= 0.02 * plain:
        return first
    weight = first + (second - first) * (wanted - plain) / (guided - plain)
    return float(np.clip(weight, first, second))
