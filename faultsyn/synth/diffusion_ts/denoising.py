"""What the trunk and the adapters learn: to take the noise out of windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from faultsyn.neural.device import device_of
from faultsyn.synth.diffusion_ts.diversity import bounded, printed
from faultsyn.synth.diffusion_ts.loss import denoising_loss
from faultsyn.synth.diffusion_ts.settings import Diversity, Target
from faultsyn.synth.gaussian_diffusion.schedule import Schedule


@dataclass(frozen=True)
class Denoising:
    """The task of a network `(x_t (n, C, T), t (n,)) -> (n, C, T)`.

    - `target`: what the network's output stands for. Diffusion-TS predicts the clean window;
      FaultDiffusion writes a prediction of the noise, whose loss is weighted evenly.
    - `fourier`: weight of the loss in frequency.
    """

    schedule: Schedule
    target: Target
    fourier: float

    def steps(self, n: int, generator: torch.Generator) -> Tensor:
        """Steps 1 ... T drawn evenly, `(n,)`."""
        return torch.randint(1, self.schedule.steps + 1, (n,), generator=generator)

    def predict(self, network: nn.Module, noisy: Tensor, step: Tensor) -> Tensor:
        """The network's estimate of the clean windows."""
        made: Tensor = network(noisy, step)
        return made if self.target == "window" else self.schedule.clean_of(noisy, step, made)

    def loss(
        self, network: nn.Module, clean: Tensor, step: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Loss of windows noised to `step`, and the clean windows that were predicted."""
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        return self.loss_of(network, clean, step, noise)

    def loss_of(
        self, network: Callable[..., Tensor], clean: Tensor, step: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same with noise that is given, like `clean`."""
        noisy = self.schedule.noised(clean, step, noise)
        made = network(noisy, step)
        if self.target == "noise":
            weights = torch.ones(len(clean))
            loss = denoising_loss(made, noise, weights, self.fourier)
            return loss, self.schedule.clean_of(noisy, step, made)
        weights = self.schedule.level_weights()[step]
        return denoising_loss(made, clean, weights, self.fourier), made


class Windows(Protocol):
    """Scaled windows `(n, C, T)` that are drawn from: an array, or what stands for one on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


def _drawn(windows: Windows, rows: Tensor, device: torch.device) -> Tensor:
    return torch.as_tensor(windows[rows.numpy()]).to(device)


class NormalLesson:
    """The loss of the trunk: batches of normal windows `(n, C, T)`."""

    def __init__(self, task: Denoising, trunk: nn.Module, windows: Windows, batch: int) -> None:
        self._task, self._trunk, self._batch = task, trunk, batch
        self._windows, self._device = windows, device_of(trunk)

    def __call__(self, generator: torch.Generator) -> Tensor:
        """Loss of a fresh batch."""
        rows = torch.randint(len(self._windows), (self._batch,), generator=generator)
        step = self._task.steps(self._batch, generator)
        clean = _drawn(self._windows, rows, self._device)
        return self._task.loss(self._trunk, clean, step, generator)[0]


class ShotLesson:
    """The loss of one class's adapters: pairs of shots `(K, C, T)` at the same noise level.

    - `batch`: windows in a step, half of them the partners of the other half.
    - `diversity`, `weight`: form and weight of the diversity loss; 0: off.

    The two of a pair are different shots where there are two.
    """

    def __init__(
        self,
        task: Denoising,
        network: nn.Module,
        shots: Tensor,
        batch: int,
        diversity: Diversity,
        weight: float,
    ) -> None:
        self._task, self._network, self._pairs = task, network, max(1, batch // 2)
        self._shots = shots.to(device_of(network))
        self._diversity, self._weight = diversity, weight

    def __call__(self, generator: torch.Generator) -> Tensor:
        """Loss of a fresh batch."""
        k = len(self._shots)
        one = torch.randint(k, (self._pairs,), generator=generator)
        apart = torch.randint(1, max(k, 2), (self._pairs,), generator=generator)
        other = (one + apart) % k
        step = self._task.steps(self._pairs, generator).repeat(2)
        clean = self._shots[torch.cat([one, other])]
        loss, made = self._task.loss(self._network, clean, step, generator)
        if self._weight == 0:
            return loss
        pair = made.chunk(2)
        if self._diversity == "printed":
            return loss + self._weight * printed(*pair)
        return loss + self._weight * bounded(*pair, *clean.chunk(2))


class PrivateLesson:
    """The loss by unit of privacy, for DP-SGD: a few windows of each unit, drawn anew each step.

    - `windows`: `(n, C, T)`; `units`: the unit of each, numbered from 0, `(n,)`; `of_each`: windows
      of a unit in a step; `device`: where the network is.

    Pairs of windows, as the diversity loss compares them, have no place here.
    """

    def __init__(
        self,
        task: Denoising,
        windows: Windows,
        units: Tensor,
        of_each: int,
        device: torch.device,
    ) -> None:
        self._task, self._windows, self._of_each = task, windows, of_each
        self._device = device
        self._order = torch.argsort(units, stable=True)
        self._counts = torch.bincount(units)
        self._starts = self._counts.cumsum(0) - self._counts
        self.units = len(self._counts)

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Clean windows `(m, of_each, C, T)`, steps and noise."""
        size = (len(chosen), self._of_each)
        counts = self._counts[chosen][:, None]
        within = (torch.rand(size, generator=generator) * counts).long().clamp(max=counts - 1)
        rows = self._order[self._starts[chosen][:, None] + within]
        clean = _drawn(self._windows, rows, self._device)
        step = self._task.steps(rows.numel(), generator).view(size)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        return clean, step, noise

    def loss(self, network: Callable[..., Tensor], *drawn: Tensor) -> Tensor:
        """Of one unit: windows `(of_each, C, T)`, steps and noise."""
        return self._task.loss_of(network, *drawn)[0]
