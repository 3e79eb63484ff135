"""Which quality measures go with a gain: a line for each measure, a dot for each classifier."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from faultsyn.report.measure_utility import EVERY, Association
from faultsyn.report.style import GREY, WIDTH, looks


def measure_figure(found: Sequence[Association]) -> Figure:
    """Rank correlation of each measure with the gain, best at the top.

    - `found`: of `associations`; intervals are drawn for all classifiers together.
    """
    measures = list(dict.fromkeys(a.measure for a in found))
    names = list(dict.fromkeys(a.classifier for a in found if a.classifier != EVERY))
    look = looks((EVERY, *names), EVERY)
    figure = Figure(figsize=(WIDTH, 1.3 + 0.34 * len(measures)), layout="constrained")
    axes = figure.subplots()
    for a in found:
        at = len(measures) - 1 - measures.index(a.measure)
        if a.classifier == EVERY and a.low is not None and a.high is not None:
            axes.plot([a.low, a.high], [at, at], color=look[EVERY].color, linewidth=1.6, zorder=2)
        size, strength = (7.0, 1.0) if a.classifier == EVERY else (4.5, 0.8)
        axes.plot(
            a.rho, at, linestyle="none", marker=look[a.classifier].marker, markersize=size,
            color=look[a.classifier].color, alpha=strength, zorder=3,
            label=a.classifier if a.measure == measures[0] else None,
        )  # fmt: skip
    axes.axvline(0.0, color=GREY, linewidth=1.0, zorder=1)
    axes.set_yticks(range(len(measures)), reversed(measures))
    axes.set_xlim(-1.02, 1.02)
    axes.set_xlabel("rank correlation of measure and gain, within tasks, shots and groups")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return figure
