"""Random wavelet expansion: windows remade from randomly altered wavelet-packet coefficients.

Each shot is expanded in the terminal nodes of a wavelet-packet tree (Coifman & Wickerhauser, IEEE
Trans. Inf. Theory 38, 1992; periodised, so that the expansion is orthonormal and a circular shift
of coefficients is a circular shift in time). In every band b the coefficients are altered as

    c'_b = s_b g_b roll(c_b, m_b) + noise * rms(c_b) * e,   g_b = exp(gain * N(0,1)), s_b = +-1

after taking each band from a random shot of the class (mix "bands") or a random convex
combination of two shots (mix "blend"). One draw holds for all channels of a window, which keeps
what ties them together. The mean of a channel is mixed like the lowest band and altered by nothing:
noise in proportion to a pressure of 2700 kPa would drown everything else.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pywt
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.wavelet import packet_inverse, packet_transform
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet


class WaveletExpansion(ShotGenerator):
    """Random per-band gain, sign, shift, noise and mixing in the wavelet-packet domain.

    - `wavelet`: an orthogonal wavelet that PyWavelets knows.
    - `level`: depth of the tree; 2^level bands, fewer where the window is too short for it.
    - `gain`: sigma of the lognormal gain of a band.
    - `sign`: flip a band's sign with probability one half.
    - `shift`: largest circular shift, as a share of the window (0 to 1).
    - `shift_bands`: shift each band by its own amount instead of all by one.
    - `noise`: Gaussian noise on the coefficients, as a share of the band's RMS.
    - `mix`: "none", "bands" (each band from a random shot of the class) or "blend".
    - `keep_lowest`: spare the lowest band from sign, shift and gain; it holds level and trend.

    A window too short for one level of the wavelet is refused. With one shot, mixing does nothing.
    """

    name = "wavelet"

    def __init__(
        self,
        wavelet: str = "sym8",
        level: int = 4,
        gain: float = 0.2,
        sign: bool = True,
        shift: float = 1.0,
        shift_bands: bool = False,
        noise: float = 0.1,
        mix: Literal["none", "bands", "blend"] = "none",
        keep_lowest: bool = False,
    ) -> None:
        self.wavelet = wavelet
        self.level = level
        self.gain = gain
        self.sign = sign
        self.shift = shift
        self.shift_bands = shift_bands
        self.noise = noise
        self.mix = mix
        self.keep_lowest = keep_lowest

    def check_config(self) -> None:
        """Raise `InputError` on an unknown wavelet or mix, or an amount out of range."""
        super().check_config()
        if self.wavelet not in pywt.wavelist(kind="discrete"):
            raise InputError(f"{self.name}: PyWavelets knows no discrete wavelet '{self.wavelet}'")
        if not pywt.Wavelet(self.wavelet).orthogonal:
            raise InputError(f"{self.name}: wavelet '{self.wavelet}' is not orthogonal")
        if self.mix not in ("none", "bands", "blend"):
            raise InputError(f"{self.name}: expected mix none, bands or blend, got '{self.mix}'")
        if self.level < 1 or self.gain < 0 or self.noise < 0 or not 0 <= self.shift <= 1:
            raise InputError(
                f"{self.name}: expected level >= 1, gain >= 0, noise >= 0 and shift in [0, 1], got "
                f"{self.level}, {self.gain}, {self.noise}, {self.shift}"
            )

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        needed = pywt.Wavelet(self.wavelet).dec_len
        if shots.n_samples < needed:
            raise InputError(
                f"{self.name}: wavelet '{self.wavelet}' needs windows of at least {needed} "
                f"samples, got {shots.n_samples}",
                "choose a shorter wavelet, such as db2",
            )
        super()._adapt(shots, rng)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        level = max(1, min(self.level, self._deepest()))
        x = np.asarray(self.shots_.x, np.float64)
        mean = x.mean(axis=-1, keepdims=True)
        bands = np.moveaxis(packet_transform(x - mean, self.wavelet, level), -2, 1)
        bands, mean = self._mixed(bands, mean, source, rng, label)
        altered = np.moveaxis(self._altered(bands, rng), 1, -2)
        made = packet_inverse(altered, self.shape_[1], self.wavelet) + mean
        return self._made(made, source)

    def _deepest(self) -> int:
        deepest: int = pywt.dwt_max_level(self.shape_[1], self.wavelet)
        return deepest

    def _mixed(
        self,
        bands: NDArray[np.float64],
        mean: NDArray[np.float64],
        source: NDArray[np.intp],
        rng: np.random.Generator,
        label: str,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients `(n, bands, C, M)` and means `(n, C, 1)` from those of the shots."""
        own, level = bands[source], mean[source]
        if self.mix == "none":
            return own, level
        n, n_bands = own.shape[:2]
        if self.mix == "bands":
            donors = rng.choice(self._rows(label), size=(n, n_bands))
            return bands[donors, np.arange(n_bands)], mean[donors[:, 0]]
        share = rng.uniform(0.5, 1.0, (n, 1, 1))
        other = rng.choice(self._rows(label), n)
        blend = share[..., None] * own + (1 - share[..., None]) * bands[other]
        return blend, share * level + (1 - share) * mean[other]

    def _altered(self, bands: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        n, n_bands, _, length = bands.shape
        factor = np.exp(self.gain * rng.standard_normal((n, n_bands)))
        if self.sign:
            factor *= rng.choice([-1.0, 1.0], size=(n, n_bands))
        shift = rng.integers(0, max(1, round(self.shift * length)), size=(n, n_bands))
        if not self.shift_bands:
            shift[:] = shift[:, :1]
        if self.keep_lowest:
            factor[:, 0], shift[:, 0] = 1.0, 0
        at = (np.arange(length) - shift[..., None]) % length
        moved = np.take_along_axis(bands, at[:, :, None, :], axis=-1)
        rms = np.sqrt((bands**2).mean(axis=-1, keepdims=True))
        noise = self.noise * rms * rng.standard_normal(bands.shape)
        return np.asarray(moved * factor[..., None, None] + noise)
