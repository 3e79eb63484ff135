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

Ours too: whatever is judged is blurred. Student and votes see made windows only, and where all of
them are voted down the student has no slope to show the maker; without blur no class was learnt on
any task, even without noise. The student is told the share of votes, not their majority; units
are dealt out class by class, so that every teacher knows every class; the maker's weights are
averaged.

All votes together cost the same however many they are, for the noise on each grows with the root of
their number: what can be learnt grows with the square of the number of teachers, as long as each
has windows enough to judge by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from faultsyn.privacy.accountant import Ledger
from faultsyn.synth.private.base import PrivateGenerator

if TYPE_CHECKING:
    import torch

    from faultsyn.synth.private.lessons import Protected


@dataclass(kw_only=True, eq=False, repr=False)
class PATEGAN(PrivateGenerator):
    """PATE-GAN.

    - `teachers`: at most as many as there are units.
    - `steps`: of teachers and maker each; `student_steps`: of the student in each of them; `batch`:
      windows that are voted on in a step of the student.
    - `blur`: noise on whatever is judged, in healthy deviations (see `blurred`).
    - `average`: decay of the average of the maker's weights, which is what is kept.

    Other settings as in `PrivateGenerator`.
    """

    name: ClassVar[str] = "pate-gan"

    steps: int = 1000
    batch: int = 64
    teachers: int = 10
    student_steps: int = 3
    blur: float = 8.0
    average: float = 0.99

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require_whole("teachers", "student_steps")
        self._require(self.blur >= 0, "blur", "a number >= 0")
        self._require(0 < self.average < 1, "average", "between 0 and 1")

    def _learn(
        self, protected: Protected, generator: torch.Generator
    ) -> tuple[Ledger, dict[str, Any]]:
        from torch import nn

        from faultsyn.neural import Recipe, Turn, seeded, train
        from faultsyn.synth.private.adversarial import maker_loss
        from faultsyn.synth.private.networks import Judge, Judges
        from faultsyn.synth.private.teaching import (
            NoisyVotes,
            StudentLesson,
            TeacherLesson,
            dealt,
        )

        size, classes = protected.rows.shape[1], len(self.classes_)
        parts = dealt(protected, self.teachers, generator)
        votes = self.steps * self.student_steps * self.batch

        def spend(noise: float) -> Ledger:
            return Ledger().gaussian(noise, votes)

        noise = self.budget.noise(spend, self.name)
        judges = seeded(lambda: Judges(len(parts), size, classes, self.width), generator)
        student = seeded(lambda: Judge(size, classes, self.width), generator)
        latent, maker, batch, blur = self.latent, self.maker_, self.batch, self.blur
        heard = NoisyVotes(judges, noise)
        turns = (
            Turn("teachers", judges, TeacherLesson(judges, parts, maker, latent, batch, blur)),
            Turn(
                "student",
                student,
                StudentLesson(student, heard, maker, latent, classes, batch, blur),
                repeats=self.student_steps,
            ),
            Turn("maker", maker, maker_loss(maker, student, latent, classes, batch, blur)),
        )
        # Not clipped: a common norm would tie the teachers to one another.
        recipe = Recipe(
            self.steps, self.learning_rate, weight_decay=0.0, betas=(0.5, 0.9),
            decay="constant", clip=None, ema=self.average,
        )  # fmt: skip
        whole = nn.ModuleList([maker, judges, student])
        train(whole, turns, generator, recipe, self.name, progress=self.progress)
        told = {"noise on votes": round(noise, 4), "votes": votes, "teachers": len(parts)}
        return (spend(noise) if noise else Ledger()), told
