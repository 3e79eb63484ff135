"""Whether synthesis has won: every condition tested, one verdict for each K of a setting.

A candidate generator with some classifier has won at K when it beats, paired over (group, seed) on
held-out groups, each of: the same classifier without synthesis, the same classifier with every bar
(`faultsyn.report.roles.BARS`), and the best method of all that does without synthesis. All must
hold, so the candidate's p-value is the largest of them (intersection-union test: Berger 1982,
Technometrics 24), and Holm's correction runs over all candidates and K of the setting. The
interval over groups must lie above zero as well, bars that were not run forbid the claim, and so
do fewer than five seeds. The comparison with the best method is strict on purpose: that method was
picked on these very test groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faultsyn.evaluate.statistics import Comparison, holm
from faultsyn.report.arms import Arm, Arms, Setting
from faultsyn.report.roles import CHEAP

ALPHA = 0.05
MIN_SEEDS = 5

Outcome = Literal["won", "unproven bars", "few seeds", "not shown"]


@dataclass(frozen=True)
class Rival:
    """One comparison that the candidate must win."""

    arm: Arm
    comparison: Comparison


@dataclass(frozen=True)
class Candidate:
    """A generator and classifier against all its rivals at one K.

    - `p`, `p_groups`: largest p-value over the rivals, Holm-corrected over the setting, by the
      test over (group, seed) pairs and by the test over groups; 1 where a test cannot be made.
    - `p_groups_floor`: what `p_groups` could at best have been, uncorrected.
    """

    arm: Arm
    rivals: tuple[Rival, ...]
    p: float
    p_groups: float
    p_groups_floor: float

    @property
    def nearest(self) -> Rival:
        """The rival that it beats by least, or that beats it by most."""
        return min(self.rivals, key=lambda rival: rival.comparison.difference)

    @property
    def beats_all(self) -> bool:
        """Every interval above zero and the corrected p-value below 5 %."""
        return self.p < ALPHA and all(rival.comparison.low > 0 for rival in self.rivals)

    @property
    def beats_all_on_new_groups(self) -> bool:
        """The same by the test that takes groups alone as evidence."""
        return self.beats_all and self.p_groups < ALPHA


@dataclass(frozen=True)
class Verdict:
    """What may be said of synthesis at one K of one setting.

    - `outcome`: "won"; "unproven bars" (it beats all that was run, but `missing` was not run);
      "few seeds" (it beats all, with fewer than five seeds); "not shown".
    - `candidates`: all candidates at this K, best mean first; `lead` is the one the verdict is
      about: the best mean among those that beat all, else among all.
    """

    setting: Setting
    k: str
    outcome: Outcome
    lead: Candidate
    candidates: tuple[Candidate, ...]
    missing: tuple[str, ...]


def verdicts(arms: Arms, setting: Setting) -> list[Verdict]:
    """One verdict for each K that has a candidate generator; empty when there is none."""
    tested = [
        (arm, rivals)
        for k in arms.ks(setting)
        for arm in arms.complete(setting, k)
        if arms.role(arm.generator) == "candidate" and (rivals := _rivals(arms, arm))
    ]
    by_pairs = holm([_union([r.comparison.p_pairs for r in rivals]) for _, rivals in tested])
    by_groups = holm([_union([r.comparison.p_groups for r in rivals]) for _, rivals in tested])
    candidates = [
        Candidate(arm, rivals, float(p), float(p_groups), _floor(rivals))
        for (arm, rivals), p, p_groups in zip(tested, by_pairs, by_groups, strict=True)
    ]
    return [
        _verdict(arms, setting, k, group)
        for k in arms.ks(setting)
        if (group := [c for c in candidates if c.arm.k == k])
    ]


def _verdict(arms: Arms, setting: Setting, k: str, candidates: list[Candidate]) -> Verdict:
    ordered = sorted(candidates, key=lambda c: arms.summary(c.arm).mean, reverse=True)
    winners = [c for c in ordered if c.beats_all]
    lead = (winners or ordered)[0]
    missing = arms.missing_bars(setting)
    outcome: Outcome = "won"
    if not winners:
        outcome = "not shown"
    elif missing:
        outcome = "unproven bars"
    elif arms.summary(lead.arm).n_seeds < MIN_SEEDS:
        outcome = "few seeds"
    return Verdict(setting, k, outcome, lead, tuple(ordered), missing)


def _rivals(arms: Arms, candidate: Arm) -> tuple[Rival, ...]:
    """What the candidate must beat: the same classifier's cheap arms, and the best cheap arm."""
    found: dict[Arm, None] = {}
    for arm in arms.of(candidate.setting, candidate.k):
        if arm.classifier == candidate.classifier and arms.role(arm.generator) in (
            "nothing",
            "bar",
        ):
            found[arm] = None
    best = arms.best(candidate.setting, candidate.k, CHEAP)
    if best is not None:
        found[best] = None
    return tuple(
        Rival(arm, comparison)
        for arm in found
        if (comparison := arms.compare(candidate, arm)) is not None
    )


def _union(p_values: list[float | None]) -> float:
    """Largest p-value; a test that cannot be made counts as 1."""
    return max(1.0 if p is None else p for p in p_values)


def _floor(rivals: tuple[Rival, ...]) -> float:
    return _union([rival.comparison.p_groups_floor for rival in rivals])
