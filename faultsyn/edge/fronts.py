"""What a network sees of windows (`faultsyn.diagnose.front_ends`) as graphs.

Samples come in float64 and physical units; what leaves is float32 `(n, channels, length)`.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal
import torch
from torch import Tensor, nn

from faultsyn.diagnose.front_ends import (
    DEMODULATION,
    ENVELOPE_BANDS,
    ENVELOPE_TOP,
    MULTIPLES,
    SPECTRUM_BANDS,
    TINY,
    FrontEnd,
)
from faultsyn.diagnose.scaling import SOFT_LIMIT, ChannelScaler
from faultsyn.edge.arithmetic import relative_envelope, split
from faultsyn.edge.band import BandPasses
from faultsyn.edge.features import EnvelopeBands
from faultsyn.edge.fourier import Constants, Magnitudes, SquaredEnvelope
from faultsyn.edge.speed import Speed
from faultsyn.errors import InputError
from faultsyn.signal.spectrum import band_starts
from faultsyn.windows import WindowSet

NEED_SPEED = ("order-spectrum",)
"""Front ends that read the shaft speed and the bearing."""


class _Scaler(Constants):
    """`ChannelScaler`: deviations, softly limited or not."""

    mean: Tensor
    gain: Tensor

    def __init__(self, scaler: ChannelScaler, *, soft: bool) -> None:
        super().__init__()
        self.hold(mean=scaler.mean[:, None], gain=scaler.gain[:, None])
        self.soft = soft

    def forward(self, x: Tensor) -> Tensor:
        """What is seen of `(n, channels, samples)`."""
        z = (x - self.mean) * self.gain
        if not self.soft:
            return z
        limited: Tensor = SOFT_LIMIT * torch.asinh((z / SOFT_LIMIT).to(torch.float32))
        return limited


class Seen(nn.Module):
    """Windows as the network sees them: scaling, front end, scaling of what it gives."""

    def __init__(self, front: FrontEnd, windows: WindowSet) -> None:
        super().__init__()
        self.before = None if front.before is None else _Scaler(front.before, soft=False)
        self.front = None if front.before is None else _front_module(front.name, windows)
        self.after = _Scaler(front.after, soft=True)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """What is seen of `(n, channels, samples)`."""
        if self.before is not None and self.front is not None:
            x = self.front(self.before(x), speed)
        made: Tensor = self.after(x)
        return made


class SeenRows(Constants):
    """Feature rows `(n, n_features)` as a network sees them, `(n, 1, n_features)`."""

    matrix: Tensor

    def __init__(self, front: FrontEnd, n_features: int) -> None:
        super().__init__()
        whitener = np.eye(0) if front.whitener is None else front.whitener.matrix
        self.whitens = front.whitener is not None
        self.hold(matrix=whitener)
        self.after = _Scaler(front.after, soft=True)

    def forward(self, rows: Tensor) -> Tensor:
        """What is seen of `(n, channels, samples)`."""
        seen = rows @ self.matrix if self.whitens else rows
        made: Tensor = self.after(seen[:, None])
        return made


def _front_module(name: str, windows: WindowSet) -> nn.Module:
    if name == "log-spectrum":
        return _LogSpectrum(windows.n_samples)
    if name == "envelope":
        return _Envelope(windows.n_samples, windows.rate)
    if name == "order-spectrum":
        return _OrderSpectrum(windows.n_samples, windows.rate)
    raise InputError(
        f"edge: front end '{name}' cannot be exported",
        "those that can: none, log-spectrum, envelope, order-spectrum, whiten",
    )


class _LogSpectrum(Constants):
    """log(1 + amplitude) in bands; amplitude is kept."""

    taper: Tensor
    share: Tensor

    def __init__(self, n_samples: int) -> None:
        super().__init__()
        n_fft = max(n_samples, 2 * SPECTRUM_BANDS)
        starts = band_starts(n_fft // 2 + 1, SPECTRUM_BANDS)
        width = np.diff(starts, append=n_fft // 2 + 1)
        share = np.zeros((n_fft // 2 + 1, SPECTRUM_BANDS))
        share[np.arange(len(share)), np.repeat(np.arange(SPECTRUM_BANDS), width)] = np.repeat(
            1 / width / np.sqrt(n_samples), width
        )
        self.hold(taper=scipy.signal.windows.hann(n_samples, sym=False), share=share)
        self.lines = Magnitudes(n_samples, n_fft)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """What is seen of `(n, channels, samples)`."""
        return torch.log(1 + self.lines(x * self.taper) @ self.share)


class _Envelope(nn.Module):
    """Envelope spectrum, amplitude-free."""

    def __init__(self, n_samples: int, rate: float) -> None:
        super().__init__()
        top = min(ENVELOPE_TOP, rate / 2)
        self.made = EnvelopeBands(n_samples, rate, top, ENVELOPE_BANDS)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """What is seen of `(n, channels, samples)`."""
        return self.made.bands(x)


class _OrderSpectrum(Constants):
    """Squared-envelope spectra on the axis of each fault's own order, `(n, 9 * channels, 113)`."""

    taper: Tensor
    places: Tensor
    strikes: Tensor

    def __init__(self, n_samples: int, rate: float) -> None:
        super().__init__()
        bands = [(low * rate, high * rate) for low, high in DEMODULATION]
        self.passes = BandPasses(n_samples, rate, bands)
        self.envelope = SquaredEnvelope(n_samples)
        n_fft = scipy.fft.next_fast_len(4 * n_samples, real=True)
        self.lines = Magnitudes(n_samples, n_fft)
        self.step_hz = rate / n_fft
        cell = MULTIPLES[1] - MULTIPLES[0]
        places = (MULTIPLES[:, None] + np.array([-cell / 3, 0, cell / 3])).ravel()
        # Outer race, inner race and ball from BPFO, BPFI, BSF, FTF; a ball strikes at 2 BSF.
        strikes = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 2.0], [0, 0, 0]])
        self.hold(taper=scipy.signal.windows.hann(n_samples, sym=False))
        self.hold(places=places, strikes=strikes)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """What is seen of `(n, channels, samples)`."""
        assert speed is not None
        curve = relative_envelope(self.envelope(self.passes(x)))
        spectrum = self.lines(curve * self.taper)  # (n, channels, bands, frequencies)
        fault = (speed.orders @ self.strikes) * (speed.rpm / 60)[:, None]
        at = torch.round(fault[:, :, None] * self.places / self.step_hz)
        at = at.clamp(0, spectrum.shape[-1] - 1).to(torch.int64)
        n, faults, n_places = at.shape
        flat = at.reshape(n, 1, 1, faults * n_places)
        flat = flat.expand(-1, spectrum.shape[1], spectrum.shape[2], -1)
        read = split(spectrum.gather(-1, flat), faults, len(MULTIPLES), 3).amax(dim=-1)
        middle = read.sort(dim=-1).values[..., len(MULTIPLES) // 2, None]
        made = torch.log((read + TINY) / (middle + TINY))
        return made.flatten(1, 3)
