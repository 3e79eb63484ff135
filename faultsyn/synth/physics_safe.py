"""Physics-safe augmentation: only what a sensor, a mounting or a shaft might have done.

Gain (sensor sensitivity and path), circular shift (the window starts elsewhere), band-limited noise
at a stated signal-to-noise ratio, and a small change of speed whose rpm is written down. Reversal,
flips of the time axis, warping within the window and permutation are not physical for rotating
machines and are left out; compare Um et al., ICMI 2017, for the usual list.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

OVERSAMPLING = 8
"""Grid points per sample between which a shifted time is interpolated linearly (error < 1 %)."""


class PhysicsSafe(ShotGenerator):
    """Shots with another gain, start, noise and (if asked for) speed.

    - `gain_db`: standard deviation of the gain [dB], one for all channels of a window.
    - `shift`: start the window at a random sample, wrapping round; for stationary signals only.
    - `snr_db`: signal-to-noise ratio [dB], drawn uniformly between the two; None: no noise. The
      signal's power is that of the channel about its mean, so a constant channel stays constant.
    - `band`: the noise's band as shares of half the sample rate, `(low, high)`.
    - `speed`: largest relative change of speed (0.02: +- 2 %); the window is resampled (wrapping
      round, band-limited) and the column `rpm`, if there, is updated. Resonances move along,
      which holds for small changes only, so at most 0.1.
    """

    name = "physics-safe"

    def __init__(
        self,
        gain_db: float = 1.0,
        shift: bool = True,
        snr_db: Sequence[float] | None = (15.0, 30.0),
        band: Sequence[float] = (0.0, 1.0),
        speed: float = 0.0,
    ) -> None:
        self.gain_db = gain_db
        self.shift = shift
        self.snr_db = snr_db
        self.band = band
        self.speed = speed

    def check_config(self) -> None:
        """Raise `InputError` on an amount out of range."""
        super().check_config()
        if self.gain_db < 0 or not 0 <= self.speed <= 0.1:
            raise InputError(
                f"{self.name}: expected gain_db >= 0 and speed in [0, 0.1], got {self.gain_db}, "
                f"{self.speed}"
            )
        if len(self.band) != 2 or not 0 <= self.band[0] < self.band[1] <= 1:
            raise InputError(f"{self.name}: expected 0 <= low < high <= 1, got band {self.band}")
        if self.snr_db is not None and (
            len(self.snr_db) != 2 or not self.snr_db[0] <= self.snr_db[1]
        ):
            raise InputError(f"{self.name}: expected snr_db (low, high), got {self.snr_db}")

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        x = self.shots_.x[source].astype(np.float64)
        factor = 1 + rng.uniform(-self.speed, self.speed, n)
        if self.speed:
            x = change_speed(x, factor)
        if self.shift:
            at = np.arange(self.shape_[1]) + rng.integers(self.shape_[1], size=(n, 1))
            x = np.take_along_axis(x, (at % self.shape_[1])[:, None], axis=-1)
        if self.snr_db is not None:
            x += self._noise(x, rng)
        x *= 10 ** (self.gain_db * rng.standard_normal((n, 1, 1)) / 20)
        made = self._made(x, source)
        if self.speed and "rpm" in made.table:
            made = made.with_columns(rpm=made.column("rpm") * factor)
        return made

    def _noise(self, x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        low, high = self.snr_db or (0.0, 0.0)
        snr = rng.uniform(low, high, (len(x), 1, 1))
        noise = band_noise(x.shape, (self.band[0], self.band[1]), rng)
        return np.asarray(noise * x.std(axis=-1, keepdims=True) * 10 ** (-snr / 20))


def band_noise(
    shape: tuple[int, ...], band: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Gaussian noise `(..., n_samples)` of unit RMS, within a band given in shares of Nyquist.

    A window too short to have a spectral line in the band has the line nearest to its centre.
    """
    spectrum = np.fft.rfft(rng.standard_normal(shape))
    at = np.linspace(0, 1, spectrum.shape[-1])
    inside = (at >= band[0]) & (at <= band[1])
    inside[np.abs(at - sum(band) / 2).argmin()] = True
    noise = np.fft.irfft(spectrum * inside, shape[-1])
    rms = np.sqrt((noise**2).mean(axis=-1, keepdims=True))
    return np.asarray(noise / np.maximum(rms, np.finfo(float).tiny))


def change_speed(x: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windows `(n, C, T)` as recorded at `factor` `(n,)` times the speed, x'(t) = x(factor t).

    Every frequency f becomes factor x f; what would pass half the sample rate is removed. The
    window wraps round.
    """
    n, _, samples = x.shape
    spectrum = np.fft.rfft(x)
    at = np.arange(spectrum.shape[-1]) / (samples / 2)
    spectrum = spectrum * (at <= 1 / np.maximum(factor, 1.0)[:, None])[:, None]
    fine = np.fft.irfft(spectrum, samples * OVERSAMPLING) * OVERSAMPLING
    where = np.arange(samples) * factor.reshape(n, 1, 1) * OVERSAMPLING
    left = np.floor(where).astype(np.intp)
    share = where - left
    size = fine.shape[-1]
    first = np.take_along_axis(fine, left % size, axis=-1)
    second = np.take_along_axis(fine, (left + 1) % size, axis=-1)
    return np.asarray((1 - share) * first + share * second)
