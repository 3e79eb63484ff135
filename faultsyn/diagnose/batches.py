"""Batches for supervised training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def draw_weights(codes: NDArray[np.intp], *, balanced: bool) -> Tensor:
    """Chance of each window to be drawn into a batch; balanced: every class equally often."""
    counts = np.bincount(codes)
    chances = 1.0 / counts[codes] if balanced else np.ones(len(codes))
    return torch.from_numpy(chances / chances.sum())


def draw_batch(weights: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Positions of `size` windows, drawn with replacement."""
    return torch.multinomial(weights, size, replacement=True, generator=generator)
