"""Bringing a recording's channel to another rate.

Down: polyphase FIR low-pass (Kaiser window design: Oppenheim & Schafer, Discrete-Time Signal
Processing, 3rd ed., section 7.6) against aliasing. Up: zero-order hold, because a slow process
sensor says nothing between its values, and a hold keeps block means exact.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

HALF_LENGTH = 16
"""Filter half-length, in samples of the slower rate."""
CUTOFF = 0.88
"""Half-amplitude frequency over the new Nyquist frequency: the stop band starts below 1."""
KAISER_BETA = 5.65
"""60 dB of stop-band attenuation."""
PADDING = "edge"
"""Both ends go on with their last value, so that a constant stays a constant."""

_MAX_TERM = 10_000


def rate_ratio(rate: float, wanted: float, where: str) -> Fraction:
    """`wanted / rate` as a fraction of small integers.

    Raises `InputError` when there is none within 1e-9.
    """
    ratio = Fraction(wanted / rate).limit_denominator(_MAX_TERM)
    if ratio.numerator > _MAX_TERM or abs(float(ratio) * rate / wanted - 1) > 1e-9:
        raise InputError(
            f"{where}: cannot bring {rate:g} Hz to {wanted:g} Hz, their ratio is no fraction of "
            f"integers up to {_MAX_TERM}",
            "choose a rate in a simple ratio to the recorded one",
        )
    return ratio


def describe(rate: float, ratio: Fraction) -> dict[str, Any]:
    """What `resample` does to a channel recorded at `rate`, for the record."""
    if ratio >= 1:
        return {"method": "zero-order hold", "from_hz": rate, "up": ratio.numerator} | {
            "down": ratio.denominator
        }
    return {
        "method": "polyphase FIR",
        "from_hz": rate,
        "up": ratio.numerator,
        "down": ratio.denominator,
        "window": f"kaiser, beta {KAISER_BETA}",
        "taps": len(_taps(ratio)),
        "cutoff_hz": CUTOFF * rate * float(ratio) / 2,
        "padding": PADDING,
    }


def resampled_length(n: NDArray[np.int64], ratio: Fraction) -> NDArray[np.int64]:
    """Samples at the new rate that `n` recorded ones cover in full."""
    return n * ratio.numerator // ratio.denominator


def resample(x: NDArray[np.float32], ratio: Fraction) -> NDArray[np.float32]:
    """Rows `(n, N)` at the new rate, `(n, N * ratio)` rounded down."""
    n = int(resampled_length(np.asarray(x.shape[1], np.int64), ratio))
    if ratio >= 1:
        return x[:, np.arange(n) * ratio.denominator // ratio.numerator]
    from scipy.signal import resample_poly  # slow to import, and most stores need no filter

    up, down = ratio.numerator, ratio.denominator
    y = resample_poly(x.astype(np.float64), up, down, axis=1, window=_taps(ratio), padtype=PADDING)
    resampled: NDArray[np.float32] = y[:, :n].astype(np.float32)
    return resampled


@lru_cache
def _taps(ratio: Fraction) -> NDArray[np.float64]:
    from scipy.signal import firwin

    half = HALF_LENGTH * ratio.denominator
    taps: NDArray[np.float64] = firwin(
        2 * half + 1, CUTOFF / ratio.denominator, window=("kaiser", KAISER_BETA)
    )
    return taps
