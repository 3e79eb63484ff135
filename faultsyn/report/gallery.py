"""The figures of a report: drawn from the results, written as PNG and SVG, embedded as PNG."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.evaluate.statistics import Friedman, friedman
from faultsyn.report.arms import Arm, Arms, Setting, shots
from faultsyn.report.examples import Example
from faultsyn.report.html import stem
from faultsyn.report.leak import LeakGap
from faultsyn.report.rank_figure import critical_difference
from faultsyn.report.roles import METHODS, NO_SYNTHESIS
from faultsyn.report.score_figures import (
    confusion_pair,
    gain_over_none,
    leak_gap_bars,
    score_against_k,
)
from faultsyn.report.style import looks, save, styled
from faultsyn.report.tables import budget_text
from faultsyn.report.window_figures import window_figure

_FEWEST_BLOCKS = 5
_SHARED = 0.5
"""Of the methods of the setting with fewer of them, for a common ranking."""
_EMBEDDED_LABELS = 4
"""Classes of a task whose windows are shown in the page; the others are in the folder."""


@dataclass(frozen=True)
class Picture:
    """A figure in the page: `name` of its files, caption, PNG as base64; empty = files only."""

    name: str
    caption: str
    png: str


def draw_all(
    arms: Arms, gaps: Sequence[LeakGap], examples: Sequence[Example], folder: Path
) -> list[Picture]:
    """Draw every figure into `folder` and return those that the page shows, in its order."""
    folder.mkdir(exist_ok=True)
    pictures = []
    with styled():
        for name, caption, figure, shown in _figures(arms, gaps, examples):
            png = save(figure, folder, name)
            if shown:
                pictures.append(Picture(name, caption, base64.b64encode(png).decode("ascii")))
    return pictures


Drawn = tuple[str, str, Figure, bool]


def _figures(arms: Arms, gaps: Sequence[LeakGap], examples: Sequence[Example]) -> Iterator[Drawn]:
    look = looks(arms.generators(), plain=NO_SYNTHESIS)
    honest = [setting for setting in arms.settings if not setting.leaks]
    stems = _stems(honest)
    for setting in honest:
        where = budget_text(setting)
        yield (
            f"score-{stems[setting]}",
            f"Score against shots, {where}. Mean over seeds; bars: 95 % interval by resampling "
            "held-out groups, then seeds. Dotted: chance.",
            score_against_k(arms, setting, look),
            True,
        )
        gain = gain_over_none(arms, setting, look)
        if gain is not None:
            yield (
                f"gain-{stems[setting]}",
                f"What each generator adds to each classifier, {where}. Paired difference to the "
                "same classifier without synthesis; bars: 95 % interval over groups, then seeds; "
                "filled: p < 0.05 over (group, seed) after Holm's correction over this figure.",
                gain,
                True,
            )
    if gaps:
        yield (
            "leak-gap",
            "The leak gap: the same classifiers, without synthesis, tested on random windows and "
            "on held-out groups.",
            leak_gap_bars(gaps),
            True,
        )
    for setting in honest:
        yield from _confusions(arms, setting, stems[setting])
    yield from _ranks(arms, honest)
    yield from _windows(examples)


def _confusions(arms: Arms, setting: Setting, name: str) -> Iterator[Drawn]:
    ks = arms.ks(setting)
    k = ks[(len(ks) - 1) // 2]
    best = arms.best(setting, k, METHODS)
    if best is None:
        return
    same = Arm(setting, k, NO_SYNTHESIS, best.classifier)
    reference = same if same != best and arms.has(same) else _runner_up(arms, best)
    yield (
        f"confusion-{name}",
        f"Confusion at {shots(k)}, {budget_text(setting)}. Left the best method, right a "
        "reference; all held-out groups and seeds together. Cells below 0.5 % are left blank.",
        confusion_pair(arms, best, reference),
        True,
    )


def _runner_up(arms: Arms, best: Arm) -> Arm | None:
    """The best arm of another classifier."""
    others = [a for a in arms.of(best.setting, best.k) if a.classifier != best.classifier]
    return max(others, key=lambda arm: arms.summary(arm).mean, default=None)


def _ranks(arms: Arms, settings: Sequence[Setting]) -> Iterator[Drawn]:
    """Ranks of generators and of classifiers over (task, held-out group)."""
    found: list[tuple[str, Friedman]] = []
    for part in ("generator", "classifier"):
        families = _families(arms, settings, part)
        for family in families:
            names, blocks = _blocks(arms, family, part)
            if len(names) >= 3 and len(blocks) >= _FEWEST_BLOCKS:
                where = "" if len(families) == 1 else f", {', '.join(s.task for s in family)}"
                found.append((f"Ranks of {part}s{where}", friedman(names, blocks)))
    if found:
        yield (
            "ranks",
            "Mean ranks over held-out groups (blocks: task and group; each score is the mean over "
            "seeds, K and the other part of the method). A bar joins methods that Nemenyi's "
            "critical difference (5 %) cannot tell apart.",
            critical_difference(found),
            True,
        )


def _families(arms: Arms, settings: Sequence[Setting], part: str) -> list[list[Setting]]:
    """Settings that share most of their methods: only these can be ranked together.

    Generators of vibration and those of slow signals have little in common: a ranking of what all
    settings have would be one of `none` and `oversample`.
    """
    families: list[tuple[list[Setting], set[str]]] = []
    for setting in settings:
        own = {getattr(arm, part) for arm in arms.of(setting)}
        for place, (family, shared) in enumerate(families):
            if len(own & shared) >= _SHARED * min(len(own), len(shared)):
                families[place] = ([*family, setting], shared & own)
                break
        else:
            families.append(([setting], own))
    return [family for family, _ in families]


def _blocks(
    arms: Arms, settings: Sequence[Setting], part: str
) -> tuple[list[str], NDArray[np.float64]]:
    """Mean score of each method in each (setting, group), `(n_blocks, n_methods)`.

    Only methods that every setting has, and over the (K, other part) that all of them have.
    """
    of_setting = [{getattr(a, part) for a in arms.of(setting)} for setting in settings]
    names = sorted(set.intersection(*of_setting)) if of_setting else []
    blocks = []
    for setting in settings:
        cells: dict[tuple[str, str], dict[str, Arm]] = {}
        for arm in (a for a in arms.of(setting) if arms.is_complete(a)):
            other = arm.classifier if part == "generator" else arm.generator
            cells.setdefault((arm.k, other), {})[getattr(arm, part)] = arm
        whole = [cell for cell in cells.values() if all(name in cell for name in names)]
        for group in arms.groups(setting):
            held = [c for c in whole if all(group in arms.summary(c[n]).groups for n in names)]
            if held:
                blocks.append(
                    [np.mean([arms.summary(c[n]).groups[group] for c in held]) for n in names]
                )
    return names, np.array(blocks, np.float64).reshape(len(blocks), len(names))


def _windows(examples: Sequence[Example]) -> Iterator[Drawn]:
    by_class: dict[tuple[str, str, bool], list[Example]] = {}
    for example in examples:
        key = (example.task, example.label, example.rate is None)
        by_class.setdefault(key, []).append(example)
    shown: Counter[tuple[str, bool]] = Counter()
    for (task, label, features), own in by_class.items():
        shown[task, features] += 1
        figure, text = window_figure(own)
        yield (
            f"{'features' if features else 'windows'}-{stem(task)}-{stem(label)}",
            f"Real (black) and synthetic (orange-red) windows, {task}, class {label}. {text}",
            figure,
            shown[task, features] <= _EMBEDDED_LABELS,
        )


def _stems(settings: Sequence[Setting]) -> dict[Setting, str]:
    """File names that stay apart when one task was run with several splits or budgets."""
    tasks = [setting.task for setting in settings]
    return {
        s: stem(s.task if tasks.count(s.task) == 1 else f"{s.task} {s.split} {s.budget}")
        for s in settings
    }
