"""Convolutions over time on tensors whose channels lie beside each other in memory.

A batch of windows `(n, C, T)` becomes `(n, C, 1, T)` in torch's `channels_last` format, which the
processor's kernels take as it is: with few channels the copies into their own layout and back
cost as much as the products. Parameters are those of `nn.Conv1d` and `nn.ConvTranspose1d`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, linear


def laid(x: Tensor) -> Tensor:
    """`(n, C, T)` -> `(n, C, 1, T)`, channels last in memory."""
    # Not `contiguous(memory_format=...)`, which has no rule for vmap (gradients by unit).
    return x[:, :, None].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def per_channel(values: Tensor) -> Tensor:
    """`(n, C)` -> `(n, C, 1, 1)`, to be multiplied with or added to what `laid` gave."""
    return values[..., None, None]


class Convolution(nn.Conv1d):
    """`nn.Conv1d`, `(n, into, 1, T)` -> `(n, out, 1, T / stride)`."""

    def __init__(self, into: int, out: int, length: int, stride: int = 1) -> None:
        super().__init__(into, out, length, stride, padding=(length - stride) // 2)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve; over one sample that is a matrix product."""
        if self.kernel_size == (1,):
            rows = input.permute(0, 2, 3, 1)
            return linear(rows, self.weight[:, :, 0], self.bias).permute(0, 3, 1, 2)
        along = (0, *self.padding)
        return conv2d(input, self.weight[:, :, None], self.bias, (1, *self.stride), along)


class Growth(nn.ConvTranspose1d):
    """`nn.ConvTranspose1d` without overlap, `(n, into, 1, T)` -> `(n, out, 1, stride T)`."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__(into, out, stride, stride)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve."""
        return conv_transpose2d(input, self.weight[:, :, None], self.bias, (1, *self.stride))
