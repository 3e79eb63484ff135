"""Channels in units of their deviation, large excursions compressed where that is wanted.

The papers scale to a fixed range, which a fault leaves: on a process, channels can move by tens of
normal deviations. So (ours) each channel is standardised, on normal windows or on the shots of a
class, and then may be bent, `z -> c asinh(z / c)`, linear near zero and logarithmic beyond c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from faultsyn.signal.whitening import whitener
from faultsyn.windows import FloatArray, stretches

BEND = 3.0
"""c, in deviations."""

_FLOOR = 1e-2  # of the strongest line, below which a line is not raised further
_LEAST_DEVIATION = 0.1  # of white channels, in normal deviations
_MOST_ROWS = 200_000  # samples that a covariance is taken from
_SMOOTH = 64  # a line's size is averaged over so many-th of all lines


def widened(z: NDArray[Any], factor: float, bend: float | None) -> NDArray[Any]:
    """Where excursions `factor` times as large as those at scaled `z` come to lie.

    They are as many times larger in deviations, before any bend: beyond it, a small excess of `z`
    is a large one of the signal.
    """
    if bend is None:
        return np.asarray(factor * z)
    return np.asarray(bend * np.arcsinh(factor * np.sinh(z / bend)))


class Scaler(Protocol):
    """Brings windows `(n, C, T)` to the size that a network likes, and back."""

    def apply(self, x: FloatArray) -> FloatArray:
        """Windows, scaled."""
        ...

    def undo(self, z: FloatArray) -> FloatArray:
        """Windows in their own units again."""
        ...

    def state(self, prefix: str = "scaler.") -> dict[str, NDArray[Any]]:
        """For an artefact."""
        ...


@dataclass(frozen=True)
class Scaled:
    """Windows `x` `(n, C, T)` that are scaled when they are read, and not held scaled.

    They may be a memory map that is larger than memory.
    """

    x: FloatArray
    scaler: Scaler

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: NDArray[Any] | slice) -> FloatArray:
        """The windows at `rows`, scaled; `(..., C, T)` for integers `(...,)`."""
        return self.scaler.apply(self.x[rows])

    def peaks(self) -> FloatArray:
        """Largest absolute value of each channel, `(C,)`."""
        peak = np.zeros(self.x.shape[1], np.float32)
        for part in stretches(self.x):
            np.maximum(peak, np.abs(self[part]).max(axis=(0, 2)), out=peak)
        return peak


@dataclass(frozen=True)
class ChannelScaler:
    """`mean`, `deviation`: of each channel, float64 `(C,)`; `bend`: c, None: not bent."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    bend: float | None = BEND

    @classmethod
    def fit(cls, x: FloatArray, bend: float | None = BEND) -> Self:
        """From windows `(n, C, T)`, in blocks; a constant channel has deviation 1."""
        mean = x.mean(axis=(0, 2), dtype=np.float64)  # numpy itself converts block by block here
        # Several channels are added up window by window, as numpy does it: blocks change no bit.
        axes = 2 if x.shape[1] > 1 else (0, 2)
        sums = [((x[part] - mean[:, None]) ** 2).sum(axis=axes) for part in stretches(x)]
        squares = np.concatenate([np.atleast_2d(part) for part in sums]).sum(axis=0)
        deviation = np.sqrt(squares / (len(x) * x.shape[2]))
        # Below this a deviation is the rounding of float32, not a signal.
        constant = deviation <= 1e-6 * np.abs(mean)
        return cls(mean, np.where(constant | (deviation == 0), 1.0, deviation), bend)

    def apply(self, x: FloatArray) -> FloatArray:
        """Windows `(n, ..., C, T)`, scaled."""
        scaled = np.empty(x.shape, np.float32)
        for part in stretches(x):
            z = (x[part] - self.mean[:, None]) / self.deviation[:, None]
            if self.bend is not None:
                z = self.bend * np.arcsinh(z / self.bend)
            scaled[part] = z
        return scaled

    def undo(self, z: FloatArray) -> FloatArray:
        """Windows in their own units again."""
        x = z.astype(np.float64)
        if self.bend is not None:
            x = self.bend * np.sinh(x / self.bend)
        x = x * self.deviation[:, None] + self.mean[:, None]
        return np.ascontiguousarray(x, np.float32)

    def state(self, prefix: str = "scaler.") -> dict[str, NDArray[Any]]:
        """For an artefact; whether it bends is the owner's to remember."""
        return {f"{prefix}mean": self.mean, f"{prefix}deviation": self.deviation}

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        prefix: str = "scaler.",
        bend: float | None = BEND,
    ) -> Self:
        """Read back what `state` gave."""
        return cls(arrays[f"{prefix}mean"], arrays[f"{prefix}deviation"], bend)


@dataclass(frozen=True)
class SpectrumScaler:
    """Stationary signals whitened by their mean spectrum: what is left is how they differ from it.

    Every line of the Fourier transform is divided by its root mean square over windows and
    neighbouring lines, so that a network need not learn resonances to which a fixed filter is the
    answer. Circular, hence undone exactly (up to rounding).

    - `mean`: of each channel, float64 `(C,)`; `lines`: float64 `(C, T // 2 + 1)`.
    """

    mean: NDArray[np.float64]
    lines: NDArray[np.float64]

    @classmethod
    def fit(cls, x: FloatArray) -> Self:
        """From windows `(n, C, T)`."""
        mean = x.mean(axis=(0, 2), dtype=np.float64)
        power = np.zeros((x.shape[1], x.shape[2] // 2 + 1))
        for window in x:
            power += np.abs(scipy.fft.rfft(window - mean[:, None], norm="ortho")) ** 2 / len(x)
        smooth = uniform_filter1d(power, max(3, x.shape[2] // _SMOOTH), axis=1, mode="nearest")
        strongest = smooth.max(axis=1, keepdims=True)
        lines = np.sqrt(np.maximum(smooth, _FLOOR**2 * strongest))
        return cls(mean, np.where(strongest > 0, lines, 1.0))

    def apply(self, x: FloatArray) -> FloatArray:
        """Windows `(n, C, T)`, whitened: of unit deviation where they are like those it knows."""
        spectra = scipy.fft.rfft(x - self.mean[:, None], norm="ortho") / self.lines
        return np.asarray(scipy.fft.irfft(spectra, x.shape[2], norm="ortho"), np.float32)

    def undo(self, z: FloatArray) -> FloatArray:
        """Windows in their own units and colours again."""
        spectra = scipy.fft.rfft(z.astype(np.float64), norm="ortho") * self.lines
        x = scipy.fft.irfft(spectra, z.shape[2], norm="ortho") + self.mean[:, None]
        return np.ascontiguousarray(x, np.float32)

    def state(self, prefix: str = "scaler.") -> dict[str, NDArray[Any]]:
        """For an artefact."""
        return {f"{prefix}mean": self.mean, f"{prefix}lines": self.lines}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "scaler.") -> Self:
        """Read back what `state` gave."""
        return cls(arrays[f"{prefix}mean"], arrays[f"{prefix}lines"])


@dataclass(frozen=True)
class WhiteningScaler:
    """Channels whitened by the covariance of normal windows, then standardised on a class.

    Channels of a process move together. A network's error of a tenth of each channel's deviation is
    many deviations of the small differences between them, which are what tells faults apart; among
    white channels it is a tenth of any direction.

    - `mean`: float64 `(C,)`; `matrix`: float64 `(C, C)`: rows are scaled to `(x - mean) @ matrix`.
    """

    mean: NDArray[np.float64]
    matrix: NDArray[np.float64]

    @classmethod
    def fit(cls, x: FloatArray) -> Self:
        """From normal windows `(n, C, T)`; a constant channel is only centred."""
        most = max(1, _MOST_ROWS // x.shape[2])
        kept = x[:: max(1, -(-len(x) // most))]
        found = whitener(kept.transpose(0, 2, 1).reshape(-1, x.shape[1]))
        constant = ~found.matrix.any(axis=0)
        return cls(found.mean, found.matrix + np.diag(constant.astype(np.float64)))

    def of_class(self, x: FloatArray) -> Self:
        """The same, with windows `(n, C, T)` of one class at mean 0 and deviation 1."""
        white = self.apply(x)
        centre = white.mean(axis=(0, 2), dtype=np.float64)
        deviation = np.maximum(white.std(axis=(0, 2), dtype=np.float64), _LEAST_DEVIATION)
        mean = self.mean + np.linalg.solve(self.matrix.T, centre)
        return type(self)(mean, self.matrix / deviation)

    def apply(self, x: FloatArray) -> FloatArray:
        """Windows `(n, C, T)`, scaled."""
        z = np.einsum("nct,cd->ndt", x - self.mean[:, None], self.matrix, optimize=True)
        return np.asarray(z, np.float32)

    def undo(self, z: FloatArray) -> FloatArray:
        """Windows in their own units again."""
        inverse = np.linalg.inv(self.matrix)
        x = np.einsum("ndt,dc->nct", z.astype(np.float64), inverse, optimize=True)
        return np.ascontiguousarray(x + self.mean[:, None], np.float32)

    def state(self, prefix: str = "scaler.") -> dict[str, NDArray[Any]]:
        """For an artefact."""
        return {f"{prefix}mean": self.mean, f"{prefix}matrix": self.matrix}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "scaler.") -> Self:
        """Read back what `state` gave."""
        return cls(arrays[f"{prefix}mean"], arrays[f"{prefix}matrix"])
