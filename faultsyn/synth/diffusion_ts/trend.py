"""The polynomial trend of a decoder block.

Yuan & Qiao, "Diffusion-TS" (ICLR 2024), section 3.2: the trend of block i is a polynomial of small
degree p in c = [0, 1, ..., T - 1] / T whose coefficients the network gives; the mean of the block's
output is added where all parts are summed (`network.py`):

    V = C w,   C = [1, c, ..., c^p]
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu


class Trend(nn.Module):
    """Hidden `(n, T, width)` to a polynomial in each channel, `(n, T, channels)`.

    - `degree`: p; the paper takes 3.

    How hidden states become coefficients is ours: a linear map over time, then one over features.
    """

    def __init__(self, length: int, width: int, channels: int, degree: int) -> None:
        super().__init__()
        self.over_time = nn.Linear(length, degree + 1)
        self.over_width = nn.Linear(width, channels)
        time = torch.arange(length, dtype=torch.float64) / length
        powers = torch.stack([time**p for p in range(degree + 1)], dim=1)
        self.register_buffer("powers", powers.float(), persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """The trend."""
        return self.polynomial(self.over_width(gelu(self.over_time(hidden.transpose(1, 2))).mT))

    def polynomial(self, coefficients: Tensor) -> Tensor:
        """Coefficients `(n, degree + 1, channels)` to values `(n, T, channels)`."""
        return torch.as_tensor(self.powers) @ coefficients
