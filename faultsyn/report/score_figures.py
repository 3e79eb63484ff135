"""Figures of scores: against K, gain over no synthesis, leak gap, confusion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from faultsyn.evaluate.statistics import holm
from faultsyn.report.arms import Arm, Arms, Setting, shots
from faultsyn.report.claims import ALPHA
from faultsyn.report.leak import LeakGap
from faultsyn.report.roles import NO_SYNTHESIS
from faultsyn.report.style import BLUE, GREY, VERMILION, WIDTH, Look

_MOST_COLUMNS = 3
_FEW_CLASSES = 12
_DODGE = 0.6
SCORE = "balanced accuracy [%]"
CHANCE = "chance"


def _panels(n: int, height: float, *, sharey: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with `n` panels of `height` inches in up to three columns."""
    columns = min(n, _MOST_COLUMNS)
    rows = math.ceil(n / columns)
    figure = Figure(figsize=(WIDTH, height * rows + 0.6), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=sharey)).ravel())
    for spare in axes[n:]:
        spare.set_visible(False)
    for panel in axes[max(n - columns, 0) : n]:
        panel.xaxis.set_tick_params(labelbottom=True)  # a spare place below hides them
    return figure, axes[:n]


def _legend(figure: Figure, axes: Sequence[Axes], own: dict[str, Any] | None = None) -> None:
    """One legend above all panels, of what they label or of `own` handles."""
    found = dict(own or {})
    for panel in axes:
        handles, labels = panel.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    if CHANCE in found:
        found[CHANCE] = found.pop(CHANCE)  # last
    figure.legend(
        list(found.values()),
        list(found.keys()),
        loc="outside upper center",
        ncols=min(len(found), 4),
    )


def _offsets(n: int, spacing: float) -> list[float]:
    """Small shifts that keep `n` series at one place apart."""
    return [spacing * (i - (n - 1) / 2) / max(n - 1, 1) for i in range(n)]


def score_against_k(arms: Arms, setting: Setting, look: dict[str, Look]) -> Figure:
    """Mean and 95 % interval against K: one panel for each classifier, one line a generator."""
    ks, generators = arms.ks(setting), arms.generators(setting)
    classifiers = arms.classifiers(setting)
    figure, axes = _panels(len(classifiers), 2.3)
    spread = min(_DODGE, 0.022 * len(ks) * (len(generators) - 1))
    shifts = _offsets(len(generators), _DODGE if len(ks) == 1 else spread)
    for panel, classifier in zip(axes, classifiers, strict=True):
        for shift, generator in zip(shifts, generators, strict=True):
            drawn = [
                (i, arms.summary(arm))
                for i, k in enumerate(ks)
                if arms.has(arm := Arm(setting, k, generator, classifier))
            ]
            if not drawn:
                continue
            mean = np.array([summary.mean for _, summary in drawn])
            low = mean - [summary.low for _, summary in drawn]
            high = [summary.high for _, summary in drawn] - mean
            panel.errorbar(
                [i + shift for i, _ in drawn],
                100 * mean,
                100 * np.maximum([low, high], 0),
                label=generator,
                elinewidth=0.8,
                color=look[generator].color,
                marker=look[generator].marker,
                linestyle=look[generator].linestyle,
            )
        chance = 100 / len(arms.classes(setting))
        panel.axhline(chance, color=GREY, linewidth=1, linestyle=(0, (1, 2)), label=CHANCE)
        panel.set_title(classifier)
        panel.set_xticks(range(len(ks)), ks)
        panel.set_xlim(-0.5, len(ks) - 0.5)
    figure.supxlabel("shots per fault class, K", fontsize=9)
    figure.supylabel(SCORE, fontsize=9)
    _legend(figure, axes)
    return figure


def gain_over_none(arms: Arms, setting: Setting, look: dict[str, Look]) -> Figure | None:
    """Paired gain over the same classifier without synthesis: one panel for each K.

    Filled markers: p < 0.05 over (group, seed), Holm-corrected over all gains drawn. None when the
    setting has nothing to compare.
    """
    ks, classifiers = arms.ks(setting), arms.classifiers(setting)
    generators = [g for g in arms.generators(setting) if g != NO_SYNTHESIS]
    gains = {}
    for k in ks:
        for classifier in classifiers:
            plain = Arm(setting, k, NO_SYNTHESIS, classifier)
            for generator in generators:
                arm = Arm(setting, k, generator, classifier)
                if arms.has(arm) and arms.has(plain):
                    comparison = arms.compare(arm, plain)
                    if comparison is not None:
                        gains[k, classifier, generator] = comparison
    if not gains:
        return None
    p = holm([1.0 if c.p_pairs is None else c.p_pairs for c in gains.values()])
    clear = dict(zip(gains, p < ALPHA, strict=True))
    drawn = [k for k in ks if any(key[0] == k for key in gains)]
    height = 0.6 + 0.115 * len(classifiers) * (len(generators) + 1)
    figure, axes = _panels(len(drawn), height)
    shifts = _offsets(len(generators), -0.66)
    for panel, k in zip(axes, drawn, strict=True):
        for shift, generator in zip(shifts, generators, strict=True):
            for row, classifier in enumerate(classifiers):
                comparison = gains.get((k, classifier, generator))
                if comparison is None:
                    continue
                mean = comparison.difference
                reach = [[max(mean - comparison.low, 0)], [max(comparison.high - mean, 0)]]
                panel.errorbar(
                    100 * mean,
                    -row - shift,
                    xerr=100 * np.array(reach),
                    elinewidth=0.8,
                    linestyle="none",
                    color=look[generator].color,
                    marker=look[generator].marker,
                    markerfacecolor=None if clear[k, classifier, generator] else "white",
                )
        panel.axvline(0, color=GREY, linewidth=1)
        panel.set_title(shots(k))
        panel.set_yticks([-row for row in range(len(classifiers))], classifiers)
        panel.set_ylim(0.5 - len(classifiers), 0.5)
        panel.grid(axis="y", visible=False)
        for row in range(1, len(classifiers)):
            panel.axhline(0.5 - row, color="#eeeeee", linewidth=0.8)
    figure.supxlabel("gain over no synthesis [points of balanced accuracy]", fontsize=9)
    marks = {
        name: Line2D([], [], color=look[name].color, marker=look[name].marker, linestyle="none")
        for name in generators
    }
    _legend(figure, axes, marks)
    return figure


def leak_gap_bars(gaps: Sequence[LeakGap]) -> Figure:
    """Random windows beside held-out groups, one pair of bars for each classifier and task."""
    settings = list(dict.fromkeys(gap.setting for gap in gaps))
    figure, axes = _panels(
        len(settings), 0.6 + 0.34 * max(3, len(gaps) / len(settings)), sharey=False
    )
    for panel, setting in zip(axes, settings, strict=True):
        own = [gap for gap in gaps if gap.setting == setting]
        rows = -np.arange(len(own), dtype=float)
        panel.barh(
            rows + 0.2, [100 * g.window for g in own], 0.36,
            label="random windows", color="white", edgecolor=VERMILION, hatch="////",
        )  # fmt: skip
        panel.barh(
            rows - 0.2, [100 * g.grouped for g in own], 0.36,
            label="held-out groups", color=BLUE,
        )  # fmt: skip
        for row, gap in zip(rows, own, strict=True):
            text = f" {100 * gap.gap:+.0f}"
            panel.text(100 * max(gap.window, gap.grouped), row, text, va="center", fontsize=8.5)
        panel.set_yticks(rows, [gap.classifier for gap in own])
        panel.set_xlim(0, 114)
        panel.set_xticks(range(0, 101, 25))
        panel.grid(axis="y", visible=False)
        panel.set_title(f"{setting.task},\n{shots(own[0].k)}")
    figure.supxlabel(f"{SCORE}; the number is the gap in points", fontsize=9)
    _legend(figure, axes)
    return figure


def confusion_pair(arms: Arms, best: Arm, reference: Arm | None) -> Figure:
    """Row-normalised confusion of the best arm and, beside it, of a reference."""
    drawn = [best] if reference is None or reference == best else [best, reference]
    classes = arms.classes(best.setting)
    few = len(classes) <= _FEW_CLASSES
    side = 3.4 if few else 3.8
    figure = Figure(figsize=(WIDTH if len(drawn) == 2 else 4.4, side + 0.7), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, len(drawn), sharey=True)).ravel())
    image = None
    for panel, arm in zip(axes, drawn, strict=True):
        counts = arms.confusion(arm)
        share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = panel.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(share):
            if value >= 0.5:
                panel.text(
                    column, row, f"{value:.0f}",
                    ha="center", va="center",
                    color="white" if value > 55 else "black",
                    fontsize=8.5 if few else 4.5,
                )  # fmt: skip
        size = 8.5 if few else 6.0
        panel.set_xticks(range(len(classes)), classes, rotation=90, fontsize=size)
        panel.set_yticks(range(len(classes)), classes, fontsize=size)
        panel.grid(visible=False)
        panel.set_title(arm.method, fontsize=9)
        panel.set_xlabel("diagnosed as")
    axes[0].set_ylabel("true class")
    if image is not None:
        figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class [%]")
    return figure
