"""All that a training run carries from one step to the next, and that a checkpoint must hold."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural.checkpoint import Saved
from faultsyn.neural.ema import WeightAverage, trained
from faultsyn.neural.history import History
from faultsyn.neural.recipe import Recipe


class TrainingState:
    """Weights, optimiser, average, best weights, generator and history of one run.

    Raises `InputError` when no parameter of `module` requires a gradient.
    """

    def __init__(
        self, module: nn.Module, generator: torch.Generator, recipe: Recipe, what: str
    ) -> None:
        self.module = module
        self.generator = generator
        self.parameters = trained(module)
        if not self.parameters:
            raise InputError(f"{what}: nothing to train, every parameter is frozen")
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(),
            lr=recipe.learning_rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
        )
        self.average = None if recipe.ema is None else WeightAverage(module, recipe.ema)
        self.best: dict[str, Tensor] | None = None
        self.history = History()
        self._frozen = {name for name, p in module.named_parameters() if not p.requires_grad}

    def current(self) -> dict[str, Tensor]:
        """Trained parameters and buffers as they are; not copies."""
        weights = self.module.state_dict()
        return {name: tensor for name, tensor in weights.items() if name not in self._frozen}

    def averaged(self) -> dict[str, Tensor]:
        """`current` with the averages, where there are any, in place of the last weights."""
        return self.current() | (self.average.weights() if self.average is not None else {})

    def outcome(self) -> dict[str, Tensor]:
        """Copies of what the run would leave if it ended now: best, else averaged weights."""
        return copies(self.averaged() if self.best is None else self.best)

    def put(self, weights: dict[str, Tensor]) -> None:
        """Copy `weights` into the module."""
        self.module.load_state_dict(weights, strict=False)

    def tensors(self) -> dict[str, Tensor]:
        """For a checkpoint: every tensor of the run by a name of its own."""
        saved = {f"weights.{name}": tensor for name, tensor in self.current().items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimiser.state[parameter].items():
                saved[f"optimiser.{key}.{name}"] = value
        averages = {} if self.average is None else self.average.weights()
        saved |= {f"average.{name}": tensor for name, tensor in averages.items()}
        saved |= {f"best.{name}": tensor for name, tensor in (self.best or {}).items()}
        return copies(saved) | {"generator": self.generator.get_state()}

    def restore(self, saved: Saved) -> None:
        """Go on from a checkpoint."""
        self.history = History.from_json(saved.state)
        self.put(_under("weights.", saved))
        moments: dict[int, dict[str, Tensor]] = {}
        for place, name in enumerate(self.parameters):
            keys = [key for key in saved.tensors if key.startswith("optimiser.")]
            found = {key.split(".", 2)[1]: key for key in keys if key.split(".", 2)[2] == name}
            moments[place] = {field: saved.tensors[key] for field, key in found.items()}
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        if self.average is not None:
            self.average.restore(_under("average.", saved), self.history.steps)
        best = _under("best.", saved)
        self.best = {k: v.to(self.module.state_dict()[k].device) for k, v in best.items()} or None
        self.generator.set_state(saved.tensors["generator"])


def identity(state: TrainingState, recipe: Recipe, what: str) -> str:
    """A hash of what decides a run: recipe, name, network with its initial weights, generator."""
    digest = hashlib.sha256(repr((what, sorted(asdict(recipe).items()))).encode())
    digest.update(state.generator.get_state().numpy().tobytes())
    for name, tensor in state.module.state_dict().items():
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def copies(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in memory of their own."""
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def _under(prefix: str, saved: Saved) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in saved.tensors.items()
        if name.startswith(prefix)
    }
