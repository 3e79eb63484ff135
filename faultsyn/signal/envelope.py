"""Envelope analysis: band-pass, Hilbert envelope, squared envelope spectrum, fault-line ratio.

Randall & Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical Systems and Signal
Processing 25, 2011, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.spectrum import BLOCK, zscore_windows

_TINY = 1e-12


def bandpass(
    x: NDArray[Any], rate: float, low: float, high: float, order: int = 3
) -> NDArray[np.float64]:
    """Butterworth band-pass `low` to `high` [Hz] run forward and backward (zero phase).

    `x` is `(..., n_samples)`; the filter's mean gain at the edges is -6 dB (twice -3 dB). Raises
    `InputError` when the band does not lie inside 0 to half the rate or the windows are too short.
    """
    if not 0 < low < high < rate / 2:
        raise InputError(
            f"bandpass: expected 0 < low < high < {rate / 2:g} Hz, got {low:g} to {high:g} Hz",
            "choose bands below half the sample rate",
        )
    sections = scipy.signal.butter(order, (low, high), "bandpass", fs=rate, output="sos")
    padding = 3 * (2 * len(sections) + 1)
    if x.shape[-1] <= padding:
        raise InputError(f"bandpass: expected more than {padding} samples, got {x.shape[-1]}")
    filtered: NDArray[np.float64] = scipy.signal.sosfiltfilt(sections, np.asarray(x, np.float64))
    return filtered


def hilbert_envelope(x: NDArray[Any]) -> NDArray[np.float64]:
    """Magnitude of the analytic signal of `(..., n_samples)`."""
    analytic: NDArray[np.complex128] = scipy.signal.hilbert(np.asarray(x, np.float64), axis=-1)
    return np.abs(analytic)


def squared_envelope(x: NDArray[Any]) -> NDArray[np.float64]:
    """Squared envelope divided by its mean, minus 1: `(..., n_samples)`, free of amplitude.

    A window without energy gives zeros.
    """
    e = hilbert_envelope(x) ** 2
    mean = e.mean(axis=-1, keepdims=True)
    silent = mean <= np.finfo(np.float64).tiny
    return np.where(silent, 0.0, e / np.where(silent, 1.0, mean) - 1.0)


def line_spectrum(
    curve: NDArray[np.float64], rate: float, pad: int = 4
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies [Hz] and magnitude spectrum of `(..., n_samples)`, Hann-weighted.

    Zero-padded to a fast FFT length of at least `pad` window lengths, so that a line between two
    bins keeps its height.
    """
    n_samples = curve.shape[-1]
    n_fft = scipy.fft.next_fast_len(pad * n_samples, real=True)
    taper = scipy.signal.windows.hann(n_samples, sym=False)
    return scipy.fft.rfftfreq(n_fft, 1 / rate), np.abs(scipy.fft.rfft(curve * taper, n_fft))


def squared_envelope_spectrum(
    x: NDArray[Any], rate: float, pad: int = 4
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies [Hz] and magnitudes of the spectrum of `squared_envelope(x)`.

    `(..., n_samples)` -> `(n_lines,)`, `(..., n_lines)`; see `line_spectrum`.
    """
    return line_spectrum(squared_envelope(x), rate, pad)


def envelope_bands(
    x: NDArray[Any], rate: float, top: float = 750.0, n_bands: int = 64
) -> NDArray[np.float32]:
    """Envelope spectrum from zero to `top` [Hz], the maximum in each of `n_bands`, log(1 + .).

    `(..., n_samples)` -> `(..., n_bands)`; the window is z-scored, its Hilbert envelope centred and
    Hann-weighted. Short windows are zero-padded to one line per band. Raises `InputError` when
    `top` lies above half the rate.
    """
    if not 0 < top <= rate / 2:
        raise InputError(f"envelope_bands: expected 0 < top <= {rate / 2:g} Hz, got {top:g} Hz")
    n_samples = x.shape[-1]
    flat = np.reshape(x, (-1, n_samples))
    n_fft = max(n_samples, scipy.fft.next_fast_len(int(np.ceil(n_bands * rate / top)), real=True))
    freqs = scipy.fft.rfftfreq(n_fft, 1 / rate)
    starts = np.searchsorted(freqs, np.arange(n_bands) * (top / n_bands) - 1e-9)
    stop = int(np.searchsorted(freqs, top - 1e-9))
    taper = scipy.signal.windows.hann(n_samples, sym=False)
    out = np.empty((len(flat), n_bands), np.float32)
    step = max(1, BLOCK // n_fft)
    for at in range(0, len(flat), step):
        curve = hilbert_envelope(zscore_windows(flat[at : at + step]))
        curve -= curve.mean(axis=-1, keepdims=True)
        lines = np.abs(scipy.fft.rfft(curve * taper, n_fft))[:, :stop]
        out[at : at + step] = np.log1p(np.maximum.reduceat(lines, starts, axis=-1))
    return out.reshape(*x.shape[:-1], n_bands)


def line_to_background(
    x: NDArray[Any],
    rate: float,
    fault_hz: float,
    band: tuple[float, float] = (1000.0, 5500.0),
    harmonics: Sequence[int] = (1, 2, 3),
    tolerance: float = 0.02,
) -> float:
    """How far a fault's envelope lines stand above the background of a set of windows.

    `x` `(n_windows, n_samples)`. Envelope of the band, divided by its mean, Hann, zero-padded
    fourfold, power spectrum averaged over windows; its root at each harmonic of `fault_hz` (the
    largest within `tolerance` or half a bin of the window) over the median between 0.4 and 3.6
    `fault_hz`; the mean over harmonics. About 1 to 1.5 without a fault when windows hold some ten
    strikes or more; the figure grows with the window's length, so only equal lengths compare.

    Raises `InputError` on no windows or windows too short to resolve the fault's lines.
    """
    n_samples = x.shape[-1]
    bin_hz = rate / n_samples
    if len(x) == 0 or fault_hz < 2 * bin_hz:
        raise InputError(
            f"line_to_background: expected windows with at least 2 periods of {fault_hz:.4g} Hz, "
            f"got {len(x)} windows of {n_samples / rate:.4g} s"
        )
    curve = hilbert_envelope(bandpass(x, rate, *band))
    mean = np.maximum(curve.mean(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    freqs, spectrum = line_spectrum(curve / mean - 1.0, rate)
    amplitude = np.sqrt((spectrum**2).mean(axis=0))
    around = (freqs >= 0.4 * fault_hz) & (freqs <= 3.6 * fault_hz)
    background = max(float(np.median(amplitude[around])), _TINY)
    peaks = []
    for k in harmonics:
        reach = max(tolerance * k * fault_hz, bin_hz / 2)
        near = np.abs(freqs - k * fault_hz) <= reach * (1 + 1e-9)
        peaks.append(float(amplitude[near].max()))
    return float(np.mean(peaks)) / background
