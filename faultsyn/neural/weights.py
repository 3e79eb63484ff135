"""State dictionaries as named numpy arrays, the form that artefacts are saved in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_arrays(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Copies of `weights` on the CPU, each name led by `prefix`."""
    return {prefix + name: w.detach().cpu().numpy().copy() for name, w in weights.items()}


def from_arrays(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, without it; copies."""
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(array))
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
