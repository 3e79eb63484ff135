"""Small pieces that features and front ends share, over the last axis."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_TINY = float(np.finfo(np.float64).tiny)


def deviation(x: Tensor) -> Tensor:
    """Root mean square around the mean (population form)."""
    centred = x - x.mean(dim=-1, keepdim=True)
    return torch.sqrt((centred * centred).mean(dim=-1))


def zscore(x: Tensor) -> Tensor:
    """As `faultsyn.signal.spectrum.zscore_windows`: a constant window becomes zeros."""
    centred = x - x.mean(dim=-1, keepdim=True)
    scale = deviation(x)[..., None]
    flat = scale <= 1e-7 * x.abs().amax(dim=-1, keepdim=True)
    return torch.where(flat, 0.0, centred / torch.where(flat, 1.0, scale))


def relative_envelope(squared: Tensor) -> Tensor:
    """Squared envelope over its mean, less 1; a silent window gives zeros."""
    mean = squared.mean(dim=-1, keepdim=True)
    silent = mean <= _TINY
    return torch.where(silent, 0.0, squared / torch.where(silent, 1.0, mean) - 1.0)


def asinh(x: Tensor) -> Tensor:
    """Written out: runtimes have it for float32 only."""
    size = x.abs()
    return torch.sign(x) * torch.log(size + torch.sqrt(size * size + 1))


def split(x: Tensor, *shape: int) -> Tensor:
    """The last axis as several."""
    return x.reshape(*x.shape[:-1], *shape)
