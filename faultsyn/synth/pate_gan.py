"""PATE-GAN: teachers that each see a part of the data vote, under noise, on what is real.

Jordon, Yoon and van der Schaar, "PATE-GAN: generating synthetic data with differential privacy
guarantees" (ICLR 2019), on PATE (Papernot et al., ICLR 2017): teachers judge on disjoint parts of
the data, a student learns from their noisy votes on made windows, the maker learns from the
student. A unit is in the part of one teacher, so it moves every count of votes by one at most.

Ours: Gaussian noise (Papernot et al., "Scalable private learning with PATE", ICLR 2018), which
composes better over many votes, and a ledger that does not look at the votes. The paper's moments
accountant does: its epsilon is itself a private figure, and published implementations leak more
than they state (Ganev, Annamalai and De Cristofaro, "The elusive pursuit of reproducing PATE-GAN",
2024). What is stated here holds for any votes, and is dear: each of `steps * student_steps * batch`
votes is paid.

The student sees made windows only, and where all of them are voted down it has no slope to show the
maker. At tens or hundreds of windows it does not reliably learn the classes, even without noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faultsyn.privacy.accountant import Ledger
from faultsyn.privacy.budget import Unit
from faultsyn.synth.base import Space
from faultsyn.synth.private.base import PrivateGenerator

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from faultsyn.synth.private.lessons import Protected


class PATEGAN(PrivateGenerator):
    """PATE-GAN.

    - `epsilon`, `delta`, `unit`, `secret`: the budget; `epsilon` null: no noise, no claim.
    - `teachers`: at most as many as there are units.
    - `steps`: of teachers and maker each; `student_steps`: of the student in each of them; `batch`:
      windows that are voted on in a step of the student; `learning_rate`: of Adam.
    - `latent`, `width`: of all networks. `space`: "signal" or "features".
    """

    name = "pate-gan"

    def __init__(
        self,
        epsilon: float | None = 8.0,
        delta: float = 1e-5,
        unit: Unit = "window",
        secret: bool = False,
        teachers: int = 10,
        steps: int = 200,
        student_steps: int = 5,
        batch: int = 16,
        learning_rate: float = 1e-3,
        latent: int = 16,
        width: int = 64,
        space: Space = "signal",
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.unit = unit
        self.secret = secret
        self.teachers = teachers
        self.steps = steps
        self.student_steps = student_steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.latent = latent
        self.width = width
        self.space = space

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("teachers", "student_steps", "batch")
        self._require_whole("steps", least=0)
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")

    def _learn(
        self, protected: Protected, generator: torch.Generator
    ) -> tuple[Ledger, dict[str, Any]]:
        from torch import nn

        from faultsyn.neural import Recipe, Turn, seeded, train
        from faultsyn.synth.private.adversarial import StudentLesson, TeacherLesson, maker_loss
        from faultsyn.synth.private.networks import Judge, Judges

        size, classes = protected.rows.shape[1], len(self.classes_)
        parts = _partition(protected, self.teachers, generator)
        votes = self.steps * self.student_steps * self.batch

        def spend(noise: float) -> Ledger:
            return Ledger().gaussian(noise, votes)

        noise = self.budget.noise(spend, self.name)
        judges = seeded(lambda: Judges(len(parts), size, classes, self.width), generator)
        student = seeded(lambda: Judge(size, classes, self.width), generator)
        latent, maker = self.latent, self.maker_
        turns = (
            Turn("teachers", judges, TeacherLesson(judges, parts, maker, latent, self.batch)),
            Turn(
                "student",
                student,
                StudentLesson(student, judges, maker, latent, classes, self.batch, noise),
                repeats=self.student_steps,
            ),
            Turn("maker", maker, maker_loss(maker, student, latent, classes, self.batch)),
        )
        # Not clipped: a common norm would tie the teachers to one another.
        recipe = Recipe(
            self.steps, self.learning_rate, weight_decay=0.0, betas=(0.5, 0.9),
            decay="constant", clip=None,
        )  # fmt: skip
        whole = nn.ModuleList([maker, judges, student])
        train(whole, turns, generator, recipe, self.name, progress=self.progress)
        told = {"noise on votes": round(noise, 4), "votes": votes, "teachers": len(parts)}
        return (spend(noise) if noise else Ledger()), told


def _partition(
    protected: Protected, teachers: int, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Rows and classes of each teacher; every unit with all its windows is in one part."""
    import torch

    count = min(teachers, protected.units)
    of_unit = torch.empty(protected.units, dtype=torch.long)
    shuffled = torch.randperm(protected.units, generator=generator)
    of_unit[shuffled] = torch.arange(protected.units) % count
    of_row = of_unit[protected.unit]
    return [
        (protected.rows[of_row == part], protected.places[of_row == part]) for part in range(count)
    ]
