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
    return built_with(int(torch.randint(2**62, (), generator=generator)), build)


def built_with(seed: int, build: Callable[[], Module]) -> Module:
    """`build()` with initial weights that `seed` decides; the global state is untouched.

    Torch's own layers take their first weights from the global generator and from no other, so it
    is seeded in a copy that is thrown away.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
