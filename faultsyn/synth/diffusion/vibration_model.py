"""Trunk and adapter bank together: trained on readings, asked for windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faultsyn.errors import InputError
from faultsyn.neural import (
    Checkpoint,
    History,
    Progress,
    Recipe,
    from_arrays,
    to_arrays,
    torch_generator,
    train,
)
from faultsyn.synth.diffusion.adapt import Rows, padded, train_bank
from faultsyn.synth.diffusion.adapter import AdapterBank
from faultsyn.synth.diffusion.describe import told as tell
from faultsyn.synth.diffusion.edm import (
    SIGMA_MAX,
    SIGMA_MIN,
    Denoiser,
    heun,
    precondition,
    sigma_steps,
)
from faultsyn.synth.diffusion.machines import Lesson, lesson
from faultsyn.synth.diffusion.normals import guides_of, normal_lesson, private_turn
from faultsyn.synth.diffusion.reading import Readable, Reading
from faultsyn.synth.diffusion.trunk import card, new_trunk, shipped_trunk, train_trunk
from faultsyn.synth.diffusion.unet import UNet
from faultsyn.synth.private.step import Units

Protect = Callable[[int, int], Units]

BLOCK = 32 * 1024
"""Samples denoised at once, to bound memory and stay in the cache."""


@dataclass(frozen=True)
class Situation:
    """What windows are asked for.

    - `guides`: `(n, 3, T)`; `told`: `(n, C, N_TOLD)`; `condition`: the adapters', `(n, C, .)`.
    - `mixing`: `(C, C)`, turns unrelated noise into noise with the channels' correlation.
    - `start`: windows of unit RMS to start from, `(n, C, T)`; None: from noise alone.
    """

    guides: NDArray[np.float32]
    told: NDArray[np.float32]
    condition: NDArray[np.float32]
    mixing: NDArray[np.float64]
    start: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Sampler:
    """How windows are drawn.

    - `n_steps`: Heun steps; `start_sigma`: noise put on the start, where there is one.
    - `guidance`: w in D = D_n + w (D_f - D_n); 1: without the normal denoiser D_n.
    """

    n_steps: int
    start_sigma: float
    guidance: float


class VibrationModel:
    """A frozen trunk and, once adapted, a bank of adapters.

    - `own`: whether the trunk was trained here, and must be saved.
    """

    def __init__(self, trunk: UNet, *, own: bool) -> None:
        self.trunk = trunk
        self.own = own
        self.bank: AdapterBank | None = None

    @classmethod
    def shipped(cls) -> VibrationModel:
        """With the trunk that comes with the package."""
        return cls(shipped_trunk(), own=False)

    @classmethod
    def pretrained(
        cls,
        normal: Readable | None,
        n_samples: int,
        steps: int,
        rng: np.random.Generator,
        what: str,
        progress: Progress | None,
        checkpoint: Checkpoint | None,
        protect: Protect | None = None,
    ) -> tuple[VibrationModel, History]:
        """With a trunk trained here, on normal windows or (None) on simulated machines.

        - `protect`: how normal windows are kept private, from the windows of a step and the number
          of weights.
        """
        generator = torch_generator(rng)
        trunk = new_trunk(generator)
        length = padded(n_samples, trunk.multiple)
        batch = max(4, BLOCK // length)
        recipe = Recipe(steps, 2e-3, weight_decay=1e-3, warm_up=0.05, ema=0.995)

        def lessons(draw: np.random.Generator) -> Lesson:
            if normal is None:
                return lesson(batch, length, draw)
            return normal_lesson(normal, batch, length, draw)

        if normal is not None and protect is not None:
            units = protect(batch, sum(p.numel() for p in trunk.parameters()))
            history = train(
                trunk, private_turn(trunk, normal, length, units), generator, recipe, what,
                progress=progress, checkpoint=checkpoint,
            )  # fmt: skip
        else:
            history = train_trunk(
                trunk, lessons, generator, recipe, what, progress=progress, checkpoint=checkpoint
            )
        return cls(trunk.requires_grad_(False), own=True), history

    def adapt(
        self,
        reading: Reading,
        condition: NDArray[np.float32],
        chance: NDArray[np.float64],
        held: NDArray[np.intp],
        recipe: Recipe,
        *,
        bottleneck: int,
        batch: int,
        rng: np.random.Generator,
        what: str,
        progress: Progress | None,
        checkpoint: Checkpoint | None,
    ) -> History:
        """Train the bank on shots, `condition` `(K, C, .)`, drawn with `chance` `(K,)`.

        - `held`: rows that only decide when to stop; may be empty.
        """
        rows = _rows(reading, condition, chance)
        channels = reading.x.shape[1]
        aside = np.repeat(np.isin(np.arange(len(reading.x)), held), channels)
        every = np.arange(len(aside))
        self.bank, history = train_bank(
            self.trunk,
            rows.take(torch.from_numpy(every[~aside])),
            rows.take(torch.from_numpy(every[aside])) if aside.any() else None,
            bottleneck,
            batch,
            recipe,
            torch_generator(rng),
            what,
            progress,
            checkpoint,
        )
        return history

    def sample(
        self, asked: Situation, sampler: Sampler, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Windows `(n, C, T)` of about unit RMS."""
        n, channels, _ = asked.told.shape
        n_samples = asked.guides.shape[2]
        draw = torch_generator(rng)
        made = np.empty((n, channels, n_samples))
        step = max(1, BLOCK // (n_samples * channels))
        for at in range(0, n, step):
            rows = slice(at, min(n, at + step))
            with torch.inference_mode():
                made[rows] = self._block(asked, rows, sampler, draw)
        return made

    def _block(
        self, asked: Situation, rows: slice, sampler: Sampler, draw: torch.Generator
    ) -> NDArray[np.float32]:
        count, n_samples = rows.stop - rows.start, asked.guides.shape[2]
        channels = len(asked.mixing)
        wrapped = np.arange(padded(n_samples, self.trunk.multiple)) % n_samples
        guides = torch.from_numpy(asked.guides[rows][..., wrapped]).repeat_interleave(channels, 0)
        told = torch.from_numpy(asked.told[rows]).flatten(0, 1)
        condition = torch.from_numpy(asked.condition[rows]).flatten(0, 1)
        noise = torch.randn(count, channels, len(wrapped), generator=draw)
        mixed = torch.from_numpy(asked.mixing).float() @ noise
        x = mixed.reshape(count * channels, 1, len(wrapped))
        if asked.start is None:
            sigmas = sigma_steps(sampler.n_steps)
            x = x * float(sigmas[0])
        else:
            sigmas = sigma_steps(sampler.n_steps, SIGMA_MIN, min(sampler.start_sigma, SIGMA_MAX))
            start = torch.from_numpy(asked.start[rows][..., wrapped].astype(np.float32))
            x = start.reshape(x.shape) + x * float(sigmas[0])
        made = heun(self._denoiser(guides, told, condition, sampler.guidance), x, sigmas)
        return made.view(count, channels, -1)[..., :n_samples].numpy()

    def _denoiser(
        self, guides: Tensor, told: Tensor, condition: Tensor, guidance: float
    ) -> Denoiser:
        hook = self.bank.hook(condition) if self.bank is not None else None
        fault = precondition(lambda y, c: self.trunk(y, c, guides, told, hook))
        if guidance == 1.0:
            return fault
        nothing = np.zeros(len(told), np.intp), np.full(len(told), np.nan)
        untold = torch.from_numpy(tell(nothing[0], nothing[1], nothing[1], None))
        normal = precondition(lambda y, c: self.trunk(y, c, torch.zeros_like(guides), untold))

        def guided(x: Tensor, sigma: Tensor) -> Tensor:
            plain = normal(x, sigma)
            return plain + guidance * (fault(x, sigma) - plain)

        return guided

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights that must be saved."""
        saved = to_arrays("trunk.", self.trunk.state_dict()) if self.own else {}
        return saved | (to_arrays("bank.", self.bank.state_dict()) if self.bank else {})

    def about(self) -> dict[str, Any]:
        """Which trunk this is, in JSON types."""
        return {"shipped": None if self.own else card()["weights_sha256"]}

    @classmethod
    def restored(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        about: Mapping[str, Any],
        bottleneck: int,
        n_condition: int,
    ) -> VibrationModel:
        """From what `arrays` and `about` gave.

        Raises `InputError` when it was adapted on another trunk than the one that is shipped.
        """
        if about["shipped"] not in (None, card()["weights_sha256"]):
            raise InputError(
                f"adapted on the vibration trunk {about['shipped'][:12]}, this version ships "
                f"{card()['weights_sha256'][:12]}",
                "adapt again",
            )
        own = from_arrays("trunk.", arrays)
        if own:
            trunk = new_trunk(torch.Generator().manual_seed(0))
            trunk.load_state_dict(own)
            model = cls(trunk.eval().requires_grad_(False), own=True)
        else:
            model = cls.shipped()
        weights = from_arrays("bank.", arrays)
        if weights:
            bank = AdapterBank(model.trunk.hook_widths, bottleneck, n_condition)
            bank.load_state_dict(weights)
            model.bank = bank.eval().requires_grad_(False)
        return model


def _rows(reading: Reading, condition: NDArray[np.float32], chance: NDArray[np.float64]) -> Rows:
    count, channels, n_samples = reading.x.shape
    return Rows(
        torch.from_numpy(reading.x.reshape(count * channels, 1, n_samples).astype(np.float32)),
        torch.from_numpy(np.repeat(guides_of(reading), channels, axis=0)),
        torch.from_numpy(reading.told().reshape(count * channels, -1)),
        torch.from_numpy(condition.reshape(count * channels, -1)),
        torch.from_numpy(np.repeat(chance, channels)),
    )
