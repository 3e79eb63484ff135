"""Critical-difference figure: mean ranks of methods and what cannot be told apart.

Demsar 2006, Statistical comparisons of classifiers over multiple data sets, J. Machine Learning
Research 7, figure 1.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.evaluate.statistics import Friedman
from faultsyn.report.style import BLUE, VERMILION, WIDTH

_LINE = 66  # letters of a title that fit beside the axis' left end


def critical_difference(results: Sequence[tuple[str, Friedman]]) -> Figure:
    """Mean ranks on a line, best to the left; bars join what cannot be told apart (Nemenyi)."""
    titles = [textwrap.fill(title, _LINE) for title, _ in results]
    heights = [
        1.25 + 0.15 * title.count("\n") + 0.2 * len(friedman.methods)
        for title, (_, friedman) in zip(titles, results, strict=True)
    ]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(results), 1, height_ratios=heights))
    for panel, title, (_, friedman) in zip(axes, titles, results, strict=True):
        _rank_line(panel, friedman)
        p = "p < 0.001" if friedman.p < 0.001 else f"p = {friedman.p:.3f}"
        panel.set_title(f"{title}\n{friedman.n_blocks} blocks, Friedman {p}")
    return figure


def _rank_line(panel: Axes, friedman: Friedman) -> None:
    order = np.argsort(friedman.ranks, kind="stable")
    ranks, n = friedman.ranks[order], len(order)
    half = math.ceil(n / 2)
    for place, (index, rank) in enumerate(zip(order, ranks, strict=True)):
        left = place < half
        depth = -(place + 1.6 if left else n - place + 0.6)
        edge = 0.75 if left else n + 0.25
        panel.plot([rank, rank, edge], [0, depth, depth], color="#444444", linewidth=0.9)
        panel.plot(rank, 0, marker="o", color=BLUE, markersize=5, clip_on=False)
        text = f"{friedman.methods[index]}  {rank:.2f}"
        panel.text(edge, depth, text, ha="right" if left else "left", va="center", fontsize=8.5)
    groups = _joined(ranks, friedman.critical_difference)
    for level, (start, stop) in enumerate(groups):
        y = -0.45 - 0.9 * level / max(len(groups), 1)
        panel.plot([ranks[start] - 0.04, ranks[stop] + 0.04], [y, y], color=VERMILION, linewidth=3)
    panel.plot(
        [1, min(1 + friedman.critical_difference, n)], [1.5, 1.5], color="black", linewidth=2
    )
    text = f"critical difference {friedman.critical_difference:.2f}"
    panel.text(1, 1.7, text, fontsize=8.5, va="bottom")
    panel.axhline(0, color="#444444", linewidth=0.8)
    panel.set_xlim(-0.6, n + 1.6)
    panel.set_ylim(-half - 1.4, 2.6)
    for rank in range(1, n + 1):
        panel.plot([rank, rank], [0, 0.25], color="#444444", linewidth=0.8)
        panel.text(rank, 0.35, str(rank), ha="center", va="bottom", fontsize=8)
    panel.set_axis_off()


def _joined(ranks: NDArray[np.float64], distance: float) -> list[tuple[int, int]]:
    """Maximal runs of sorted ranks that span less than the critical difference."""
    runs: list[tuple[int, int]] = []
    for start in range(len(ranks)):
        stop = int(np.searchsorted(ranks, ranks[start] + distance, side="left")) - 1
        if stop > start and (not runs or stop > runs[-1][1]):
            runs.append((start, stop))
    return runs
