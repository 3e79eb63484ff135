"""Envelope-order features (`faultsyn.signal.order_features`) as a graph.

Where a line lies depends on speed and bearing, so how many spectral values stand near it does too.
A graph has fixed sizes: it reads as many as the highest speed needs, and masks the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
import scipy.signal
import torch
from torch import Tensor

from faultsyn.edge.arithmetic import relative_envelope, split, zscore
from faultsyn.edge.band import BandPasses
from faultsyn.edge.fourier import Constants, Magnitudes, SquaredEnvelope
from faultsyn.edge.speed import Reach, Speed
from faultsyn.errors import InputError
from faultsyn.signal.bearing import FaultOrders
from faultsyn.signal.order_features import FAULTS, FLOOR, HARMONICS, PAD, fault_lines


class OrderFeatures(Constants):
    """`faultsyn.signal.order_features.order_features` of every channel.

    Raises `InputError` when a line lies above half the rate at the speeds to be reached.
    """

    taper: Tensor
    weights: Tensor
    offset: Tensor

    def __init__(
        self, n_samples: int, rate: float, bands: Sequence[tuple[float, float]], reach: Reach
    ) -> None:
        super().__init__()
        weights, offset = _lines_as_linear_map()
        self.hold(taper=scipy.signal.windows.hann(n_samples, sym=False))
        self.hold(weights=weights, offset=offset)
        self.bin_hz = rate / n_samples
        n_fft = scipy.fft.next_fast_len(PAD * n_samples, real=True)
        self.step_hz = rate / n_fft
        fastest = reach.rpm / 60
        highest = float((reach.orders @ weights + offset).max()) * fastest
        if highest * 1.02 >= rate / 2:
            raise InputError(
                f"edge: at {reach.rpm:g} rpm a fault line lies at {highest:.0f} Hz, above half the "
                f"rate of {rate:g} Hz"
            )
        self.near = _cells(max(0.012 * highest, 0.6 * self.bin_hz), self.step_hz)
        self.around = _cells(max(0.5 * fastest, 4 * self.bin_hz), self.step_hz)
        self.passes = BandPasses(n_samples, rate, bands)
        self.envelope = SquaredEnvelope(n_samples)
        self.lines = Magnitudes(n_samples, n_fft)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        """`(n, channels * (18 * n_bands + 3))`."""
        assert speed is not None
        shaft = speed.rpm / 60
        lines = (speed.orders @ self.weights + self.offset) * shaft[:, None]
        curve = relative_envelope(self.envelope(self.passes(zscore(x))))
        spectrum = self.lines(curve * self.taper)  # (n, channels, bands, frequencies)
        reach = torch.clamp(0.012 * lines, min=0.6 * self.bin_hz)
        around = torch.clamp(0.5 * shaft, min=4 * self.bin_hz)[:, None].expand(lines.shape)
        near, inside, _ = self._neighbourhood(spectrum, lines, reach, self.near)
        peak = torch.where(inside, near, -torch.inf).amax(dim=-1)
        wide, inside, count = self._neighbourhood(spectrum, lines, around, self.around)
        ordered = torch.where(inside, wide, torch.inf).sort(dim=-1).values
        low, high = (count - 1) // 2, count // 2
        median = (_at(ordered, low) + _at(ordered, high)) / 2
        heights = torch.log((peak + FLOOR) / (median + FLOOR))  # (n, channels, bands, lines)
        strength = torch.log((curve * curve).mean(dim=-1, keepdim=True) + FLOOR)
        harmonics = heights[..., : len(FAULTS) * len(HARMONICS)]
        scores = split(harmonics, len(FAULTS), len(HARMONICS)).mean(dim=-1).amax(dim=2)
        each = torch.cat([heights, strength], dim=-1).flatten(2)
        return torch.cat([each, scores], dim=-1).flatten(1)

    def _neighbourhood(
        self, spectrum: Tensor, centre: Tensor, reach: Tensor, cells: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Values, whether they count `(n, channels, bands, lines, cells)`, and how many do."""
        top = spectrum.shape[-1] - 1
        nearest = torch.round(centre / self.step_hz)
        first = torch.minimum(torch.ceil((centre - reach) / self.step_hz), nearest).clamp(0, top)
        last = torch.maximum(torch.floor((centre + reach) / self.step_hz), nearest).clamp(0, top)
        index = first[..., None] + torch.arange(cells, dtype=torch.float64)
        inside = index <= last[..., None]
        at = torch.minimum(index, last[..., None]).to(torch.int64)
        n, lines = centre.shape
        flat = at.reshape(n, 1, 1, lines * cells)
        flat = flat.expand(-1, spectrum.shape[1], spectrum.shape[2], -1)
        values = split(spectrum.gather(-1, flat), lines, cells)
        count = (last - first + 1).to(torch.int64)
        return values, inside[:, None, None], count[:, None, None]


def _at(ordered: Tensor, index: Tensor) -> Tensor:
    """Of each row of the last axis the value at its index, `(n, 1, 1, lines)`."""
    wide = index.expand(-1, ordered.shape[1], ordered.shape[2], -1)
    return ordered.gather(-1, wide[..., None])[..., 0]


def _cells(reach_hz: float, step_hz: float) -> int:
    return int(np.floor(2 * reach_hz / step_hz)) + 2


def _lines_as_linear_map() -> tuple[np.ndarray, np.ndarray]:
    """`fault_lines` is affine in the four orders: weights `(4, n_lines)` and offset."""

    def lines(*orders: float) -> np.ndarray:
        return np.array(list(fault_lines(FaultOrders(*orders)).values()))

    offset = lines(0.0, 0.0, 0.0, 0.0)
    return np.stack([lines(*row) - offset for row in np.eye(4)]), offset
