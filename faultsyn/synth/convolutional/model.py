"""The Wasserstein GAN on scaled windows: both players, their training, the guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
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
    Turn,
    best_device,
    from_arrays,
    seeded,
    to_arrays,
    torch_generator,
    train,
)
from faultsyn.synth.convolutional.adversaries import Adversaries, Sizes
from faultsyn.synth.convolutional.collapse import MOST_LOSS, Finding, Yardstick
from faultsyn.synth.convolutional.kinds import Kind, Norm
from faultsyn.synth.convolutional.layout import Layout
from faultsyn.synth.convolutional.representation import Representation, Spectrum, represented
from faultsyn.synth.convolutional.wasserstein import Lessons, clip_weights, shifted
from faultsyn.synth.gaussian_diffusion.batches import Batches
from faultsyn.windows import FloatArray

_BLOCK = 256  # windows sampled at once; bounds memory
_JUDGED = 24  # windows of each class that the guard looks at
_CHECKS = 20  # looks at a run
_EARLY = 0.25  # share of a run in which a maker need not be diverse yet
_PATIENCE = 4  # looks in a row with something wrong, before a run is stopped
_CONDITION = 16
_MIXING = 2


@dataclass(frozen=True)
class Settings:
    """Sizes and training; see the generators that build it."""

    representation: Kind
    width: int
    latent: int
    norm: Norm
    penalty: float
    clip: float | None
    critic_steps: int
    batch: int
    learning_rate: float
    ema: float
    shifts: bool
    envelope: bool
    seconds: float | None


class AdversarialModel:
    """Both players on the best device; `what` names it in errors.

    Windows are scaled arrays `(n, C, T)`. Class 0 is normal where `pretrain` came before.
    """

    def __init__(self, settings: Settings, what: str) -> None:
        self.settings, self.what = settings, what
        self.device = best_device()
        self.pretrained: Adversaries | None = None
        self.players: Adversaries
        self.view: Representation

    def pretrain(
        self,
        normal: FloatArray,
        speed: FloatArray,
        steps: int,
        rng: np.random.Generator,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> History:
        """Train on normal windows, as the one class there is; `speed`: see `adapt`."""
        self._build(normal, 1, rng)
        told = np.stack([np.zeros(len(normal)), speed], axis=1)
        yardsticks = {0: Yardstick(normal, None)}
        history = self._train(normal, told, yardsticks, steps, rng, progress, checkpoint)
        self.pretrained = self.players
        return history

    def adapt(
        self,
        x: FloatArray,
        places: NDArray[np.intp],
        speed: FloatArray,
        steps: int,
        rng: np.random.Generator,
        progress: Progress | None,
        checkpoint: Path | None,
        *,
        normal: int | None,
    ) -> tuple[History, dict[int, Finding]]:
        """Train on windows of all classes; also what the guard says of each class at the end.

        - `places`: class of each window, from 0 without gaps; `speed`: of its shaft, in deviations
          from the mean, 0 where it is not known; both `(n,)`.
        - `normal`: the class that is normal, which the guard does not judge; None: there is none.
        """
        classes = int(places.max()) + 1
        if self.pretrained is None:
            self._build(x, classes, rng)
        else:
            self.players = deepcopy(self.pretrained)
            self.players.grow(classes)
        normals = None if normal is None else x[places == normal]
        yardsticks = {
            place: Yardstick(x[places == place], normals)
            for place in range(classes)
            if place != normal
        }
        told = np.stack([places, speed], axis=1)
        history = self._train(x, told, yardsticks, steps, rng, progress, checkpoint)
        return history, self._judge(yardsticks)

    def sample(self, place: int, speed: FloatArray, rng: np.random.Generator) -> FloatArray:
        """A window of a class for each `speed` `(n,)`."""
        return self._sample(place, speed, torch_generator(rng))

    def _sample(self, place: int, speed: FloatArray, generator: torch.Generator) -> FloatArray:
        told = np.stack([np.full(len(speed), place), speed], axis=1)
        made = []
        with torch.no_grad():
            for part in torch.split(torch.from_numpy(told.astype(np.float32)), _BLOCK):
                noise = torch.randn(len(part), self.players.sizes.noise, generator=generator)
                seen = self.players.maker(noise.to(self.device), part.to(self.device))
                windows = self.view.undo(seen.float())
                if self.settings.shifts:
                    windows = shifted(windows, generator)
                made.append(windows.cpu().numpy())
        return np.concatenate(made)

    def _train(
        self,
        x: FloatArray,
        told: NDArray[np.float64],
        yardsticks: Mapping[int, Yardstick],
        steps: int,
        rng: np.random.Generator,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> History:
        how, players = self.settings, self.players
        windows = torch.from_numpy(np.ascontiguousarray(x, np.float32)).to(self.device)
        known = torch.from_numpy(told.astype(np.float32)).to(self.device)
        batches = Batches(windows, known, how.batch, x.shape[2], how.shifts, even=True)
        lessons = Lessons(players, batches, self.view, how.penalty)
        recipe = Recipe(
            steps,
            how.learning_rate,
            weight_decay=0.0,
            betas=(0.0, 0.9),
            warm_up=0.0,
            decay="constant",
            clip=None,
            ema=how.ema,
            check_every=max(1, steps // _CHECKS),
            patience=_PATIENCE,
            seconds=how.seconds,
        )
        clip = how.clip

        def clipped() -> None:
            if clip is not None:
                clip_weights(players.critic, clip)

        turns = [
            Turn("critic", players.critic, lessons.critic, how.critic_steps, after=clipped),
            Turn("maker", players.maker, lessons.maker),
        ]
        largest = self._largest_loss(windows)

        def guard(history: History) -> str | None:
            recent = history.turns["critic"][-recipe.check_every :]
            if abs(sum(recent) / len(recent)) > largest:
                return f"critic diverged (loss {recent[-1]:.3g})"
            if history.steps < _EARLY * recipe.steps:
                return None
            troubles = [f.trouble() for f in self._judge(yardsticks).values()]
            found = [trouble for trouble in troubles if trouble]
            return found[0] if 2 * len(found) > len(troubles) else ""

        return train(
            players,
            turns,
            torch_generator(rng),
            recipe,
            self.what,
            guard=guard,
            progress=progress,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint),
        )

    def _judge(self, yardsticks: Mapping[int, Yardstick]) -> dict[int, Finding]:
        """By class; from noise of its own, so that training draws the same numbers without it."""
        generator = torch.Generator().manual_seed(0)
        usual = np.zeros(_JUDGED, np.float32)
        return {
            place: yardstick.judge(self._sample(place, usual, generator))
            for place, yardstick in yardsticks.items()
        }

    def _largest_loss(self, windows: Tensor) -> float:
        """A bound on the loss of a penalised critic; a clipped one has none."""
        if not self.settings.penalty:
            return float("inf")
        norms = self.view.apply(windows[:_BLOCK]).flatten(1).norm(dim=1)
        return MOST_LOSS * 2 * float(norms.mean().clamp_min(1.0))

    def _build(self, x: FloatArray, classes: int, rng: np.random.Generator) -> None:
        windows = torch.from_numpy(np.ascontiguousarray(x, np.float32))
        self.view = represented(self.settings.representation, windows.to(self.device))
        generator = torch_generator(rng)
        sizes = self._sizes()
        made = seeded(lambda: Adversaries(sizes, classes), generator)
        self.players = made.to(self.device).eval()

    def _sizes(self) -> Sizes:
        layout = Layout(self.view.channels, self.view.size, self.settings.width, mixing=_MIXING)
        how = self.settings
        return Sizes(layout, how.latent, _CONDITION, how.norm, how.envelope)

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights, and the scale of a spectrum; empty before any training."""
        arrays: dict[str, NDArray[Any]] = {}
        if self.pretrained is not None:
            arrays |= to_arrays("pretrained.", self.pretrained.state_dict())
        if hasattr(self, "players"):
            arrays |= to_arrays("players.", self.players.state_dict())
            if isinstance(self.view, Spectrum):
                arrays["spectrum"] = self.view.scale.cpu().numpy()
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]], shape: Sequence[int]) -> None:
        """Read back what `state` gave, for windows of `shape` (channels, samples)."""
        if "players.maker.classes.weight" not in arrays:
            return
        channels, length = shape
        if "spectrum" in arrays:
            scale = torch.from_numpy(arrays["spectrum"].copy()).to(self.device)
            self.view = Spectrum(scale, length)
        else:
            self.view = represented(self.settings.representation, torch.empty(0, channels, length))
        self.players = self._restored("players.", arrays)
        if "pretrained.maker.classes.weight" in arrays:
            self.pretrained = self._restored("pretrained.", arrays)

    def _restored(self, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Adversaries:
        classes = len(arrays[f"{prefix}maker.classes.weight"])
        players = Adversaries(self._sizes(), classes)
        players.load_state_dict(from_arrays(prefix, arrays))
        return players.to(self.device).eval()
