"""Torch's random numbers from the numpy generator that every step is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """A torch generator on the CPU, seeded by the next draw of `rng`."""
    return torch.Generator().manual_seed(int(rng.integers(2**63)))


def seeded(build: Callable[[], Module], generator: torch.Generator) -> Module:
    """`build()` with initial weights that `generator` decides; the global state is untouched."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
