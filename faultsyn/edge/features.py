"""Feature extractions of `faultsyn.signal` as graphs: windows `(n, channels, samples)` to rows.

All in float64. Each gives what its original gives to a few units of float32; the tests hold them
side by side on real windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
import torch
from torch import Tensor, nn

from faultsyn.edge.arithmetic import asinh, deviation, split, zscore
from faultsyn.edge.fourier import Constants, Magnitudes, SquaredEnvelope
from faultsyn.edge.order_lines import OrderFeatures
from faultsyn.edge.speed import Reach, Speed
from faultsyn.errors import InputError
from faultsyn.signal.hydraulic_features import FAST
from faultsyn.signal.hydraulic_features import OFFSET as HYDRAULIC_OFFSET
from faultsyn.signal.order_features import BANDS
from faultsyn.signal.process_features import OFFSET as PROCESS_OFFSET
from faultsyn.signal.spectrum import band_starts
from faultsyn.windows import WindowSet


class Raw(nn.Module):
    """The samples."""

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        return x.flatten(1)


class Statistics(nn.Module):
    """`faultsyn.signal.statistics.time_statistics`."""

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        magnitude = x.abs()
        mean, std, peak = x.mean(dim=-1), deviation(x), magnitude.amax(dim=-1)
        mean_abs, rms = magnitude.mean(dim=-1), torch.sqrt((x * x).mean(dim=-1))
        std = torch.where(std <= 1e-7 * peak, 0.0, std)
        centred = x - mean[..., None]
        square = centred * centred
        columns = (
            mean,
            rms,
            std,
            peak,
            x.amax(dim=-1) - x.amin(dim=-1),
            _ratio((square * centred).mean(dim=-1), std * std * std),
            _ratio((square * square).mean(dim=-1), std * std * std * std),
            _ratio(peak, rms),
            _ratio(rms, mean_abs),
            _ratio(peak, mean_abs),
            _ratio(peak, torch.sqrt(magnitude).mean(dim=-1) ** 2),
        )
        return torch.stack(columns, dim=-1).flatten(1)


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    there = below > 0
    return torch.where(there, above / torch.where(there, below, 1.0), 0.0)


class LogSpectrum(Constants):
    """`faultsyn.signal.spectrum.log_spectrum` of every channel."""

    taper: Tensor
    share: Tensor

    def __init__(self, n_samples: int, bands: int = 128) -> None:
        super().__init__()
        n_fft = max(n_samples, 2 * bands)
        starts = band_starts(n_fft // 2 + 1, bands)
        width = np.diff(starts, append=n_fft // 2 + 1)
        share = np.zeros((n_fft // 2 + 1, bands))
        share[np.arange(len(share)), np.repeat(np.arange(bands), width)] = np.repeat(
            1 / width, width
        )
        self.hold(taper=scipy.signal.windows.hann(n_samples, sym=False), share=share)
        self.lines = Magnitudes(n_samples, n_fft)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        lines = torch.log(1 + self.lines(zscore(x) * self.taper))
        return (lines @ self.share).flatten(1)


class EnvelopeBands(Constants):
    """`faultsyn.signal.envelope.envelope_bands` of every channel."""

    taper: Tensor

    def __init__(self, n_samples: int, rate: float, top: float = 750.0, bands: int = 64) -> None:
        super().__init__()
        n_fft = max(n_samples, scipy.fft.next_fast_len(int(np.ceil(bands * rate / top)), real=True))
        freqs = scipy.fft.rfftfreq(n_fft, 1 / rate)
        starts = np.searchsorted(freqs, np.arange(bands) * (top / bands) - 1e-9)
        stops = [*starts[1:], int(np.searchsorted(freqs, top - 1e-9))]
        widest = int(np.max(np.subtract(stops, starts)))
        # Bands of unequal width as a rectangle: a short one repeats its last line.
        index = np.minimum(starts[:, None] + np.arange(widest), np.array(stops)[:, None] - 1)
        self.register_buffer("index", torch.as_tensor(index.ravel()), persistent=False)
        self.shape = index.shape
        self.hold(taper=scipy.signal.windows.hann(n_samples, sym=False))
        self.envelope = SquaredEnvelope(n_samples)
        self.lines = Magnitudes(n_samples, n_fft)

    def bands(self, x: Tensor) -> Tensor:
        """`(n, channels, bands)`."""
        curve = torch.sqrt(self.envelope(zscore(x)))
        curve = curve - curve.mean(dim=-1, keepdim=True)
        lines = self.lines(curve * self.taper)[..., self.index]
        return torch.log(1 + split(lines, *self.shape).amax(dim=-1))

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        return self.bands(x).flatten(1)


class Spectrum(nn.Module):
    """Log-spectrum of every channel, then envelope bands of every channel."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        return torch.cat([self.first(x, speed), self.second(x, speed)], dim=1)


class Process(Constants):
    """`faultsyn.signal.process_features.process_features`."""

    slope: Tensor

    def __init__(self, n_samples: int) -> None:
        super().__init__()
        time = np.linspace(-1.0, 1.0, n_samples)
        self.hold(slope=time / (time @ time))

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        columns = (
            asinh(x.mean(dim=-1)),
            torch.log(deviation(x) + PROCESS_OFFSET),
            asinh(3 * (x @ self.slope)),
            torch.log(deviation(x[..., 1:] - x[..., :-1]) + PROCESS_OFFSET),
        )
        return torch.cat(columns, dim=-1)


class Hydraulic(nn.Module):
    """`faultsyn.signal.hydraulic_features.hydraulic_features`."""

    def __init__(self, second: int, segments: int, fast: list[int]) -> None:
        super().__init__()
        self.second, self.segments, self.fast = second, segments, fast

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """Rows `(n, n_features)` of `(n, channels, samples)`."""
        parts = split(x, self.segments, -1)
        seconds = split(x, -1, self.second).mean(dim=-1)
        columns = [parts.mean(dim=-1).flatten(1), torch.log(deviation(seconds) + HYDRAULIC_OFFSET)]
        columns += [torch.log(deviation(parts[:, at]) + HYDRAULIC_OFFSET) for at in self.fast]
        return torch.cat(columns, dim=1)


def _of_raw(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    return Raw()


def _of_statistics(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    return Statistics()


def _of_log_spectrum(
    windows: WindowSet, params: Mapping[str, Any], reach: Reach | None
) -> nn.Module:
    return LogSpectrum(windows.n_samples, params.get("bands", 128))


def _of_envelope(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    top, bands = params.get("top", 750.0), params.get("bands", 64)
    return EnvelopeBands(windows.n_samples, windows.rate, top, bands)


def _of_spectrum(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    second = {"top": params.get("top", 750.0), "bands": params.get("envelope_bands", 64)}
    return Spectrum(
        _of_log_spectrum(windows, {"bands": params.get("bands", 128)}, reach),
        _of_envelope(windows, second, reach),
    )


def _of_orders(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    assert reach is not None
    bands = [(float(low), float(high)) for low, high in params.get("bands", BANDS)]
    return OrderFeatures(windows.n_samples, windows.rate, bands, reach)


def _of_process(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    return Process(windows.n_samples)


def _of_hydraulic(windows: WindowSet, params: Mapping[str, Any], reach: Reach | None) -> nn.Module:
    fast = [windows.channels.index(name) for name in params.get("fast", FAST)]
    return Hydraulic(round(windows.rate), params.get("segments", 12), fast)


_MODULES: dict[str, Callable[[WindowSet, Mapping[str, Any], Reach | None], nn.Module]] = {
    "raw": _of_raw,
    "statistics": _of_statistics,
    "log-spectrum": _of_log_spectrum,
    "envelope": _of_envelope,
    "spectrum": _of_spectrum,
    "orders": _of_orders,
    "process": _of_process,
    "hydraulic": _of_hydraulic,
}
NEED_SPEED = ("orders",)
"""Extractions that read the shaft speed and the bearing."""


def feature_module(
    name: str, params: Mapping[str, Any], windows: WindowSet, reach: Reach | None
) -> nn.Module:
    """The extraction as a graph for windows of this shape: `module(x, speed)` -> rows.

    Raises `InputError` on an extraction that has no graph.
    """
    if name not in _MODULES:
        raise InputError(
            f"edge: features '{name}' cannot be exported",
            f"those that can: {', '.join(_MODULES)}",
        )
    return _MODULES[name](windows, params, reach)
