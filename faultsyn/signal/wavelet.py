"""Discrete and packet wavelet transforms of windows, and energies in their bands.

S. Mallat, "A Wavelet Tour of Signal Processing", 3rd ed., 2009, ch. 7-8; the transforms are
PyWavelets'. The inverse of an unchanged transform gives the window back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pywt
from numpy.typing import NDArray

from faultsyn.errors import InputError

Kind = Literal["packet", "discrete"]
MODE = "periodization"
_FLOOR = 1e-12
"""Smallest share of the energy that a band is given, so that logarithms stay finite."""


def packet_transform(x: NDArray[Any], wavelet: str = "db4", level: int = 4) -> NDArray[np.float64]:
    """Wavelet packet coefficients `(..., 2**level, n_samples / 2**level)`, bands by frequency.

    Band b covers b to b + 1 of 2**level equal parts of zero to half the sample rate. Orthogonal
    wavelets keep the energy. Windows whose length is no multiple of 2**level are extended
    periodically; `packet_inverse` cuts them back. Raises `InputError` on an unknown wavelet or a
    level that the window is too short for.
    """
    bands = [_extended(x, wavelet, level)]
    for _ in range(level):
        split = []
        for i, band in enumerate(bands):
            low, high = pywt.dwt(band, wavelet, MODE)
            # Decimation mirrors every high band, so the order flips in odd bands (Gray code).
            split += [low, high] if i % 2 == 0 else [high, low]
        bands = split
    return np.stack(bands, axis=-2)


def packet_inverse(
    coefficients: NDArray[Any], n_samples: int, wavelet: str = "db4"
) -> NDArray[np.float64]:
    """Windows `(..., n_samples)` from `packet_transform`'s coefficients."""
    _known(wavelet)
    bands = list(np.moveaxis(np.asarray(coefficients, np.float64), -2, 0))
    while len(bands) > 1:
        pairs = zip(bands[::2], bands[1::2], strict=True)
        bands = [
            pywt.idwt(*((a, b) if i % 2 == 0 else (b, a)), wavelet, MODE)
            for i, (a, b) in enumerate(pairs)
        ]
    window: NDArray[np.float64] = bands[0][..., :n_samples]
    return window


def discrete_transform(
    x: NDArray[Any], wavelet: str = "db4", level: int = 4
) -> list[NDArray[np.float64]]:
    """Coefficients of the discrete transform: approximation, then details from coarse to fine.

    Raises as `packet_transform`.
    """
    rest, details = _extended(x, wavelet, level), []
    for _ in range(level):
        rest, detail = pywt.dwt(rest, wavelet, MODE)
        details.append(detail)
    return [rest, *reversed(details)]


def discrete_inverse(
    coefficients: Sequence[NDArray[Any]], n_samples: int, wavelet: str = "db4"
) -> NDArray[np.float64]:
    """Windows `(..., n_samples)` from `discrete_transform`'s coefficients."""
    _known(wavelet)
    window: NDArray[np.float64] = pywt.waverec(list(coefficients), wavelet, MODE)
    return window[..., :n_samples]


def wavelet_energies(
    x: NDArray[Any], wavelet: str = "db4", level: int = 4, kind: Kind = "packet"
) -> NDArray[np.float32]:
    """Log share of the energy in each band of windows `(..., n_samples)`, free of amplitude.

    `(..., 2**level)` for packets, from low to high frequency; `(..., level + 1)` for the discrete
    transform, approximation first. The mean is removed before. A constant window counts as spread
    evenly.
    """
    centred = np.asarray(x, np.float64) - np.mean(x, axis=-1, keepdims=True, dtype=np.float64)
    if kind == "packet":
        energy = (packet_transform(centred, wavelet, level) ** 2).sum(axis=-1)
    else:
        parts = discrete_transform(centred, wavelet, level)
        energy = np.stack([(part**2).sum(axis=-1) for part in parts], axis=-1)
    total = energy.sum(axis=-1, keepdims=True)
    level_of = np.abs(x).max(axis=-1, keepdims=True) ** 2 * x.shape[-1]
    flat = total <= 1e-14 * level_of
    share = np.where(flat, 1 / energy.shape[-1], energy / np.where(flat, 1.0, total))
    return np.asarray(np.log(np.maximum(share, _FLOOR)), np.float32)


def scalogram(
    x: NDArray[Any], rate: float, freqs: NDArray[np.float64], wavelet: str = "cmor1.5-1.0"
) -> NDArray[np.float64]:
    """Magnitude of the continuous transform at `freqs` [Hz], `(..., n_freqs, n_samples)`.

    Raises `InputError` when a frequency is not between zero and half the rate.
    """
    freqs = np.asarray(freqs, np.float64)
    if freqs.min() <= 0 or freqs.max() > rate / 2:
        raise InputError(
            f"scalogram: frequencies must lie in 0 to {rate / 2:g} Hz, got {freqs.min():g} to "
            f"{freqs.max():g} Hz"
        )
    scales = pywt.central_frequency(wavelet) * rate / freqs
    coefficients, _ = pywt.cwt(np.asarray(x, np.float64), scales, wavelet, 1 / rate, method="fft")
    return np.moveaxis(np.abs(coefficients), 0, -2)


def _known(wavelet: str) -> None:
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise InputError(
            f"unknown wavelet '{wavelet}'", "PyWavelets' discrete ones: haar, db2, db4, sym8, ..."
        )


def _extended(x: NDArray[Any], wavelet: str, level: int) -> NDArray[np.float64]:
    _known(wavelet)
    step, n_samples = 1 << level, x.shape[-1]
    if level < 1 or n_samples < step * 2:
        raise InputError(
            f"wavelets: level {level} needs {step * 2} samples or more, the window has {n_samples}",
            "use a lower level or longer windows",
        )
    missing = -n_samples % step
    values = np.asarray(x, np.float64)
    return np.concatenate([values, values[..., :missing]], axis=-1) if missing else values
