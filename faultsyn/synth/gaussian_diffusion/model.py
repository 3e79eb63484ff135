"""The class-conditional DDPM on scaled windows: its training and its sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from faultsyn.synth.gaussian_diffusion.batches import Batches
from faultsyn.synth.gaussian_diffusion.guided import Target, guided, of_step, simple_loss
from faultsyn.synth.gaussian_diffusion.network import (
    FIRST_CLASS,
    NORMAL_CLASS,
    ClassUNet,
    extended,
)
from faultsyn.synth.gaussian_diffusion.sampling import sampled
from faultsyn.synth.gaussian_diffusion.schedule import cosine_schedule
from faultsyn.windows import FloatArray

_BLOCK = 64  # windows sampled at once; bounds memory


@dataclass(frozen=True)
class Settings:
    """Sizes and training of the model.

    - `channels`, `length`: of a window; `width`: of the U-Net.
    - `noise_steps`: T of the cosine schedule; `target`: what the network predicts; `dropped`:
      chance of hiding the class.
    - `batch`, `crop`, `shifts`: see `Batches`.
    - `learning_rate`, `ema`: peak rate of Adam, and decay of the averaged weights.
    """

    channels: int
    length: int
    width: int
    noise_steps: int
    target: Target
    dropped: float
    batch: int
    crop: int
    shifts: bool
    learning_rate: float
    ema: float


class Model:
    """A `ClassUNet` and its schedule; `what` names it in errors."""

    def __init__(self, settings: Settings, what: str) -> None:
        self.settings, self.what = settings, what
        self.schedule = cosine_schedule(settings.noise_steps)
        self.device = best_device()
        self.pretrained: dict[str, Tensor] | None = None
        self.network: ClassUNet | None = None

    def pretrain(
        self,
        normal: FloatArray,
        steps: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> History:
        """Train on normal windows; `fit` then goes on from there."""
        generator = torch_generator(rng)
        network = self._built(FIRST_CLASS, generator)
        places = np.full(len(normal), NORMAL_CLASS)
        history = self._train(
            network, normal, places, steps, generator, "pretraining", progress, checkpoint
        )
        self.pretrained = {name: w.detach() for name, w in network.state_dict().items()}
        return history

    def fit(
        self,
        x: FloatArray,
        places: NDArray[np.intp],
        classes: int,
        steps: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> History:
        """Train on windows `(n, C, T)` of the `classes` classes at `places`, from 0 on."""
        generator = torch_generator(rng)
        network = self._built(FIRST_CLASS + classes, generator)
        if self.pretrained is not None:
            network.load_state_dict(extended(self.pretrained, network))
        history = self._train(
            network, x, FIRST_CLASS + places, steps, generator, "adapting", progress, checkpoint
        )
        self.network = network
        return history

    def sample(
        self,
        n: int,
        place: int,
        weight: float,
        limit: NDArray[np.float32],
        rng: np.random.Generator,
        steps: int | None,
        eta: float,
    ) -> FloatArray:
        """`n` windows of the class at `place`, guided with `weight`.

        - `limit`: largest absolute value of each channel.
        - `steps`, `eta`: see `sampled`.
        """
        assert self.network is not None
        generator = torch_generator(rng)
        highest = torch.from_numpy(limit)[:, None].to(self.device)
        output = of_step(self.network, self.schedule)
        target, told = self.settings.target, FIRST_CLASS + place
        predict = guided(output, self.schedule, target, told, weight, highest)
        made = []
        with torch.inference_mode():
            for start in range(0, n, _BLOCK):
                size = (min(_BLOCK, n - start), self.settings.channels, self.settings.length)
                noise = torch.randn(size, generator=generator).to(self.device)
                clean = sampled(predict, noise, self.schedule, generator, steps, eta)
                made.append(clean.cpu().numpy())
        return np.concatenate(made)

    def state(self) -> dict[str, NDArray[Any]]:
        """All weights that there are."""
        arrays = {} if self.pretrained is None else to_arrays("pretrained.", self.pretrained)
        if self.network is not None:
            arrays |= to_arrays("network.", self.network.state_dict())
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Read back what `state` gave."""
        self.pretrained = from_arrays("pretrained.", arrays) or None
        weights = from_arrays("network.", arrays)
        if weights:
            self.network = self._sized(len(weights["table.weight"])).to(self.device)
            self.network.load_state_dict(weights)
            self.network.eval()

    def _train(
        self,
        network: ClassUNet,
        x: FloatArray,
        places: NDArray[np.intp],
        steps: int,
        generator: torch.Generator,
        doing: str,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> History:
        how = self.settings
        windows = torch.from_numpy(np.ascontiguousarray(x)).to(self.device)
        classes = torch.from_numpy(places).to(self.device)
        batches = Batches(windows, classes, how.batch, how.crop, how.shifts)
        predict = of_step(network, self.schedule)

        def loss(draw: torch.Generator) -> Tensor:
            drawn = batches.draw(draw)
            return simple_loss(predict, self.schedule, how.target, *drawn, how.dropped, draw)

        return train(
            network,
            loss,
            generator,
            Recipe(steps, how.learning_rate, weight_decay=0.0, ema=how.ema),
            f"{self.what}, {doing}",
            progress=progress,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint),
        )

    def _built(self, classes: int, generator: torch.Generator) -> ClassUNet:
        return seeded(lambda: self._sized(classes), generator).to(self.device)

    def _sized(self, classes: int) -> ClassUNet:
        how = self.settings
        return ClassUNet(how.channels, how.crop, how.width, classes)
