"""Figures of a feature ranking: AUROC of every class, and the rules on held-out windows."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.optimize import brentq

from faultsyn.evaluate.ranking import Ranking, Rule
from faultsyn.report.style import BLACK, BLUE, GREY, VERMILION, WIDTH
from faultsyn.signal.meaning import Meaning, Undo

_NAME_LETTERS = 62
_CELL_CLASSES = 8  # more classes leave no room for numbers in the cells
_MOST_RULES = 6
_MOST_POINTS = 400  # of a class in a strip
_DECADE = 4.0  # largest over smallest value from which ticks are 1, 2, 5, 10
_APART = 0.05  # share of the axis between two ticks


def ranking_figure(ranking: Ranking, meanings: tuple[Meaning, ...], top: int) -> Figure:
    """AUROC of the best features for each class, beside their importance to a forest."""
    chosen = ranking.order()[:top]
    area, importance = ranking.auroc()[:, chosen].T, ranking.importance()[chosen]
    size = (WIDTH, 1.1 + 0.21 * len(chosen))
    figure = Figure(figsize=size, layout="constrained")
    ratio = min(max(1.2, 0.45 * len(ranking.classes)), 4.0)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(ratio, 1.0))
    image = left.imshow(area, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    if len(ranking.classes) <= _CELL_CLASSES:
        for row, column in np.argwhere(np.isfinite(area)):
            value = area[row, column]
            colour = "white" if abs(value - 0.5) > 0.32 else "black"
            left.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour
            )
    left.grid(visible=False)
    left.set_yticks(range(len(chosen)), [_short(meanings[j].text) for j in chosen], fontsize=7)
    turned = 45 if len(ranking.classes) > _CELL_CLASSES else 0
    left.set_xticks(
        range(len(ranking.classes)), ranking.classes, fontsize=7.5, rotation=turned,
        ha="right" if turned else "center",
    )  # fmt: skip
    left.set_title("AUROC, class against the others")
    figure.colorbar(image, ax=left, orientation="horizontal", fraction=0.04, pad=0.02, aspect=40)
    right.barh(range(len(chosen)), 100 * importance, color=BLUE)
    right.axvline(0, color=BLACK, linewidth=0.8)
    right.grid(axis="y", visible=False)
    right.set_xlabel("lost [points]")
    right.set_title("forest, shuffled")
    return figure


def rules_figure(
    ranking: Ranking, meanings: tuple[Meaning, ...], rules: tuple[Rule, ...]
) -> Figure:
    """The feature of each rule on held-out windows, by class, with the threshold."""
    shown = rules[:_MOST_RULES]
    height = 0.55 + 0.2 * len(ranking.classes)
    figure = Figure(figsize=(WIDTH, height * len(shown) + 0.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(shown), 1))
    for panel, rule in zip(axes, shown, strict=True):
        _strip(panel, ranking, meanings[rule.feature], rule)
    return figure


def _strip(panel: Axes, ranking: Ranking, meaning: Meaning, rule: Rule) -> None:
    jitter = np.random.default_rng(0)
    for place, label in enumerate(ranking.classes):
        values = np.concatenate(
            [fold.rows[fold.labels == label, rule.feature] for fold in ranking.folds]
        )
        if len(values) > _MOST_POINTS:
            values = jitter.choice(values, _MOST_POINTS, replace=False)
        own = label == rule.label
        panel.plot(
            values, place + jitter.uniform(-0.28, 0.28, len(values)), ".", markersize=2.5,
            color=VERMILION if own else GREY, alpha=0.55,
        )  # fmt: skip
    for cut, spread in zip((rule.low, rule.high), rule.range, strict=True):
        if cut is not None and spread is not None:
            panel.axvspan(*spread, color=BLUE, alpha=0.18, linewidth=0)
            panel.axvline(cut, color=BLUE, linewidth=1.1)
    panel.set_yticks(range(len(ranking.classes)), ranking.classes, fontsize=7.5)
    panel.invert_yaxis()
    panel.grid(axis="y", visible=False)
    side = "between the lines"
    if rule.low is None or rule.high is None:
        side = "above the line" if rule.high is None else "below the line"
    panel.set_title(
        f"{rule.label}: {side}, balanced accuracy {100 * rule.accuracy:.0f} %", fontsize=9
    )
    ticks = _round_ticks(*panel.get_xlim(), meaning.undo)
    panel.set_xticks(list(ticks), [f"{value:g}" for value in ticks.values()])
    panel.set_xlabel(f"{meaning.text} [{meaning.unit}]", fontsize=8)


def _round_ticks(low: float, high: float, undo: Undo) -> dict[float, float]:
    """Places between `low` and `high` where `undo` has round values, and these."""
    bottom, top = undo(low), undo(high)
    values = list(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]).tick_values(bottom, top))
    if bottom > 0 and top > _DECADE * bottom:
        first, last = math.floor(math.log10(bottom)), math.ceil(math.log10(top))
        values = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
    found: dict[float, float] = {}
    for value in values:
        if not bottom < value < top:
            continue
        at = float(brentq(lambda x, value=value: undo(x) - value, low, high))
        if not found or at - max(found) > _APART * (high - low):
            found[at] = value
    return found


def _short(text: str) -> str:
    return text if len(text) <= _NAME_LETTERS else f"{text[: _NAME_LETTERS - 1]}…"
