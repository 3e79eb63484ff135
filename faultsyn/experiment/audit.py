"""Auditing a generator on a task: every attack of `faultsyn.privacy`, with the truth at hand.

The generator learns from K windows of each fault class of a fold's training side. The adversary has
what it releases and other windows, and must tell the K from windows of the same groups (recordings,
assets) that it did not learn from, and from windows of groups that it never saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.experiment.audit_found import (
    OTHER,
    SAME,
    AttributeRow,
    Audit,
    LinkRow,
    MembershipRow,
)
from faultsyn.experiment.audit_leaks import attribute_rows, canary_row, released_table
from faultsyn.experiment.audit_sides import Sides, draw_sides
from faultsyn.experiment.release import Releaser
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import Task
from faultsyn.experiment.training import ARRAYS, Place
from faultsyn.privacy.canary import CanaryBound
from faultsyn.privacy.copies import CopyCheck, copy_check
from faultsyn.privacy.intervals import LEVEL
from faultsyn.privacy.linkability import linkability
from faultsyn.privacy.membership import ATTACKS, Rows, membership_scores
from faultsyn.privacy.roc import LOW_RATES, auc, curve, tpr_at
from faultsyn.privacy.shadow import Shadow, ShadowAttack
from faultsyn.privacy.views import AttackView, ViewName
from faultsyn.windows import WindowSet

Floats = NDArray[np.float64]
Progress = Callable[[int, int, str], None]

SHADOW = "shadow models"


def audit_generator(
    task: Task,
    preset: str | Path,
    *,
    k: int = 20,
    n: int = 100,
    fold: str | int = 1,
    seed: int = 0,
    repeats: int = 3,
    shadows: int = 3,
    canaries: int = 0,
    cache: str | Path = ARRAYS,
    progress: Progress | None = None,
) -> Audit:
    """Attack a preset on one fold of a task.

    - `k`: windows of each fault class that it learns from; `n`: windows that it releases of each.
    - `repeats`: draws of the K windows, whose scores are judged together.
    - `shadows`: generators that the adversary trains on held-out groups; 0: no shadow attack.
    - `canaries`: trainings with and as many without a canary, for the bound on epsilon; 0: none.

    Raises `InputError` on an unknown preset or fold, or when a class has too few windows.
    """
    for name, value, least in (("k", k, 2), ("n", n, 1), ("repeats", repeats, 1)):
        if value < least:
            raise InputError(f"audit: expected {name} of at least {least}, got {value}")
    place = Place.of(task, fold, seed, cache)
    work = _Work(place, preset, k, n, seed, repeats, shadows)
    total = repeats + (canaries > 0)
    for done in range(repeats):
        work.attack(done)
        if progress is not None:
            progress(done + 1, total, "attacking")
    canary = None
    if canaries:
        rng = rng_for("canaries", task.name, seed)
        canary = canary_row(work.releaser, work.members(0), work.stranger(), canaries, rng)
        if progress is not None:
            progress(total, total, "canaries")
    return work.found(canary)


@dataclass
class _Scores:
    """Scores and recordings of each side, over repetitions."""

    scores: dict[str, list[Floats]] = field(default_factory=dict)
    groups: dict[str, list[NDArray[np.str_]]] = field(default_factory=dict)

    def add(self, side: str, scores: Floats, groups: NDArray[np.str_]) -> None:
        self.scores.setdefault(side, []).append(scores)
        self.groups.setdefault(side, []).append(groups)

    def of(self, side: str) -> tuple[Floats, NDArray[np.str_]]:
        return np.concatenate(self.scores[side]), np.concatenate(self.groups[side])


class _Work:
    """One audit under way."""

    def __init__(
        self,
        place: Place,
        preset: str | Path,
        k: int,
        n: int,
        seed: int,
        repeats: int,
        shadows: int,
    ) -> None:
        self._place, self._windows = place, place.data.windows
        self._name, self._preset = place.data.task.name, preset
        self._k, self._seed, self._shadows = k, seed, shadows
        self._sides = [
            draw_sides(place, k, seed + r, rng_for("audit", self._name, seed, r))
            for r in range(repeats)
        ]
        rng = rng_for("audit-pretrain", self._name, seed)
        self.releaser = Releaser(preset, place, self._windows.take(self._sides[0].members), n, rng)
        features = self.releaser.generator.space == "features"
        self._views: tuple[ViewName, ...] = ("features",) if features else ("waveform", "spectrum")
        self._found: dict[tuple[str, str], _Scores] = {}
        self._assets = {view: _Scores() for view in self._views}
        self._real_assets = {view: _Scores() for view in self._views}
        self._released: list[tuple[WindowSet, WindowSet]] = []
        self._copies: dict[str, CopyCheck] = {}
        self._attributes: tuple[AttributeRow, ...] = ()
        self._left_out: dict[str, str] = {}

    def members(self, repeat: int) -> WindowSet:
        """What the generator learns from, in its space."""
        return self._take(self._sides[repeat].members)

    def stranger(self) -> WindowSet:
        """A window that no member set holds, to be the canary."""
        return self._take(self._sides[0].same[:1])

    def _take(self, rows: NDArray[np.intp]) -> WindowSet:
        return self.releaser.see(self._windows.take(rows))

    def attack(self, repeat: int) -> None:
        """Release once and run every attack on it."""
        sides = self._sides[repeat]
        rng = rng_for("audit-release", self._name, self._seed, repeat)
        members = self._take(sides.members)
        released = self.releaser.release(members, rng)
        self._released.append((released, members))
        reference = self._take(sides.reference)
        tested = {SAME: self._take(sides.same), OTHER: self._take(sides.other)}
        tested = {name: windows for name, windows in tested.items() if len(windows)}
        shadows = self._shadow_windows(sides, rng)
        for name in self._views:
            view = AttackView(name).fit(reference)
            seen = {side: view(windows) for side, windows in tested.items()}
            made, mine, known = view(released), view(members), view(reference)
            for attack, score in self._attacks(view, shadows).items():
                found = self._found.setdefault((attack, name), _Scores())
                found.add("members", score(mine, made, known), members.column("recording"))
                for side, rows in seen.items():
                    found.add(side, score(rows, made, known), tested[side].column("recording"))
            self._link(name, seen, tested, (made, mine, known))
            if repeat == 0:
                self._copies[name] = copy_check(made, mine, seen[SAME], rng)
        if repeat == 0:
            self._attributes, told = attribute_rows(
                AttackView(self._views[-1]).fit(reference),
                (reference, tested[SAME], released, members),
                self._place.data.task,
                rng,
            )
            self._left_out |= told

    def _attacks(
        self, view: AttackView, shadows: list[tuple[WindowSet, ...]]
    ) -> dict[str, Callable[[Rows, Rows, Rows], Floats]]:
        """Every attack by name, as a function of tested, released and reference rows."""

        def direct(name: str) -> Callable[[Rows, Rows, Rows], Floats]:
            return lambda tested, made, known: membership_scores(ATTACKS[name], tested, made, known)

        found = {name: direct(name) for name in ATTACKS}
        if shadows:
            seen = [Shadow(*(view(part) for part in parts)) for parts in shadows]
            found[SHADOW] = ShadowAttack.fit(seen).scores
        return found

    def _shadow_windows(
        self, sides: Sides, rng: np.random.Generator
    ) -> list[tuple[WindowSet, ...]]:
        """Members, others, releases and references of the adversary's own generators."""
        if self._shadows == 0:
            self._left_out[SHADOW] = "not asked for"
            return []
        labels = self._windows.labels
        fewest = min((labels[sides.shadow] == c).sum() for c in np.unique(labels[sides.members]))
        k = min(self._k, int(fewest) // 3)
        if k < 2:
            self._left_out[SHADOW] = "too few windows of held-out groups"
            return []
        made: list[tuple[WindowSet, ...]] = []
        for _ in range(self._shadows):
            parts: list[list[NDArray[np.intp]]] = [[], [], []]
            for label in np.unique(labels[sides.shadow]):
                drawn = rng.permutation(sides.shadow[labels[sides.shadow] == label])
                middle = k + (len(drawn) - k) // 2
                for part, rows in zip(parts, np.split(drawn, [k, middle]), strict=True):
                    part.append(rows)
            members, others, reference = (self._take(np.concatenate(p)) for p in parts)
            made.append((members, others, self.releaser.release(members, rng), reference))
        return made

    def _link(
        self,
        view: ViewName,
        seen: dict[str, Rows],
        tested: dict[str, WindowSet],
        rows: tuple[Rows, Rows, Rows],
    ) -> None:
        """Scores by asset of windows that were not learned from."""
        released, members, reference = rows
        for side, unseen in seen.items():
            assets = tested[side].column("asset").astype(str)
            for made, into in ((released, self._assets), (members, self._real_assets)):
                scores = membership_scores(ATTACKS["distance"], unseen, made, reference)
                into[view].add(side, scores, assets)

    def found(self, canary: CanaryBound | None) -> Audit:
        """Everything, judged."""
        released, members = self._released[0]
        anonymity, why = released_table(released, members)
        if anonymity is None:
            self._left_out["anonymity"] = why
        sides = self._sides[0]
        facts = {
            "task": self._name,
            "generator": str(self._preset),
            "fold": self._place.side.name,
            "k": self._k,
            "n": self.releaser.n,
            "seed": self._seed,
            "repeats": len(self._sides),
            "members": len(sides.members),
            "others of the same groups": len(sides.same),
            "others of other groups": len(sides.other),
            "reference": len(sides.reference),
        }
        return Audit(
            facts,
            dict(self.releaser.claim),
            self._membership(),
            self._attributes,
            self._links(),
            self._copies,
            anonymity,
            canary,
            self._left_out,
        )

    def _membership(self) -> tuple[MembershipRow, ...]:
        rows = []
        together = 1 - (1 - LEVEL) / max(1, len(self._found))
        for against in (SAME, OTHER):
            for (attack, view), found in self._found.items():
                if against not in found.scores:
                    continue
                (mine, own), (others, theirs) = found.of("members"), found.of(against)
                rows.append(
                    MembershipRow(
                        attack,
                        view,
                        against,
                        auc(mine, others, (own, theirs)),
                        auc(mine, others, (own, theirs), together),
                        tuple(tpr_at(mine, others, rate) for rate in LOW_RATES),
                        len(mine),
                        len(others),
                        curve(mine, others),
                    )
                )
        return tuple(rows)

    def _links(self) -> tuple[LinkRow, ...]:
        rows = []
        for view in self._views:
            both = self._assets[view], self._real_assets[view]
            try:
                made, real = (linkability(*found.of(SAME), *found.of(OTHER)) for found in both)
            except (InputError, KeyError):
                self._left_out["linkability"] = "fewer than two assets on a side of the fold"
                return ()
            rows.append(LinkRow(view, made, real))
        return tuple(rows)
