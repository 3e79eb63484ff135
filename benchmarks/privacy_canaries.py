"""Does PATE-GAN stay below its stated epsilon? Canaries on the simulated rig.

The generator learns ten windows of each fault, feature rows, with and without one strange window,
again and again; an adversary says which it was, and the counts bound epsilon from below. Two
adversaries:

- "release": sees the windows that go out (distance of the nearest to the canary, and how far they
  lie in its direction on average), and the sum of the noisy votes on made windows;
- "chosen rows": decides what the teachers vote on, the canary itself each time, and sees every
  noisy vote. What is stated must hold for any rows, so this is allowed; nothing is worse.

Beside it two ways to get PATE-GAN wrong, each stating the same epsilon: no noise, and noise enough
for one vote only. Canaries must refute these, or they refute nothing. Adds to
experiments/results/privacy/canaries.csv, a row for each score; games that are there are not played
again.

    nice python benchmarks/privacy_canaries.py [--trials 60]
"""

from __future__ import annotations

import argparse
import csv
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from privacy_curves import OUT, rows_of
from torch import Tensor

from faultsyn.experiment.audit_sides import draw_sides
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import load_task
from faultsyn.experiment.training import ARRAYS, Place
from faultsyn.privacy.accountant import Ledger, noise_for
from faultsyn.privacy.budget import Budget
from faultsyn.privacy.canary import bound_from_scores
from faultsyn.synth.pate_gan import PATEGAN
from faultsyn.synth.private import teaching
from faultsyn.synth.private.lessons import Protected
from faultsyn.windows import WindowSet, concat

TASK, K, STEPS, DELTA = "rig-bearing", 10, 50, 1e-5
GAMES = (
    (1.0, True, "no noise"),
    (1.0, True, "noise of one vote"),
    (1.0, True, ""),
    (1.0, False, ""),
)
"""Stated epsilon, whether the adversary chooses the rows, how the implementation is broken."""
NAMES = (
    "task", "k", "steps", "teachers", "votes", "stated", "implementation", "adversary", "score",
    "trials", "judged", "hits", "alarms", "level", "bound", "most", "seconds", "commit",
)  # fmt: skip


@dataclass(frozen=True)
class Game:
    """What is played: healthy rows, members, and the canary `(1, ...)`."""

    normal: WindowSet
    members: WindowSet
    canary: WindowSet

    @classmethod
    def on_the_rig(cls) -> Game:
        """Ten windows of each fault; the canary is a stranger's, thrice as far, turned over."""
        place = Place.of(load_task(TASK), 1, 0, ARRAYS)
        sides = draw_sides(place, K, 0, rng_for("audit", TASK, 0, 0))
        rows, healthy = rows_of(place, sides.members)
        stranger = rows.take(sides.same[:1])
        return cls(rows.take(healthy), rows.take(sides.members), stranger.with_x(-3 * stranger.x))


class Watched(teaching.NoisyVotes):
    """Votes of which every noisy count is added up; on the canary instead of what is asked."""

    heard = 0.0
    chosen: tuple[Tensor, Tensor] | None = None

    def __call__(self, rows: Tensor, place: Tensor, generator: torch.Generator) -> Tensor:
        """Noisy counts, of rows that the adversary may have chosen."""
        if self.chosen is not None:
            row, label = self.chosen
            rows, place = row.expand(len(rows), -1), label.expand(len(rows))
        counts = super().__call__(rows, place, generator)
        Watched.heard += float(counts.sum())
        return counts


class Watching(PATEGAN):
    """PATE-GAN whose adversary may choose what is voted on."""

    canary: WindowSet
    chooses = False

    def _learn(self, protected: Protected, generator: torch.Generator) -> tuple[Ledger, Any]:
        Watched.heard, Watched.chosen = 0.0, None
        if self.chooses:
            place = self.classes_.index(str(self.canary.labels[0]))
            Watched.chosen = torch.from_numpy(self._rows(self.canary)), torch.tensor([place])
        return super()._learn(protected, generator)


def wrong_noise(broken: str, epsilon: float) -> float:
    """What is added to a vote instead of what all of them together need."""
    if broken == "no noise":
        return 0.0
    return noise_for(epsilon, DELTA, lambda noise: Ledger().gaussian(noise))


def scores(
    game: Game, epsilon: float, chooses: bool, broken: str, there: bool, trial: int
) -> dict[str, float]:
    """One training, and what speaks for the canary in it."""
    made = Watching(epsilon=epsilon, delta=DELTA, steps=STEPS, secret=False, space="features")
    made.canary, made.chooses = game.canary, chooses
    rng = rng_for("canaries", str(epsilon), chooses, broken, there, trial)
    made.pretrain(game.normal, np.random.default_rng(0))
    with ExitStack() as stack:
        stack.enter_context(patch.object(teaching, "NoisyVotes", Watched))
        if broken:
            noise = wrong_noise(broken, epsilon)
            stack.enter_context(patch.object(Budget, "noise", lambda *_: noise))
        made.adapt(concat([game.members, game.canary]) if there else game.members, rng)
    if chooses:
        return {"sum of votes": Watched.heard}
    label, target = str(game.canary.labels[0]), game.canary.rows[0].astype(float)
    rows = made.sample(100, rng, label=label).rows.astype(float)
    return {
        "nearest window": -float(np.linalg.norm(rows - target, axis=1).min()),
        "direction": float((rows @ target).mean() / np.linalg.norm(target)),
        "sum of votes": Watched.heard,
    }


def play(
    game: Game, epsilon: float, chooses: bool, broken: str, trials: int
) -> list[dict[str, Any]]:
    """The rows of one adversary against one implementation."""
    started = time.process_time()
    sides = [
        [scores(game, epsilon, chooses, broken, there, trial) for trial in range(trials)]
        for there in (True, False)
    ]
    seconds = time.process_time() - started
    made = PATEGAN(steps=STEPS)
    rows = []
    level = 1 - 0.05 / len(sides[0][0])  # of all scores of one adversary together
    for name in sides[0][0]:
        present, absent = (np.array([one[name] for one in side]) for side in sides)
        found = bound_from_scores(present, absent, DELTA, level)
        rows.append(
            {
                "task": TASK, "k": K, "steps": STEPS, "teachers": made.teachers,
                "votes": STEPS * made.student_steps * made.batch, "stated": epsilon,
                "implementation": broken or "ours",
                "adversary": "chosen rows" if chooses else "release", "score": name,
                "trials": trials, "judged": found.trials, "hits": found.hits,
                "alarms": found.alarms, "level": round(level, 4), "bound": found.epsilon,
                "most": found.most, "seconds": seconds,
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Play the games that are missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=60)
    trials = parser.parse_args().trials
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "canaries.csv"
    if not path.is_file():
        path.write_text(",".join(NAMES) + "\n")
    with path.open(newline="") as file:
        keys = ("stated", "adversary", "implementation")
        known = {tuple(row[key] for key in keys) for row in csv.DictReader(file)}
    commit = code_version()
    game = Game.on_the_rig()
    for epsilon, chooses, broken in GAMES:
        adversary = "chosen rows" if chooses else "release"
        if (str(epsilon), adversary, broken or "ours") not in known:
            rows = play(game, epsilon, chooses, broken, trials)
            with path.open("a", newline="") as file:
                csv.DictWriter(file, NAMES).writerows({**row, "commit": commit} for row in rows)


if __name__ == "__main__":
    main()
