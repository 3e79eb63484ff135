"""What every trained network shares: the training loop, checkpoints, weights as arrays, devices.

`train(module, loss, generator, Recipe(steps=500, learning_rate=1e-3), "who trains")`. The room
knows errors only, so that generators and classifiers may both build on it.
"""

from __future__ import annotations

from faultsyn.neural.checkpoint import Checkpoint
from faultsyn.neural.device import autocast, best_device, compiled
from faultsyn.neural.history import History
from faultsyn.neural.private import PrivateLoss, Privately
from faultsyn.neural.randomness import built_with, seeded, torch_generator
from faultsyn.neural.recipe import Recipe
from faultsyn.neural.train import Guard, Progress, train
from faultsyn.neural.turn import Turn
from faultsyn.neural.weights import from_arrays, to_arrays

__all__ = [
    "Checkpoint",
    "Guard",
    "History",
    "PrivateLoss",
    "Privately",
    "Progress",
    "Recipe",
    "Turn",
    "autocast",
    "best_device",
    "built_with",
    "compiled",
    "from_arrays",
    "seeded",
    "to_arrays",
    "torch_generator",
    "train",
]
