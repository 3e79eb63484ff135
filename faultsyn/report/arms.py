"""Results seen as arms: what is compared with what, each figure computed once.

An arm is a generator and a classifier at one K of one setting (task, split, budget); its scores are
one number for each held-out group and seed. Arms are compared within one setting only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.statistics import Comparison, Scores, Summary, compare, summarise
from faultsyn.experiment.results import CONTROL, Results, confusion_matrix
from faultsyn.experiment.seeding import rng_for
from faultsyn.report.roles import NO_SYNTHESIS, Role, missing_bars, role_of

METRIC = "balanced_accuracy"
"""The headline; macro-F1 and the rest stand beside it in the tables."""

WINDOW_SPLIT = "window"
"""The grouping level that leaks; it serves to measure how much."""


@dataclass(frozen=True)
class Setting:
    """What arms must share to be compared: the task, its grouping level, its budget."""

    task: str
    split: str
    budget: str

    @property
    def leaks(self) -> bool:
        """True for random windows."""
        return self.split == WINDOW_SPLIT

    def __str__(self) -> str:
        return self.task if not self.leaks else f"{self.task} (random windows)"


@dataclass(frozen=True)
class Arm:
    """A generator and a classifier at K shots of one setting."""

    setting: Setting
    k: str
    generator: str
    classifier: str

    @property
    def method(self) -> str:
        """The arm in words."""
        if self.generator == NO_SYNTHESIS:
            return f"{self.classifier}, no synthesis"
        return f"{self.classifier} + {self.generator}"


class Arms:
    """The arms of a results file.

    - `results`: all its rows; those without scores are left out.
    - `methods`: the method behind each generator's name, where the names differ.
    - `controls`: take the negative controls instead of the methods to compare.

    Raises `InputError` when two rows claim the same (arm, group, seed).
    """

    def __init__(
        self,
        results: Results,
        methods: Mapping[str, str] | None = None,
        *,
        controls: bool = False,
    ) -> None:
        self.results = results
        self._methods = dict(methods or {})
        self._rows: dict[Arm, dict[tuple[str, int], int]] = {}
        self._summaries: dict[Arm, Summary] = {}
        self._comparisons: dict[tuple[Arm, Arm], Comparison] = {}
        names = ("task", "split", "budget", "k", "generator", "classifier", "group", "seed")
        columns = [results[name].tolist() for name in names]
        usable = (results["status"] == "ok") & np.isfinite(results[METRIC])
        usable &= np.char.startswith(results["classifier"], CONTROL) == controls
        settings: dict[tuple[str, str, str], Setting] = {}
        for index in np.flatnonzero(usable).tolist():
            task, split, budget, k, generator, classifier, group, seed = (
                column[index] for column in columns
            )
            setting = settings.setdefault((task, split, budget), Setting(task, split, budget))
            arm = Arm(setting, k, generator, classifier)
            if self._rows.setdefault(arm, {}).setdefault((group, seed), index) != index:
                raise InputError(
                    f"results: two rows for task '{task}', K = {k}, group '{group}', seed {seed}, "
                    f"generator '{generator}', classifier '{classifier}'",
                    "give arms that differ in their settings names that differ",
                )

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def settings(self) -> list[Setting]:
        """Settings in order of appearance, random windows last."""
        found = list(dict.fromkeys(arm.setting for arm in self._rows))
        return sorted(found, key=lambda setting: setting.leaks)

    @cached_property
    def _groups(self) -> dict[tuple[Setting, str], set[str]]:
        """Held-out groups of each setting and K."""
        found: dict[tuple[Setting, str], set[str]] = {}
        for arm, rows in self._rows.items():
            found.setdefault((arm.setting, arm.k), set()).update(group for group, _ in rows)
        return found

    def ks(self, setting: Setting) -> list[str]:
        """Numbers of shots of a setting, ascending, "all" last."""
        return sorted({arm.k for arm in self._rows if arm.setting == setting}, key=k_order)

    def of(self, setting: Setting, k: str | None = None) -> list[Arm]:
        """The arms of a setting (at one K), in order of appearance."""
        return [a for a in self._rows if a.setting == setting and k in (None, a.k)]

    def role(self, generator: str) -> Role:
        """What a generator is in the comparison."""
        return role_of(self._methods.get(generator, generator))

    def generators(self, setting: Setting | None = None) -> list[str]:
        """Generators that have scores: no synthesis, the bars, candidates, references."""
        order = ("nothing", "bar", "candidate", "reference")
        chosen = {a.generator for a in self._rows if setting in (None, a.setting)}
        return sorted(chosen, key=lambda name: (order.index(self.role(name)), name))

    def missing_bars(self, setting: Setting) -> tuple[str, ...]:
        """The bars, in words, that were not run in a setting."""
        return missing_bars(self._methods.get(g, g) for g in self.generators(setting))

    def classifiers(self, setting: Setting | None = None) -> list[str]:
        """Classifiers that have scores, in order of appearance."""
        chosen = (a.classifier for a in self._rows if setting in (None, a.setting))
        return list(dict.fromkeys(chosen))

    def has(self, arm: Arm) -> bool:
        """Whether the arm has any score."""
        return arm in self._rows

    def column(self, arm: Arm, name: str) -> NDArray[np.float64]:
        """One numeric column over the arm's rows; undefined figures are left out."""
        chosen = self.results[name][list(self._rows[arm].values())]
        values: NDArray[np.float64] = np.asarray(chosen, np.float64)
        finite: NDArray[np.float64] = values[np.isfinite(values)]
        return finite

    def scores(self, arm: Arm) -> Scores:
        """Headline score of each (group, seed) of an arm."""
        values = self.results[METRIC]
        return {key: float(values[index]) for key, index in self._rows[arm].items()}

    def summary(self, arm: Arm) -> Summary:
        """Mean and deviation over seeds, interval, group means."""
        if arm not in self._summaries:
            rng = rng_for("summary", str(arm))
            self._summaries[arm] = summarise(self.scores(arm), rng, unit=unit_of)
        return self._summaries[arm]

    def compare(self, a: Arm, b: Arm) -> Comparison | None:
        """Paired comparison a - b, or None when they share no (group, seed)."""
        if not self._rows[a].keys() & self._rows[b].keys():
            return None
        if (a, b) not in self._comparisons:
            rng = rng_for("comparison", str(a), str(b))
            scores = self.scores(a), self.scores(b)
            self._comparisons[a, b] = compare(*scores, rng, unit=unit_of)
        return self._comparisons[a, b]

    def is_complete(self, arm: Arm) -> bool:
        """Whether each seed of the arm has a score on every group that any arm has at this K.

        An arm that failed on the hard groups would else look better than it is.
        """
        seeds = {seed for _, seed in self._rows[arm]}
        return len(self._rows[arm]) == len(self._groups[arm.setting, arm.k]) * len(seeds)

    def complete(self, setting: Setting, k: str) -> list[Arm]:
        """The complete arms of a setting at one K."""
        return [arm for arm in self.of(setting, k) if self.is_complete(arm)]

    def best(self, setting: Setting, k: str, roles: Collection[Role]) -> Arm | None:
        """The complete arm of highest mean whose generator has one of `roles`."""
        arms = [a for a in self.complete(setting, k) if self.role(a.generator) in roles]
        return max(arms, key=lambda arm: self.summary(arm).mean, default=None)

    def classes(self, setting: Setting) -> tuple[str, ...]:
        """Class names of a setting."""
        index = next(iter(self._rows[self.of(setting)[0]].values()))
        return tuple(str(self.results["classes"][index]).split("|"))

    def confusion(self, arm: Arm) -> NDArray[np.int64]:
        """Counts `(C, C)` summed over the arm's groups and seeds, rows true."""
        texts = self.results["confusion"][list(self._rows[arm].values())]
        counts: NDArray[np.int64] = np.sum([confusion_matrix(str(t)) for t in texts if t], axis=0)
        return counts

    def groups(self, setting: Setting) -> list[str]:
        """Held-out groups of a setting, sorted."""
        return sorted({g for (s, _), names in self._groups.items() if s == setting for g in names})

    def n_seeds(self, setting: Setting) -> int:
        """Distinct seeds of a setting."""
        return len({seed for arm in self.of(setting) for _, seed in self._rows[arm]})


def k_order(k: str) -> tuple[int, float, str]:
    """Sort key of K: numbers ascending, then words ("all")."""
    try:
        return (0, float(k), "")
    except ValueError:
        return (1, 0.0, k)


def shots(k: str) -> str:
    """K in words."""
    if k == "all":
        return "all windows"
    return "1 shot" if k == "1" else f"{k} shots"


def unit_of(group: str) -> str:
    """The independent unit of a held-out group: fold f of every partition counts as one.

    "fold 2.3: a + b" is fold 3 of the second partition; its windows are tested in every partition,
    so ten folds of two partitions are five units and not ten.
    """
    match = re.match(r"(fold|windows) \d+\.(\d+)", group)
    return group if match is None else f"{match[1]} {match[2]}"


def short(group: str) -> str:
    """A group's name without the list of its members ("fold 2: a + b" is "fold 2")."""
    return group.partition(": ")[0]


def counted(n: int, word: str) -> str:
    """A number and its noun."""
    return f"{n} {word}{'' if n == 1 else 's'}"


def percent(value: float) -> str:
    """A fraction as percent with one decimal, without the sign."""
    return f"{100 * value:.1f}"


def points(value: float) -> str:
    """A difference of fractions as signed percentage points."""
    return f"{100 * value:+.1f}".replace("-", "−")
