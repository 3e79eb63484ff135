"""Angular resampling: samples at equal shaft angles, in which speed changes leave lines sharp.

Fyfe & Munck, "Analysis of computed order tracking", Mechanical Systems and Signal Processing 11,
1997.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.interpolate
import scipy.signal
from numpy.typing import NDArray

from faultsyn.errors import InputError

_UPSAMPLE = 4  # a cubic spline through four times as many samples errs by < 1 % up to 0.4 x rate


def angular_resample(
    x: NDArray[Any], angle: NDArray[np.float64], per_revolution: int
) -> NDArray[np.float64]:
    """`(..., n_samples)` at equal times -> `(..., whole revolutions * per_revolution)`.

    - `angle`: shaft angle at each sample [revolutions], `(n_samples,)`, increasing; NaN where it is
      not known (outside the tacho pulses), which is left out.
    - `per_revolution`: samples a revolution; orders up to half of it can be read.

    It is first sampled so finely that nothing folds at the lowest speed, then filtered in the angle
    domain, so that the same orders are kept at every speed. The result starts at the first whole
    revolution. Raises `InputError` when the angle does not increase or covers less than a
    revolution.
    """
    x = np.asarray(x, np.float64)
    known = np.flatnonzero(np.isfinite(angle))
    if len(known) < 2 or known[-1] - known[0] + 1 != len(known):
        raise InputError("angular resampling: expected one stretch of known shaft angle")
    turned = angle[known]
    speed = np.diff(turned)
    first, last = int(np.ceil(turned[0])), int(np.floor(turned[-1]))
    if np.any(speed <= 0) or last - first < 1 or per_revolution < 2:
        raise InputError(
            f"angular resampling: expected an angle that increases over a revolution or more, got "
            f"{turned[0]:.4g} to {turned[-1]:.4g} revolutions, {per_revolution} samples each",
            "cut out standstill and reversal",
        )
    x = x[..., known[0] : known[-1] + 1]
    factor = max(1, int(np.ceil(1 / (per_revolution * float(speed.min())))))
    finely = factor * per_revolution
    wanted = first + np.arange((last - first) * finely) / finely
    sample = scipy.interpolate.PchipInterpolator(turned, np.arange(len(turned)))(wanted)
    fine = scipy.signal.resample_poly(x, _UPSAMPLE, 1, axis=-1, padtype="line")
    curve = scipy.interpolate.CubicSpline(np.arange(fine.shape[-1]) / _UPSAMPLE, fine, axis=-1)
    resampled: NDArray[np.float64] = curve(sample)
    if factor > 1:
        resampled = scipy.signal.resample_poly(resampled, 1, factor, axis=-1, padtype="line")
    return resampled


def order_spectrum(
    x: NDArray[Any], per_revolution: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orders and amplitudes [unit] of `(..., n_samples)` at equal angles; Hann-weighted.

    A component A cos(2 pi order angle) on a line of the spectrum has the height A.
    """
    n = x.shape[-1]
    taper = scipy.signal.windows.hann(n, sym=False)
    lines = np.abs(scipy.fft.rfft(np.asarray(x, np.float64) * taper)) * (2 / taper.sum())
    return scipy.fft.rfftfreq(n, 1 / per_revolution), lines
