"""Figures of an audit: areas with their intervals, and the curves at few false positives."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from faultsyn.experiment.audit_found import OTHER, SAME, Audit
from faultsyn.report.style import BLACK, BLUE, GREY, VERMILION, WIDTH, looks

_ROW = 0.34
_LEAST_RATE = 1e-3
_SIDES = ((SAME, BLACK, "o", -0.13), (OTHER, BLUE, "s", 0.13))


def area_figure(audit: Audit) -> Figure:
    """Area of every attack with its 95 % interval, chance at a half."""
    names = list(dict.fromkeys((row.attack, row.view) for row in audit.membership))
    figure = Figure(figsize=(WIDTH, 1.3 + _ROW * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    for against, colour, marker, shift in _SIDES:
        rows = [row for row in audit.membership if row.against == against]
        if not rows:
            continue
        at = [names.index((row.attack, row.view)) + shift for row in rows]
        values = np.array([row.auc.value for row in rows])
        ends = np.abs(np.array([[row.auc.low, row.auc.high] for row in rows]).T - values)
        axes.errorbar(
            values, at, xerr=ends, fmt=marker, color=colour, capsize=2.5, label=f"from {against}"
        )
    axes.set_yticks(range(len(names)), [f"{attack}, {view}" for attack, view in names])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("area under the ROC curve")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def curve_figure(audit: Audit) -> Figure:
    """True against false positives of every attack, from the same groups, on logarithmic axes."""
    rows = [row for row in audit.membership if row.against == SAME]
    views = list(dict.fromkeys(row.view for row in rows))
    look = looks(list(dict.fromkeys(row.attack for row in rows)))
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(views), sharey=True))
    for axes, view in zip(panels, views, strict=True):
        axes.plot([_LEAST_RATE, 1], [_LEAST_RATE, 1], color=GREY, linestyle="--", linewidth=1)
        for row in rows:
            if row.view != view:
                continue
            false, true = (np.maximum(side, _LEAST_RATE) for side in row.curve)
            axes.step(
                false, true, where="post", color=look[row.attack].color,
                linestyle=look[row.attack].linestyle, label=row.attack,
            )  # fmt: skip
        fewest = 1 / min(row.n_others for row in rows)
        axes.axvspan(_LEAST_RATE, max(fewest, _LEAST_RATE), color=VERMILION, alpha=0.08, lw=0)
        axes.set(xscale="log", yscale="log", xlim=(_LEAST_RATE, 1), ylim=(_LEAST_RATE, 1.15))
        axes.set_title(view)
        axes.set_xlabel("false positives")
    panels[0].set_ylabel("true positives")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure
