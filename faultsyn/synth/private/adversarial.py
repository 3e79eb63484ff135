"""Lessons of the adversarial private generators."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from faultsyn.synth.private.lessons import Protected
from faultsyn.synth.private.networks import Judge, Judges, Maker


class JudgeLesson:
    """A judge's loss by unit: one of its windows against one made beside it (a `PrivateLoss`)."""

    def __init__(self, protected: Protected, maker: Maker, latent: int) -> None:
        self._protected, self._maker, self._latent = protected, maker, latent
        self.units = protected.units

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """A real row, a made one of the same class, and the class, for each chosen unit."""
        rows, places = self._protected.draw(chosen, generator)
        z = torch.randn(len(rows), self._latent, generator=generator)
        with torch.no_grad():
            made = self._maker(z, places)
        return rows, made, places

    def loss(self, network: Callable[..., Tensor], *drawn: Tensor) -> Tensor:
        """Of one unit."""
        real, made, place = (part[None] for part in drawn)
        return (softplus(-network(real, place)) + softplus(network(made, place))).mean()


def maker_loss(
    maker: Maker, judge: Judge, latent: int, classes: int, batch: int
) -> Callable[[torch.Generator], Tensor]:
    """The maker's loss: its windows, of all classes alike, should be taken for real."""

    def loss(generator: torch.Generator) -> Tensor:
        z = torch.randn(batch, latent, generator=generator)
        place = torch.randint(classes, (batch,), generator=generator)
        return softplus(-judge(maker(z, place), place)).mean()

    return loss


class TeacherLesson:
    """Every teacher's loss on its own part of the data, added up.

    - `parts`: rows and classes of each teacher; `batch`: windows of each in a step.

    The sum couples nobody: a teacher's weights are in one term only.
    """

    def __init__(
        self,
        judges: Judges,
        parts: list[tuple[Tensor, Tensor]],
        maker: Maker,
        latent: int,
        batch: int,
    ) -> None:
        self._judges, self._parts, self._maker = judges, parts, maker
        self._latent, self._batch = latent, batch

    def __call__(self, generator: torch.Generator) -> Tensor:
        """Loss of a fresh batch of each teacher."""
        total = torch.zeros(())
        for judge, (rows, places) in zip(self._judges.each, self._parts, strict=True):
            drawn = torch.randint(len(rows), (self._batch,), generator=generator)
            z = torch.randn(self._batch, self._latent, generator=generator)
            with torch.no_grad():
                made = self._maker(z, places[drawn])
            total = total + softplus(-judge(rows[drawn], places[drawn])).mean()
            total = total + softplus(judge(made, places[drawn])).mean()
        return total


class StudentLesson:
    """The student's loss on made rows that the teachers have voted on, under noise.

    - `noise`: deviation of the Gaussian noise on the number of votes; each row of each call costs
      one release of sensitivity 1.
    """

    def __init__(
        self,
        student: Judge,
        judges: Judges,
        maker: Maker,
        latent: int,
        classes: int,
        batch: int,
        noise: float,
    ) -> None:
        self._student, self._judges, self._maker = student, judges, maker
        self._latent, self._classes = latent, classes
        self._batch, self._noise = batch, noise

    def __call__(self, generator: torch.Generator) -> Tensor:
        """Loss of a fresh batch."""
        z = torch.randn(self._batch, self._latent, generator=generator)
        place = torch.randint(self._classes, (self._batch,), generator=generator)
        with torch.no_grad():
            made = self._maker(z, place)
            votes = self._judges.votes(made, place)
            heard = votes + self._noise * torch.randn(len(votes), generator=generator)
            real = (heard > len(self._judges.each) / 2).to(made)
        return binary_cross_entropy_with_logits(self._student(made, place), real)
