"""Negative controls: runs that see no fault and must therefore give chance."""

from __future__ import annotations

from dataclasses import dataclass

from faultsyn.experiment.results import CONTROL
from faultsyn.report.arms import Arms, Setting

TOLERANCE = 0.02
"""How far above chance the whole interval of a control may lie before it counts as failed."""


@dataclass(frozen=True)
class Control:
    """One control on one setting, at the K where it looks worst.

    - `name`: "shuffled labels", "metadata only", ...
    - `mean`, `low`, `high`: balanced accuracy and its interval; `chance`: 1 / number of classes.
    """

    setting: Setting
    name: str
    k: str
    mean: float
    low: float
    high: float
    chance: float

    @property
    def passed(self) -> bool:
        """Not clearly above chance."""
        return self.low <= self.chance + TOLERANCE


def control_results(controls: Arms) -> list[Control]:
    """One entry for each setting and control of the control arms."""
    found = []
    for setting in controls.settings:
        for classifier in controls.classifiers(setting):
            arms = [arm for arm in controls.of(setting) if arm.classifier == classifier]
            arm = max(arms, key=lambda arm: controls.summary(arm).low)
            summary = controls.summary(arm)
            name = classifier.removeprefix(CONTROL)
            chance = 1 / len(controls.classes(setting))
            found.append(
                Control(setting, name, arm.k, summary.mean, summary.low, summary.high, chance)
            )
    return found
