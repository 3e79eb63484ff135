"""MAML, ANIL and Meta-SGD through the package learn2learn (Arnold et al., arXiv 2008.12284).

The package's own `__init__` imports gym, torchvision and lightning, none of which its algorithms
need. So its modules are loaded below bare parents that run no `__init__`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.inner_loop import InnerLoop, TaskBatch
from faultsyn.errors import InputError

_INSTALL = (
    "pip install --no-deps --config-settings=--build-option=build_ext learn2learn==0.2.0 "
    "(it needs a C compiler), or choose engine: torch"
)


def require_learn2learn() -> None:
    """Raise `InputError` with the command to run when the package is not installed."""
    if "learn2learn" not in sys.modules and importlib.util.find_spec("learn2learn") is None:
        raise InputError("engine 'learn2learn': the package is not installed", _INSTALL)


def meta_loss(
    encoder: nn.Module,
    dim: int,
    rates: Mapping[str, Tensor],
    tasks: TaskBatch,
    loop: InnerLoop,
) -> Tensor:
    """What `faultsyn.diagnose.inner_loop.meta_loss` gives, task by task through learn2learn.

    - `encoder`: with the parameters that the outer loop learns; `dim`: length of its vectors.
    - `rates`: for each parameter of `nn.Sequential(encoder, head)` a step size, alone or of its
      shape. Meta-SGD takes them; where all are one number, plain MAML does.

    Raises `InputError` when the package is not installed.
    """
    head = nn.Linear(dim, tasks.way, dtype=tasks.support.dtype)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    network = nn.Sequential(encoder, head)
    module: nn.Module = head if loop.head_only else network
    wrapped = _wrapped(module, network, rates, loop)
    losses = []
    with warnings.catch_warnings():
        # Meta-SGD reads `.grad` of tensors that are not leaves; it has set them itself.
        warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not")
        for support, query in zip(tasks.support, tasks.query, strict=True):
            learner = wrapped.clone()
            if loop.head_only:
                support, query = encoder(support), encoder(query)
            for _ in range(loop.steps):
                learner.adapt(cross_entropy(learner(support), tasks.codes))
            losses.append(cross_entropy(learner(query), tasks.targets))
    return torch.stack(losses).mean()


def _wrapped(
    module: nn.Module, network: nn.Module, rates: Mapping[str, Tensor], loop: InnerLoop
) -> Any:
    require_learn2learn()
    lead = "1." if module is not network else ""
    of = {name: rates[lead + name] for name, _ in module.named_parameters()}
    if all(rate.dim() == 0 for rate in of.values()):
        numbers = {float(rate) for rate in of.values()}
        if len(numbers) == 1:
            made = _load("algorithms.maml")
            return made.MAML(module, lr=numbers.pop(), first_order=loop.first_order)
    own = [of[name].expand_as(p) for name, p in module.named_parameters()]
    made = _load("algorithms.meta_sgd")
    return made.MetaSGD(module, lrs=own, first_order=loop.first_order)


def _load(name: str) -> ModuleType:
    """A module of the package below parents that are empty but know where their modules lie."""
    if "learn2learn" not in sys.modules:
        spec = importlib.util.find_spec("learn2learn")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        root = Path(spec.submodule_search_locations[0])
        for parent, folder in ((root.name, root), (f"{root.name}.algorithms", root / "algorithms")):
            bare = ModuleType(parent)
            bare.__path__ = [str(folder)]
            sys.modules[parent] = bare
    return importlib.import_module(f"learn2learn.{name}")
