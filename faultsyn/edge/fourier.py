"""Fourier transforms as matrix products, which every ONNX runtime has and runs fast.

A transform of n1 x n2 samples is one of n1, a twist, and one of n2 (Cooley and Tukey, Mathematics
of Computation 19, 1965): two small matrices instead of an operator that runtimes implement, or not,
at their own precision. All in float64; on one core 8192 samples take a few tenths of a millisecond.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.errors import InputError

_LARGEST_FACTOR = 1024  # a matrix of 8 MB; longer prime factors have no place in an edge model


def constant(values: NDArray[np.generic] | float) -> Tensor:
    """Float64 tensor of a constant in the graph."""
    return torch.as_tensor(np.array(values, np.float64))


def good_length(least: int) -> int:
    """The nearest length from `least` on that is a product of two about equal factors."""
    first = math.isqrt(max(least - 1, 0)) + 1
    return first * -(-least // first)


class Constants(nn.Module):
    """A module whose constants are buffers in float64, out of its state."""

    def hold(self, **values: NDArray[np.generic] | float) -> None:
        """Keep constants under their names."""
        for name, value in values.items():
            self.register_buffer(name, constant(value), persistent=False)


class Transform(Constants):
    """Complex transform of `(..., length)`, exp(-2 pi i k n / length), or its conjugate.

    No division by the length either way. Raises `InputError` when the length has too large a prime
    factor.
    """

    outer_cos: Tensor
    outer_sin: Tensor
    twist_cos: Tensor
    twist_sin: Tensor
    inner_cos: Tensor
    inner_sin: Tensor

    def __init__(self, length: int, *, inverse: bool = False) -> None:
        super().__init__()
        n1 = next(n for n in range(math.isqrt(length), 0, -1) if length % n == 0)
        n2 = length // n1
        if n2 > _LARGEST_FACTOR:
            raise InputError(
                f"edge: {length} samples do not split into two factors below {_LARGEST_FACTOR}",
                "choose a window length with small factors, such as a power of two",
            )
        self.length, self.n1, self.n2 = length, n1, n2
        sign = 1 if inverse else -1
        outer = sign * 2 * np.pi * np.outer(np.arange(n1), np.arange(n1)) / n1
        twist = sign * 2 * np.pi * np.outer(np.arange(n1), np.arange(n2)) / length
        inner = sign * 2 * np.pi * np.outer(np.arange(n2), np.arange(n2)) / n2
        self.hold(outer_cos=np.cos(outer), outer_sin=np.sin(outer))
        self.hold(twist_cos=np.cos(twist), twist_sin=np.sin(twist))
        self.hold(inner_cos=np.cos(inner), inner_sin=np.sin(inner))

    def forward(self, real: Tensor, imaginary: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts `(..., length)`."""
        x = real.reshape(*real.shape[:-1], self.n1, self.n2)
        re, im = self.outer_cos @ x, self.outer_sin @ x
        if imaginary is not None:
            y = imaginary.reshape(*imaginary.shape[:-1], self.n1, self.n2)
            re, im = re - self.outer_sin @ y, im + self.outer_cos @ y
        re, im = (
            re * self.twist_cos - im * self.twist_sin,
            re * self.twist_sin + im * self.twist_cos,
        )
        re, im = (
            re @ self.inner_cos - im @ self.inner_sin,
            re @ self.inner_sin + im @ self.inner_cos,
        )
        return re.transpose(-1, -2).flatten(-2), im.transpose(-1, -2).flatten(-2)


class Magnitudes(nn.Module):
    """Magnitudes of the lines 0 to half of real `(..., n_samples)`, zero-padded to `n_fft`."""

    def __init__(self, n_samples: int, n_fft: int) -> None:
        super().__init__()
        self.missing = n_fft - n_samples
        self.n_lines = n_fft // 2 + 1
        self.transform = Transform(n_fft)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., n_fft // 2 + 1)`."""
        padded = nn.functional.pad(x, (0, self.missing)) if self.missing else x
        re, im = self.transform(padded)
        re, im = re[..., : self.n_lines], im[..., : self.n_lines]
        return torch.sqrt(re * re + im * im)


class SquaredEnvelope(Constants):
    """Squared magnitude of the analytic signal of `(..., n_samples)` (`scipy.signal.hilbert`)."""

    weight: Tensor

    def __init__(self, n_samples: int) -> None:
        super().__init__()
        self.there, self.back = Transform(n_samples), Transform(n_samples, inverse=True)
        weight = np.zeros(n_samples)
        weight[0] = 1
        weight[1 : (n_samples + 1) // 2] = 2
        if n_samples % 2 == 0:
            weight[n_samples // 2] = 1
        self.hold(weight=weight / n_samples)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., n_samples)`."""
        re, im = self.there(x)
        re, im = self.back(re * self.weight, im * self.weight)
        return torch.as_tensor(re * re + im * im)
