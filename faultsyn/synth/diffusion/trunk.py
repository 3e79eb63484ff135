"""The network that vibration windows are generated with: the shipped one, or one trained anew.

The shipped trunk has seen simulated machines only (`machines.py`), no recording of any data set.
Its weights lie in half precision beside this file, with a card that says what they are;
`pretrain_trunk` rebuilds both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.neural import Checkpoint, History, Progress, Recipe, seeded, train
from faultsyn.synth.diffusion.describe import N_TOLD
from faultsyn.synth.diffusion.edm import denoising_loss, draw_sigma, precondition
from faultsyn.synth.diffusion.machines import Lesson
from faultsyn.synth.diffusion.skeleton import N_GUIDES
from faultsyn.synth.diffusion.unet import UNet

WEIGHTS = Path(__file__).with_name("vibration_trunk.safetensors")
CARD = WEIGHTS.with_suffix(".json")

Lessons = Callable[[np.random.Generator], Lesson]
"""Draws a batch."""


def card() -> dict[str, Any]:
    """What the shipped weights are: version, data, steps, seed, commit, hash."""
    loaded: dict[str, Any] = json.loads(CARD.read_text())
    return loaded


def new_trunk(generator: torch.Generator) -> UNet:
    """An untrained network; as a denoiser it knows nothing but the windows' unit RMS."""
    return seeded(lambda: UNet(N_GUIDES, N_TOLD), generator)


@cache
def shipped_trunk() -> UNet:
    """The frozen network that comes with the package; shared, so it must not be trained.

    Raises `InputError` when the weights are not those of the card.
    """
    if hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() != card()["weights_sha256"]:
        raise InputError(f"{WEIGHTS.name}: hash differs from {CARD.name}", "reinstall faultsyn")
    return read_trunk(WEIGHTS)


def read_trunk(path: Path) -> UNet:
    """The frozen network of a file that `write_trunk` wrote.

    Adapters can be trained on it, even where it is first read in inference mode.
    """
    with torch.inference_mode(False):  # whose tensors no gradient may pass, ever after
        trunk = new_trunk(torch.Generator().manual_seed(0))
        trunk.load_state_dict({name: w.float() for name, w in load_file(path).items()})
        return trunk.eval().requires_grad_(False)


def write_trunk(trunk: UNet, path: Path) -> str:
    """Write the weights in half precision; returns the file's SHA-256."""
    save_file({name: w.half().contiguous() for name, w in trunk.state_dict().items()}, path)
    path.chmod(0o644)  # safetensors writes files that only their owner may read
    return hashlib.sha256(path.read_bytes()).hexdigest()


def train_trunk(
    trunk: UNet,
    lessons: Lessons,
    generator: torch.Generator,
    recipe: Recipe,
    what: str,
    *,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train in place on fresh lessons, by the weighted denoising error of EDM."""

    def loss(draw: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**62, (), generator=draw))
        return lesson_loss(trunk, lessons(np.random.default_rng(seed)), draw).mean()

    return train(trunk, loss, generator, recipe, what, progress=progress, checkpoint=checkpoint)


def lesson_loss(trunk: UNet, lesson: Lesson, draw: torch.Generator) -> Tensor:
    """Denoising loss of each window at noise levels and noise drawn anew, `(n,)`."""
    x, guides, told = (torch.from_numpy(a) for a in (lesson.x, lesson.guides, lesson.told))
    noise = torch.randn(x.shape, generator=draw)
    denoise = precondition(lambda y, c: trunk(y, c, guides, told))
    return denoising_loss(denoise, x, noise, draw_sigma(len(x), draw))
