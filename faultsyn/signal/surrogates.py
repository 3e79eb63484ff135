"""Surrogate windows: what is left of a signal when everything but its spectrum is shuffled.

They carry the linear properties of the original (and, for IAAFT, its marginals) and nothing else:
impulses that repeat at a fault period are gone. That makes them a poor generator and a good
control for measures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from faultsyn.errors import InputError


def phase_randomise(x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Windows with the amplitude spectrum of `x` and random phases.

    All channels of a window are turned by the same random phases, so that cross-spectra, and with
    them correlations between channels, are kept too. Mean and (for even lengths) the Nyquist bin
    stay as they are.

    - `x`: `(n_windows, n_channels, n_samples)`, any unit.
    - returns the same shape, unit and float type.

    Raises `InputError` on another number of dimensions, or NaN or infinity.

    Source: Theiler et al., Physica D 58 (1992) 77; several channels: Prichard & Theiler, Phys. Rev.
    Lett. 73 (1994) 951, eq. 5.
    """
    _check(x, "phase_randomise")
    n_windows, _, n_samples = x.shape
    spectrum = np.fft.rfft(x)
    turn = rng.uniform(0.0, 2.0 * np.pi, (n_windows, 1, spectrum.shape[-1]))
    turn[..., 0] = 0.0
    if n_samples % 2 == 0:
        turn[..., -1] = 0.0
    made = np.fft.irfft(spectrum * np.exp(1j * turn), n_samples)
    return made.astype(_float_type(x), copy=False)


def iaaft(x: NDArray[Any], rng: np.random.Generator, iterations: int = 100) -> NDArray[Any]:
    """Windows with exactly the values of `x` in another order, and nearly its amplitude spectrum.

    Iterative amplitude-adjusted Fourier transform: alternate between the target spectrum and the
    target values until the order no longer changes. With several channels the phase differences
    between channels are restored at each step as well (one common turn per frequency, chosen in
    the least-squares sense).

    - `x`: `(n_windows, n_channels, n_samples)`, any unit.
    - `iterations`: most steps taken; a window stops earlier once its order is stable.
    - returns the same shape, unit and float type.

    Raises `InputError` on another number of dimensions, NaN or infinity, or `iterations` < 1.

    Source: Schreiber & Schmitz, Phys. Rev. Lett. 77 (1996) 635; several channels: Schreiber &
    Schmitz, Physica D 142 (2000) 346, eq. 17-19.
    """
    _check(x, "iaaft")
    if iterations < 1:
        raise InputError(f"iaaft: expected at least one iteration, got {iterations}")
    values = np.sort(x, axis=-1)
    target = scipy.fft.rfft(x)
    order = np.argsort(rng.random(x.shape), axis=-1)
    made = _placed(values, order)
    active = np.arange(len(x))
    for _ in range(iterations):
        if len(active) == 0:
            break
        shaped = _with_spectrum(made[active], target[active])
        new_order = np.argsort(shaped, axis=-1)
        changed = (new_order != order[active]).any(axis=(1, 2))
        order[active] = new_order
        made[active] = _placed(values[active], new_order)
        active = active[changed]
    return made.astype(_float_type(x), copy=False)


def _with_spectrum(x: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """`x` with the amplitudes and inter-channel phases of `target`, its own common phase."""
    # Sum over channels of exp(i (phase of x - phase of target)): its angle is the best turn.
    turn = (_unit(scipy.fft.rfft(x)) * _unit(target).conj()).sum(axis=1, keepdims=True)
    made: NDArray[Any] = scipy.fft.irfft(target * _unit(turn), x.shape[-1])
    return made


def _unit(spectrum: NDArray[Any]) -> NDArray[Any]:
    """Each value by its magnitude; 1 where that is zero."""
    size = np.abs(spectrum)
    silent = size == 0
    return np.where(silent, 1.0, spectrum / np.where(silent, 1.0, size))


def _placed(values: NDArray[Any], order: NDArray[np.intp]) -> NDArray[Any]:
    """The sorted `values` laid out so that their ranks follow `order` (an argsort)."""
    made = np.empty_like(values)
    np.put_along_axis(made, order, values, axis=-1)
    return made


def _float_type(x: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if x.dtype == np.float32 else np.dtype(np.float64)


def _check(x: NDArray[Any], what: str) -> None:
    if x.ndim != 3:
        raise InputError(
            f"{what}: expected an array (n_windows, n_channels, n_samples), got {x.shape}"
        )
    if not np.isfinite(x).all():
        raise InputError(f"{what}: the windows hold NaN or infinity")
