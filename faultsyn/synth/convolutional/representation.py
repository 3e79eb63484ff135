"""What an adversarial network sees of a window: its samples, its spectrum, or a grey image of it.

The three inputs of the WDCGAN papers on rotating machines. Each has an inverse, so that windows
come back: the image is the signal row by row, not rounded to 256 greys; the spectrum keeps real and
imaginary parts, since a magnitude alone has no inverse and a phase jumps at pi.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from faultsyn.synth.convolutional.kinds import Kind
from faultsyn.synth.scaling import BEND

_SMOOTH = 9  # lines that a spectrum's scale is averaged over
_FLOOR = 1e-3  # of the highest line, below which a line is not amplified further


class Representation(Protocol):
    """`channels`, `size`: of what the network sees of windows `(n, C, T)`."""

    @property
    def channels(self) -> int:
        """Channels that the network sees."""
        ...

    @property
    def size(self) -> tuple[int, ...]:
        """Lengths of their axes."""
        ...

    def apply(self, windows: Tensor) -> Tensor:
        """Windows `(n, C, T)` -> `(n, channels, *size)`."""
        ...

    def undo(self, seen: Tensor) -> Tensor:
        """The inverse: `(n, channels, *size)` -> `(n, C, T)`."""
        ...


class TimeSignal:
    """The samples as they are."""

    def __init__(self, channels: int, length: int) -> None:
        self.channels = channels
        self.size = (length,)

    def apply(self, windows: Tensor) -> Tensor:
        """Nothing."""
        return windows

    def undo(self, seen: Tensor) -> Tensor:
        """Nothing."""
        return seen


class GreyImage:
    """Row by row, as near to square as can be; the last row is filled with zeros."""

    def __init__(self, channels: int, length: int) -> None:
        self.channels, self.length = channels, length
        columns = math.ceil(math.sqrt(length))
        self.size = (-(-length // columns), columns)

    def apply(self, windows: Tensor) -> Tensor:
        """`(n, C, T)` -> `(n, C, rows, columns)`."""
        filled = pad(windows, (0, math.prod(self.size) - self.length))
        return filled.view(*filled.shape[:2], *self.size)

    def undo(self, seen: Tensor) -> Tensor:
        """`(n, C, rows, columns)` -> `(n, C, T)`."""
        return seen.flatten(2)[:, :, : self.length]


class Spectrum:
    """Real, then imaginary parts of the orthonormal Fourier transform, by the size of each line.

    - `scale`: root mean square of each line over the windows that it was fitted on, averaged over
      neighbouring lines, `(C, T // 2 + 1)`. Lines beyond three times it are compressed.
    """

    def __init__(self, scale: Tensor, length: int) -> None:
        self.scale, self.length = scale, length
        self.channels, self.size = 2 * scale.shape[0], (scale.shape[1],)

    @classmethod
    def fit(cls, windows: Tensor) -> Spectrum:
        """From windows `(n, C, T)`."""
        power = torch.fft.rfft(windows, norm="ortho").abs().square().mean(dim=0)
        half = min(_SMOOTH, power.shape[1]) // 2
        smooth = torch.nn.functional.avg_pool1d(
            power[None], 2 * half + 1, 1, half, count_include_pad=False
        )[0]
        highest = smooth.amax(dim=1, keepdim=True)
        # A channel that is constant has no lines at all.
        highest = torch.where(highest > 0, highest, torch.ones_like(highest))
        return cls((smooth / 2).clamp_min(_FLOOR**2 * highest).sqrt(), windows.shape[2])

    def apply(self, windows: Tensor) -> Tensor:
        """`(n, C, T)` -> `(n, 2 C, T // 2 + 1)`."""
        lines = torch.fft.rfft(windows, norm="ortho")
        both = torch.cat([lines.real / self.scale, lines.imag / self.scale], dim=1)
        return BEND * torch.asinh(both / BEND)

    def undo(self, seen: Tensor) -> Tensor:
        """`(n, 2 C, T // 2 + 1)` -> `(n, C, T)`."""
        real, imaginary = (BEND * torch.sinh(seen / BEND)).chunk(2, dim=1)
        lines = torch.complex(real * self.scale, imaginary * self.scale)
        windows: Tensor = torch.fft.irfft(lines, self.length, norm="ortho")
        return windows


def represented(kind: Kind, windows: Tensor) -> Representation:
    """A representation of windows like these, `(n, C, T)`."""
    channels, length = windows.shape[1:]
    if kind == "frequency":
        return Spectrum.fit(windows)
    if kind == "image":
        return GreyImage(channels, length)
    return TimeSignal(channels, length)
