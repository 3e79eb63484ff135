"""The zero-phase Butterworth band-pass of `faultsyn.signal.envelope.bandpass` as a graph.

`scipy.signal.sosfiltfilt` extends the window oddly at both ends, runs a recursive filter forward
and backward, and starts each run as if the first value had been there for ever. A recursion has no
place in a graph, but its impulse response is short, and a value that has been there for ever is a
constant stretch of that length: two convolutions, done in the frequency domain, give the same
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.edge.fourier import Constants, Transform, good_length
from faultsyn.errors import InputError

_NEGLIGIBLE = 1e-12  # of the impulse response's largest value
_LONGEST = 1 << 16


class BandPasses(Constants):
    """Several bands [Hz] of windows `(..., n_samples)` at `rate` -> `(..., n_bands, n_samples)`.

    Raises `InputError` when a band does not lie inside 0 to half the rate, or rings too long.
    """

    re: Tensor
    im: Tensor

    def __init__(
        self, n_samples: int, rate: float, bands: Sequence[tuple[float, float]], order: int = 3
    ) -> None:
        super().__init__()
        sections = [_sections(rate, low, high, order) for low, high in bands]
        responses = [_response(sos) for sos in sections]
        taps = max(len(response) for response in responses)
        self.taps = taps
        self.edge = 3 * (2 * len(sections[0]) + 1)
        if n_samples <= self.edge:
            raise InputError(f"edge: a band-pass needs more than {self.edge} samples")
        self.inside = n_samples + 2 * self.edge
        length = good_length(self.inside + taps)
        self.missing = length - self.inside - taps
        self.there, self.back = Transform(length), Transform(length, inverse=True)
        padded = np.zeros((len(bands), length))
        for row, response in zip(padded, responses, strict=True):
            row[: len(response)] = response
        spectrum = np.fft.fft(padded) / length  # the inverse transform does not divide
        self.hold(re=spectrum.real, im=spectrum.imag)

    def forward(self, x: Tensor) -> Tensor:
        """Filtered windows, one row a band."""
        first, last = x[..., :1], x[..., -1:]
        before = 2 * first - x[..., 1 : self.edge + 1].flip(-1)
        after = 2 * last - x[..., -self.edge - 1 : -1].flip(-1)
        standing = before[..., :1].expand(*x.shape[:-1], self.taps)
        extended = torch.cat([standing, before, x, after], dim=-1)[..., None, :]
        forward = self._filtered(extended, 1.0)[..., self.taps : self.taps + self.inside]
        standing = forward[..., -1:].expand(*forward.shape[:-1], self.taps)
        backward = self._filtered(torch.cat([forward, standing], dim=-1), -1.0)
        return backward[..., self.edge : self.inside - self.edge]

    def _filtered(self, x: Tensor, sign: float) -> Tensor:
        """Circular convolution (sign 1) or correlation (-1) with every response."""
        re, im = self.there(nn.functional.pad(x, (0, self.missing)))
        filtered_re = re * self.re - sign * im * self.im
        filtered_im = sign * re * self.im + im * self.re
        made: Tensor = self.back(filtered_re, filtered_im)[0]
        return made


def _sections(rate: float, low: float, high: float, order: int) -> NDArray[np.float64]:
    if not 0 < low < high < rate / 2:
        raise InputError(f"edge: band {low:g} to {high:g} Hz is not inside 0 to {rate / 2:g} Hz")
    return np.asarray(scipy.signal.butter(order, (low, high), "bandpass", fs=rate, output="sos"))


def _response(sections: NDArray[np.float64]) -> NDArray[np.float64]:
    """Impulse response up to where it is negligible."""
    impulse = np.zeros(_LONGEST)
    impulse[0] = 1
    response = scipy.signal.sosfilt(sections, impulse)
    heard = np.flatnonzero(np.abs(response) > _NEGLIGIBLE * np.abs(response).max())
    if heard[-1] >= _LONGEST // 2:
        raise InputError("edge: a band is so narrow that its filter rings too long to be exported")
    return np.asarray(response[: heard[-1] + 1])
