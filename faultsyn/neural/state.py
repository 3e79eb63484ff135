"""All that a training run carries from one step to the next, and that a checkpoint must hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural.checkpoint import Saved
from faultsyn.neural.ema import WeightAverage, trained
from faultsyn.neural.history import History
from faultsyn.neural.recipe import Recipe
from faultsyn.neural.turn import Turn


class Player:
    """The parameters of one turn, by their names in the whole module, and their optimiser.

    Raises `InputError` when none of them requires a gradient.
    """

    def __init__(self, turn: Turn, module: nn.Module, recipe: Recipe, what: str) -> None:
        own = {id(parameter) for parameter in turn.player.parameters()}
        self.turn = turn
        self.parameters = {n: p for n, p in trained(module).items() if id(p) in own}
        if not self.parameters:
            raise InputError(f"{what}: nothing to train, every parameter is frozen")
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(),
            lr=recipe.learning_rate * turn.rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
        )

    def tensors(self) -> dict[str, Tensor]:
        """The optimiser's, by turn, field and parameter."""
        return {
            f"optimiser.{self.turn.name}.{key}.{name}": value
            for name, parameter in self.parameters.items()
            for key, value in self.optimiser.state[parameter].items()
        }

    def restore(self, saved: Saved) -> None:
        """Read back what `tensors` gave."""
        mine = _under(f"optimiser.{self.turn.name}.", saved)
        moments: dict[int, dict[str, Tensor]] = {}
        for place, name in enumerate(self.parameters):
            fields = {key.split(".", 1)[0]: key for key in mine if key.split(".", 1)[1] == name}
            moments[place] = {field: mine[key] for field, key in fields.items()}
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})


class TrainingState:
    """Weights, optimisers, average, best weights, generator and history of one run.

    Raises `InputError` when a turn has no parameter that requires a gradient.
    """

    def __init__(
        self,
        module: nn.Module,
        turns: Sequence[Turn],
        generator: torch.Generator,
        recipe: Recipe,
        what: str,
    ) -> None:
        self.module = module
        self.generator = generator
        self.players = tuple(Player(turn, module, recipe, what) for turn in turns)
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
        for player in self.players:
            saved |= player.tensors()
        averages = {} if self.average is None else self.average.weights()
        saved |= {f"average.{name}": tensor for name, tensor in averages.items()}
        saved |= {f"best.{name}": tensor for name, tensor in (self.best or {}).items()}
        return copies(saved) | {"generator": self.generator.get_state()}

    def restore(self, saved: Saved) -> None:
        """Go on from a checkpoint."""
        self.history = History.from_json(saved.state)
        self.put(_under("weights.", saved))
        for player in self.players:
            player.restore(saved)
        if self.average is not None:
            self.average.restore(_under("average.", saved), self.history.steps)
        best = _under("best.", saved)
        self.best = {k: v.to(self.module.state_dict()[k].device) for k, v in best.items()} or None
        self.generator.set_state(saved.tensors["generator"])


def identity(state: TrainingState, recipe: Recipe, what: str) -> str:
    """A hash of what decides a run: recipe, name, network with its initial weights, generator."""
    turns = [
        (p.turn.name, p.turn.repeats, p.turn.rate, *((p.turn.private,) if p.turn.private else ()))
        for p in state.players
    ]
    digest = hashlib.sha256(repr((what, sorted(asdict(recipe).items()), turns)).encode())
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
