"""The leak gap: how much better random windows look than held-out groups."""

from __future__ import annotations

from dataclasses import dataclass

from faultsyn.report.arms import Arm, Arms, Setting, k_order


@dataclass(frozen=True)
class LeakGap:
    """Window-wise score minus group-wise score of one classifier, same generator and K.

    - `setting`: the honest one. `window`, `grouped`: mean balanced accuracy, 0..1.
    """

    setting: Setting
    classifier: str
    k: str
    generator: str
    window: float
    grouped: float

    @property
    def gap(self) -> float:
        """How much the random split flatters."""
        return self.window - self.grouped


def leak_gaps(arms: Arms) -> list[LeakGap]:
    """One gap for each classifier of each task that was also run on random windows.

    Taken at the largest K that both splits have, with the first generator that both have (no
    synthesis, where it was run).
    """
    found = []
    for leaky in (setting for setting in arms.settings if setting.leaks):
        for honest in arms.settings:
            if honest.leaks or honest.task != leaky.task:
                continue
            for classifier in arms.classifiers(honest):
                gap = _gap(arms, honest, leaky, classifier)
                if gap is not None:
                    found.append(gap)
    return found


def _gap(arms: Arms, honest: Setting, leaky: Setting, classifier: str) -> LeakGap | None:
    shared = set(arms.ks(honest)) & set(arms.ks(leaky))
    for k in sorted(shared, key=k_order, reverse=True):
        for generator in arms.generators(honest):
            pair = [Arm(setting, k, generator, classifier) for setting in (leaky, honest)]
            if all(arms.has(arm) for arm in pair):
                window, grouped = (arms.summary(arm).mean for arm in pair)
                return LeakGap(honest, classifier, k, generator, window, grouped)
    return None
