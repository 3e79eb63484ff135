"""TimeGAN on scaled windows: its three phases of training, and its sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.neural import (
    Checkpoint,
    History,
    Progress,
    Recipe,
    Turn,
    best_device,
    from_arrays,
    seeded,
    to_arrays,
    torch_generator,
    train,
)
from faultsyn.neural.turn import Loss
from faultsyn.synth.recurrent.losses import (
    discriminator_loss,
    generator_loss,
    reconstruction,
    supervised,
)
from faultsyn.synth.recurrent.networks import Networks, from_steps, to_steps
from faultsyn.windows import FloatArray

_BLOCK = 256  # windows sampled at once; bounds memory


@dataclass(frozen=True)
class Settings:
    """Sizes and training of the model.

    - `channels`, `length`: of a window; `step`: samples of one step of the networks.
    - `hidden`, `layers`: of every network.
    - `embedding`, `supervision`, `joint`: gradient steps of the three phases; `batch`: windows.
    - `learning_rate`: of Adam.
    """

    channels: int
    length: int
    step: int
    hidden: int
    layers: int
    embedding: int
    supervision: int
    joint: int
    batch: int
    learning_rate: float


class Model:
    """TimeGAN's networks; `what` names it in errors."""

    def __init__(self, settings: Settings, what: str) -> None:
        self.settings, self.what = settings, what
        self.device = best_device()
        self.networks: Networks | None = None

    def fit(
        self,
        x: FloatArray,
        places: NDArray[np.intp],
        classes: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
        folder: Path | None = None,
    ) -> dict[str, History]:
        """Train on windows `(n, C, T)` of the `classes` classes at `places`, phase by phase."""
        how = self.settings
        generator = torch_generator(rng)
        networks = seeded(lambda: self._sized(classes), generator).to(self.device)
        windows = to_steps(torch.from_numpy(np.ascontiguousarray(x)).to(self.device), how.step)
        lessons = Lessons(networks, windows, torch.from_numpy(places).to(self.device), how.batch)
        coder = nn.ModuleList([networks.embedder, networks.recovery])
        phases: tuple[tuple[str, nn.Module, Loss | Sequence[Turn], int], ...] = (
            ("embedding", coder, lessons.embedding, how.embedding),
            ("supervision", networks.supervisor, lessons.supervision, how.supervision),
            ("joint", networks, lessons.turns(coder), how.joint),
        )
        histories = {}
        for name, module, loss, steps in phases:
            recipe = Recipe(steps, how.learning_rate, weight_decay=0.0, warm_up=0.0, clip=None)
            histories[name] = train(
                module,
                loss,
                generator,
                recipe,
                f"{self.what}, {name}",
                progress=progress,
                checkpoint=None if folder is None else Checkpoint(folder / name),
            )
        self.networks = networks
        return histories

    def sample(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        """`n` windows of the class at `place`."""
        assert self.networks is not None
        how, generator = self.settings, torch_generator(rng)
        steps = -(-how.length // how.step)
        made = []
        with torch.inference_mode():
            for start in range(0, n, _BLOCK):
                z = self.networks.noise(min(_BLOCK, n - start), steps, generator)
                told = torch.full((len(z),), place, device=z.device)
                windows = self.networks.recovery(self.networks.imagine(z, told)[1], told)
                made.append(from_steps(windows, how.channels, how.length).cpu().numpy())
        return np.concatenate(made)

    def state(self) -> dict[str, NDArray[Any]]:
        """All weights that there are."""
        return {} if self.networks is None else to_arrays("", self.networks.state_dict())

    def restore(self, arrays: Mapping[str, NDArray[Any]], classes: int) -> None:
        """Read back what `state` gave."""
        self.networks = self._sized(classes).to(self.device)
        self.networks.load_state_dict(from_arrays("", arrays))
        self.networks.eval()

    def _sized(self, classes: int) -> Networks:
        how = self.settings
        return Networks(how.channels * how.step, classes, how.hidden, how.layers)


class Lessons:
    """The losses of the phases on windows in steps `(n, S, values)` of the classes `places`."""

    def __init__(self, networks: Networks, windows: Tensor, places: Tensor, batch: int) -> None:
        self._networks, self._windows, self._places = networks, windows, places
        self._batch = batch

    def turns(self, coder: nn.Module) -> tuple[Turn, ...]:
        """The joint phase: generator and coder twice, then the discriminator."""
        networks = self._networks
        maker = nn.ModuleList([networks.generator, networks.supervisor])
        return (
            Turn("generator", maker, self.generator, repeats=2),
            Turn("coder", coder, self.coder, repeats=2),
            Turn("discriminator", networks.discriminator, self.discriminator),
        )

    def embedding(self, generator: torch.Generator) -> Tensor:
        """Of embedder and recovery alone."""
        x, place = self._drawn(generator)
        return reconstruction(x, self._networks.recovery(self._networks.embedder(x, place), place))

    def supervision(self, generator: torch.Generator) -> Tensor:
        """Of the supervisor, on codes of real windows."""
        x, place = self._drawn(generator)
        with torch.no_grad():
            code = self._networks.embedder(x, place)
        return supervised(code, self._networks.supervisor(code, place))

    def coder(self, generator: torch.Generator) -> Tensor:
        """Of embedder and recovery in the joint phase: codes must be foreseeable too."""
        networks = self._networks
        x, place = self._drawn(generator)
        code = networks.embedder(x, place)
        ahead = supervised(code, networks.supervisor(code, place))
        return reconstruction(x, networks.recovery(code, place)) + 0.1 * ahead

    def generator(self, generator: torch.Generator) -> Tensor:
        """Of generator and supervisor, on windows of one class.

        The moments are those of the batch: over a mixture of classes they would not say what each
        class is like, and the discriminator alone is slow to.
        """
        networks = self._networks
        x, place = self._of_one_class(generator)
        with torch.no_grad():
            code = networks.embedder(x, place)
        drafted, imagined = self._imagined(place, generator)
        return generator_loss(
            networks.discriminator(imagined, place),
            networks.discriminator(drafted, place),
            code,
            networks.supervisor(code, place),
            x,
            networks.recovery(imagined, place),
        )

    def discriminator(self, generator: torch.Generator) -> Tensor:
        """Of the discriminator."""
        networks = self._networks
        x, place = self._drawn(generator)
        with torch.no_grad():
            code = networks.embedder(x, place)
            drafted, imagined = self._imagined(place, generator)
        real, fake, draft = (networks.discriminator(h, place) for h in (code, imagined, drafted))
        return discriminator_loss(real, fake, draft)

    def _imagined(self, place: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z = self._networks.noise(len(place), self._windows.shape[1], generator)
        return self._networks.imagine(z, place)

    def _of_one_class(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        chosen = self._places[torch.randint(len(self._windows), (), generator=generator)]
        rows = (self._places == chosen).nonzero()[:, 0]
        rows = rows[torch.randint(len(rows), (self._batch,), generator=generator)]
        return self._windows[rows], self._places[rows]

    def _drawn(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(self._windows), (self._batch,), generator=generator)
        return self._windows[rows], self._places[rows]
