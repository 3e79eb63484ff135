"""The whole model on scaled windows: a trunk, the adapters of each class, their training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.neural import (
    Checkpoint,
    History,
    Privately,
    Progress,
    Recipe,
    best_device,
    from_arrays,
    seeded,
    to_arrays,
    torch_generator,
    train,
)
from faultsyn.neural.turn import Loss, Turn
from faultsyn.synth.diffusion_ts.adapter import ClassAdapters
from faultsyn.synth.diffusion_ts.denoising import (
    Denoising,
    NormalLesson,
    PrivateLesson,
    ShotLesson,
    Windows,
)
from faultsyn.synth.diffusion_ts.network import Adapted, Trunk
from faultsyn.synth.diffusion_ts.settings import Layout, Training
from faultsyn.synth.gaussian_diffusion.sampling import sampled
from faultsyn.synth.gaussian_diffusion.schedule import cosine_schedule
from faultsyn.synth.private.step import Units
from faultsyn.windows import FloatArray

_BLOCK = 256  # windows sampled at once; bounds memory


class Model:
    """Diffusion-TS with adapters, on the best device; `what` names it in errors.

    Windows are scaled arrays `(n, C, T)`, float32; normal ones may stay on disk until they are
    drawn (`Windows`). It is trained where `pretrain` and `adapt` are
    called, in that order, and holds nothing but weights between them.
    """

    def __init__(self, layout: Layout, training: Training, what: str) -> None:
        self.layout, self.training, self.what = layout, training, what
        schedule = cosine_schedule(training.noise_steps)
        self.task = Denoising(schedule, training.target, training.fourier)
        self.device = best_device()
        self.trunk: Trunk
        self.adapters: dict[str, ClassAdapters] = {}
        self.tuned: dict[str, Trunk] = {}

    def pretrain(
        self,
        normal: Windows,
        rng: np.random.Generator,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        private: Units | None = None,
    ) -> History:
        """Train the trunk on normal windows."""
        generator = torch_generator(rng)
        self.trunk = seeded(lambda: Trunk(self.layout), generator).to(self.device)
        lesson: Loss | Sequence[Turn]
        if private is None:
            lesson = NormalLesson(self.task, self.trunk, normal, self.training.batch)
        else:
            lesson = self._private(self.trunk, normal, private)
        return train(
            self.trunk,
            lesson,
            generator,
            self._recipe(self.training.pretrain_steps),
            f"{self.what}, pretraining",
            progress=progress,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint),
        )

    def adapt(
        self,
        label: str,
        shots: FloatArray,
        rng: np.random.Generator,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        private: Units | None = None,
    ) -> History:
        """Train the adapters of class `label` on its shots; the trunk stays as it is.

        Where the layout has none, a copy of the trunk itself.
        """
        generator = torch_generator(rng)
        network: Adapted | Trunk
        if self.layout.adapted:
            made = seeded(lambda: ClassAdapters(self.layout), generator).to(self.device)
            self.adapters[label] = made
            network = Adapted(self.trunk, made)
        else:
            network = deepcopy(self.trunk).requires_grad_(True)
            self.tuned[label] = network
        how = self.training
        lesson: Loss | Sequence[Turn]
        if private is None:
            lesson = ShotLesson(
                self.task,
                network,
                _tensor(shots),
                how.adapt_batch,
                how.diversity,
                how.diversity_weight,
            )
        else:
            lesson = self._private(network, shots, private)
        history = train(
            network,
            lesson,
            generator,
            self._recipe(how.adapt_steps),
            f"{self.what}, adapting to '{label}'",
            progress=progress,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint),
        )
        return history

    def sample(
        self,
        n: int,
        label: str,
        limit: NDArray[np.float32],
        rng: np.random.Generator,
        steps: int | None,
        eta: float,
    ) -> FloatArray:
        """`n` windows of a class.

        - `limit`: largest absolute value a predicted clean window may have, of each channel.
        - `steps`, `eta`: see `sampled`.
        """
        generator = torch_generator(rng)
        adapted = self.layout.adapted
        network = Adapted(self.trunk, self.adapters[label]) if adapted else self.tuned[label]
        highest = _tensor(limit)[:, None].to(self.device)

        def predict(noisy: Tensor, step: Tensor) -> Tensor:
            return self.task.predict(network, noisy, step).clamp(-highest, highest)

        made = [np.empty((0, self.layout.channels, self.layout.length), np.float32)]
        with torch.inference_mode():
            for start in range(0, n, _BLOCK):
                size = (min(_BLOCK, n - start), *made[0].shape[1:])
                noise = torch.randn(size, generator=generator).to(self.device)
                clean = sampled(predict, noise, self.task.schedule, generator, steps, eta)
                made.append(clean.cpu().numpy())
        return np.concatenate(made)

    def weights(self, part: Literal["trunk", "adapters"]) -> int:
        """How many weights a part has."""
        with torch.device("meta"):
            built = Trunk(self.layout) if part == "trunk" else ClassAdapters(self.layout)
        return sum(parameter.numel() for parameter in built.parameters())

    def state(self, labels: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """The weights; those of a class by its place in `labels`."""
        arrays = to_arrays("trunk.", self.trunk.state_dict())
        for place, label in enumerate(labels):
            if self.layout.adapted:
                arrays |= to_arrays(f"adapters.{place}.", self.adapters[label].state_dict())
            else:
                arrays |= to_arrays(f"tuned.{place}.", self.tuned[label].state_dict())
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]], labels: tuple[str, ...]) -> None:
        """Read back what `state` gave."""
        self.trunk = Trunk(self.layout).to(self.device)
        _put(self.trunk, "trunk.", arrays)
        for place, label in enumerate(labels):
            if self.layout.adapted:
                self.adapters[label] = ClassAdapters(self.layout).to(self.device)
                _put(self.adapters[label], f"adapters.{place}.", arrays)
            else:
                self.tuned[label] = Trunk(self.layout).to(self.device)
                _put(self.tuned[label], f"tuned.{place}.", arrays)

    def _private(self, network: nn.Module, windows: Windows, how: Units) -> Sequence[Turn]:
        """The one turn of a private run."""
        units = torch.from_numpy(how.units)
        lesson = PrivateLesson(self.task, windows, units, how.of_each, self.device)
        private = Privately(how.noise, how.clip, how.rate)
        return [Turn("denoising", network, lesson, private=private)]

    def _recipe(self, steps: int) -> Recipe:
        how = self.training
        betas = (0.9, 0.96)  # Diffusion-TS
        return Recipe(
            steps, how.learning_rate, weight_decay=0.0, betas=betas, decay="constant", ema=how.ema
        )


def _put(module: nn.Module, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    module.load_state_dict(from_arrays(prefix, arrays))
    module.eval()


def _tensor(x: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))
