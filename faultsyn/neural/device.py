"""Where a network runs: the CPU, or a GPU in bfloat16 and compiled."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar, cast

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def best_device() -> torch.device:
    """A CUDA GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(module: nn.Module) -> torch.device:
    """Where the parameters of `module` are; the CPU when it has none."""
    parameter = next(module.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 matrix products on a GPU; nothing at all on a CPU, whose results stay float32."""
    if device.type != "cuda":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def compiled(module: Module) -> Module:
    """`module` through `torch.compile` on a GPU; itself on a CPU.

    The compiled module shares its parameters: train and save the one that was handed in.
    """
    if device_of(module).type != "cuda":
        return module
    return cast(Module, torch.compile(module))
