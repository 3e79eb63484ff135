"""Lessons of teachers and student: what each teacher learns, and what the student hears of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from faultsyn.synth.private.adversarial import blurred
from faultsyn.synth.private.lessons import Protected
from faultsyn.synth.private.networks import Judge, Judges, Maker

Part = tuple[Tensor, Tensor]
"""Rows of a teacher `(n, d)` and their classes `(n,)`."""


def dealt(protected: Protected, teachers: int, generator: torch.Generator) -> list[Part]:
    """The part of each teacher: units are dealt out in turn, class after class.

    Every unit lies in one part with all its windows, whatever those hold, and classes are as even
    over the parts as they can be.
    """
    count = min(teachers, protected.units)
    first = torch.full((protected.units,), len(protected.rows))
    first = first.scatter_reduce(0, protected.unit, torch.arange(len(protected.rows)), "amin")
    shuffled = torch.randperm(protected.units, generator=generator)
    order = shuffled[torch.argsort(protected.places[first[shuffled]], stable=True)]
    of_unit = torch.empty(protected.units, dtype=torch.long)
    of_unit[order] = torch.arange(protected.units) % count
    of_row = of_unit[protected.unit]
    return [
        (protected.rows[of_row == part], protected.places[of_row == part]) for part in range(count)
    ]


class TeacherLesson:
    """Every teacher's loss on its own part of the data, added up.

    - `parts`: of each teacher; `batch`: windows of each in a step; `blur`: see `blurred`.

    The sum couples nobody: a teacher's weights are in one term only.
    """

    def __init__(
        self, judges: Judges, parts: list[Part], maker: Maker, latent: int, batch: int, blur: float
    ) -> None:
        self._judges, self._maker, self._latent, self._blur = judges, maker, latent, blur
        self._rows, self._places = (torch.cat(part) for part in zip(*parts, strict=True))
        counts = torch.tensor([len(places) for _, places in parts])
        self._starts = (counts.cumsum(0) - counts)[:, None].expand(-1, batch)
        self._counts = counts[:, None].expand(-1, batch)

    def __call__(self, generator: torch.Generator) -> Tensor:
        """Loss of a fresh batch of each teacher."""
        within = torch.rand(self._starts.shape, generator=generator) * self._counts
        drawn = self._starts + within.long().clamp(max=self._counts - 1)
        place = self._places[drawn].flatten()
        z = torch.randn(len(place), self._latent, generator=generator)
        with torch.no_grad():
            made = blurred(self._maker(z, place), self._blur, generator)
        real = blurred(self._rows[drawn].flatten(0, 1), self._blur, generator)
        for_real, for_made = (
            self._judges(rows.view(*drawn.shape, -1), place.view(drawn.shape))
            for rows in (real, made)
        )
        return (softplus(-for_real) + softplus(for_made)).mean(dim=1).sum()


class NoisyVotes:
    """All that ever leaves the teachers: how many take a row for real, under Gaussian noise.

    - `noise`: its deviation. Every row that is voted on is one release of sensitivity 1.
    """

    def __init__(self, judges: Judges, noise: float) -> None:
        self.judges, self.noise = judges, noise

    def __call__(self, rows: Tensor, place: Tensor, generator: torch.Generator) -> Tensor:
        """`(n, d)` and classes `(n,)` -> noisy counts `(n,)`."""
        with torch.no_grad():
            votes = self.judges.votes(rows, place).to(rows)
        return votes + self.noise * torch.randn(len(votes), generator=generator)


class StudentLesson:
    """The student's loss on made rows, whose share of noisy votes it must tell."""

    def __init__(
        self,
        student: Judge,
        votes: NoisyVotes,
        maker: Maker,
        latent: int,
        classes: int,
        batch: int,
        blur: float,
    ) -> None:
        self._student, self._votes, self._maker = student, votes, maker
        self._latent, self._classes = latent, classes
        self._batch, self._blur = batch, blur

    def __call__(self, generator: torch.Generator) -> Tensor:
        """Loss of a fresh batch."""
        z = torch.randn(self._batch, self._latent, generator=generator)
        place = torch.randint(self._classes, (self._batch,), generator=generator)
        with torch.no_grad():
            made = blurred(self._maker(z, place), self._blur, generator)
        heard = self._votes(made, place, generator) / self._votes.judges.count
        return binary_cross_entropy_with_logits(self._student(made, place), heard.clamp(0, 1))
