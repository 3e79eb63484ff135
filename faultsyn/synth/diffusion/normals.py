"""Normal windows as lessons of the trunk: in batches, or by unit of privacy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.neural import Privately, Turn
from faultsyn.synth.diffusion.edm import denoising_loss, draw_sigma, precondition
from faultsyn.synth.diffusion.machines import Lesson
from faultsyn.synth.diffusion.reading import Readable, Reading
from faultsyn.synth.private.step import Units


def normal_lesson(normal: Readable, n: int, length: int, draw: np.random.Generator) -> Lesson:
    """Normal windows and channels at random, rotated at random, wrapped on to `length`."""
    return _lesson_of(normal, draw.integers(normal.shape[0], size=n), length, draw)


def guides_of(reading: Reading) -> NDArray[np.float32]:
    """What the network is told of strikes and shaft, `(K, 3, T)`."""
    return reading.rhythm.guides(reading.x.shape[2]).astype(np.float32)


def private_turn(trunk: nn.Module, normal: Readable, length: int, how: Units) -> Sequence[Turn]:
    """The one turn of a private pretraining, on windows wrapped on to `length`."""
    private = Privately(how.noise, how.clip, how.rate)
    return [Turn("trunk", trunk, PrivateNormals(normal, length, how), private=private)]


class PrivateNormals:
    """The trunk's denoising loss by unit of privacy (a `PrivateLoss`).

    Windows are in units of their own level, so that nothing of one reaches another's loss.
    """

    def __init__(self, normal: Readable, length: int, how: Units) -> None:
        self._normal, self._length, self._of_each = normal, length, how.of_each
        self._order = np.argsort(how.units, kind="stable")
        self._counts = np.bincount(how.units)
        self._starts = self._counts.cumsum() - self._counts
        self.units = len(self._counts)

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Of each chosen unit windows `(m, of_each, 1, T)`, guides, condition, noise, its size."""
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        units = np.repeat(chosen.numpy(), self._of_each)
        rows = self._order[self._starts[units] + draw.integers(self._counts[units])]
        lesson = _lesson_of(self._normal, rows, self._length, draw)
        parts = [torch.from_numpy(part) for part in (lesson.x, lesson.guides, lesson.told)]
        noise = torch.randn(parts[0].shape, generator=generator)
        parts += [noise, draw_sigma(len(rows), generator)]
        size = len(chosen), self._of_each
        return tuple(part.view(*size, *part.shape[1:]) for part in parts)

    def loss(self, network: Callable[..., Tensor], *drawn: Tensor) -> Tensor:
        """Of one unit."""
        x, guides, told, noise, sigma = drawn
        denoise = precondition(lambda y, level: network(y, level, guides, told))
        return denoising_loss(denoise, x, noise, sigma).mean()


def _lesson_of(
    normal: Readable, row: NDArray[np.intp], length: int, draw: np.random.Generator
) -> Lesson:
    """A channel of each of these windows, rotated, wrapped on to `length`."""
    n, (_, channels, n_samples) = len(row), normal.shape
    channel, every = draw.integers(channels, size=n), np.arange(n)
    at = (np.arange(length) + draw.integers(n_samples, size=(n, 1))) % n_samples
    reading = normal.read(row)
    x = np.take_along_axis(reading.x[every, channel], at, axis=1)
    guides = np.take_along_axis(guides_of(reading), at[:, None], axis=2)
    told = reading.told()[every, channel]
    return Lesson(x[:, None].astype(np.float32), guides, told)
