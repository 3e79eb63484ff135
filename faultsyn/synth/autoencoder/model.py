"""An autoencoder on scaled windows: its training and its sampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from faultsyn.neural import (
    Checkpoint,
    History,
    Progress,
    Recipe,
    best_device,
    from_arrays,
    seeded,
    to_arrays,
    torch_generator,
    train,
)
from faultsyn.synth.autoencoder.networks import Autoencoder
from faultsyn.synth.gaussian_diffusion.batches import Batches
from faultsyn.windows import FloatArray

_BLOCK = 256  # windows sampled at once; bounds memory


@dataclass(frozen=True)
class Training:
    """How it is trained.

    - `steps`, `batch`: gradient steps, and windows in each, of every class equally many.
    - `learning_rate`: peak rate of Adam. `shifts`: see `Batches`.
    """

    steps: int
    batch: int
    learning_rate: float
    shifts: bool


class Model:
    """The network that `build(number of classes)` makes; `what` names it in errors."""

    def __init__(self, build: Callable[[int], Autoencoder], training: Training, what: str) -> None:
        self._build, self._training, self._what = build, training, what
        self._device = best_device()
        self.network: Autoencoder

    def fit(
        self,
        x: FloatArray,
        places: NDArray[np.intp],
        classes: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> History:
        """Train on windows `(n, C, T)` of the `classes` classes at `places`."""
        how, generator = self._training, torch_generator(rng)
        network = seeded(lambda: self._build(classes), generator).to(self._device)
        windows = torch.from_numpy(np.ascontiguousarray(x)).to(self._device)
        told = torch.from_numpy(places).to(self._device)
        network.prepare(windows, told)
        batches = Batches(windows, told, how.batch, x.shape[2], how.shifts, even=True)
        history = train(
            network,
            network.lessons(batches),
            generator,
            Recipe(how.steps, how.learning_rate, weight_decay=0.0),
            self._what,
            progress=progress,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint),
        )
        network.finish(windows, told, generator)
        self.network = network
        return history

    def sample(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        """`n` windows of the class at `place`."""
        generator = torch_generator(rng)
        made = []
        with torch.inference_mode():
            for start in range(0, n, _BLOCK):
                told = torch.full((min(_BLOCK, n - start),), place, device=self._device)
                made.append(self.network.generate(told, generator).cpu().numpy())
        return np.concatenate(made)

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights."""
        return to_arrays("network.", self.network.state_dict())

    def restore(self, arrays: Mapping[str, NDArray[Any]], classes: int) -> None:
        """Read back what `state` gave."""
        network = self._build(classes).to(self._device)
        network.load_state_dict(from_arrays("network.", arrays))
        self.network = network.eval()
