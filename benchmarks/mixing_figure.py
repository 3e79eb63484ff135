"""How much real data must leave the plant: the figure of the study `mixing`.

    python benchmarks/mixing_figure.py experiments/results/mixing

Reads the rows of a results folder and writes `mixing.png` and `mixing.csv` beside them: balanced
accuracy, mean over folds, over the share of real shots, by task, generator and classifier.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from faultsyn.experiment.results import Results
from faultsyn.report.style import WIDTH, looks, save, styled

_SHARE = re.compile(r"(?P<name>.+?)(-few)?-real(?P<share>\d+)$")
_OF = 20  # shots; what `none` has of them is its share


def points(results: Results) -> list[dict[str, Any]]:
    """A row for each task, generator, K, share of real shots and classifier."""
    scores: dict[tuple[str, str, str, int, str], list[float]] = defaultdict(list)
    for row in results.rows():
        if row["status"] != "ok":
            continue
        found, k, name = _SHARE.match(row["generator"]), str(row["k"]), row["generator"]
        if found is not None:
            name, share = found["name"], int(found["share"])
        elif k == "all":
            share = 100
        else:
            share, k = round(100 * int(k) / _OF), str(_OF)
        place = (row["task"], name, k, share, row["classifier"])
        scores[place].append(float(row["balanced_accuracy"]))
    return [
        {
            "task": task, "generator": name, "k": k, "real": share, "classifier": classifier,
            "balanced_accuracy": float(np.mean(values)), "folds": len(values),
        }
        for (task, name, k, share, classifier), values in sorted(scores.items())
    ]  # fmt: skip


def draw(rows: list[dict[str, Any]]) -> Figure:
    """A panel for each task and K: mean over classifiers, over the share of real shots."""
    panels = sorted({(row["task"], row["k"]) for row in rows}, key=lambda p: (p[0], p[1] == "all"))
    names = sorted({row["generator"] for row in rows})
    look = looks(names, plain="none")
    figure = Figure(figsize=(WIDTH, 2.3 * ((len(panels) + 2) // 3) + 0.6), layout="constrained")
    axes_of = np.asarray(figure.subplots((len(panels) + 2) // 3, 3, sharey=True, squeeze=False))
    for axes in axes_of.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (task, k) in zip(axes_of.flat, panels, strict=False):
        for name in names:
            mine: dict[int, list[float]] = defaultdict(list)
            for row in rows:
                if (row["task"], row["k"], row["generator"]) == (task, k, name):
                    mine[row["real"]].append(100 * row["balanced_accuracy"])
            if not mine:
                continue
            shares = sorted(mine)
            one = look[name]
            axes.plot(
                shares, [np.mean(mine[share]) for share in shares], color=one.color,
                marker=one.marker, linestyle=one.linestyle, label=name,
            )  # fmt: skip
        shots = "all windows" if k == "all" else f"{k} shots"
        axes.set_title(f"{task}, {shots}")
        axes.set_xlabel("real shots that leave [%]")
        axes.set_ylim(0, 100)
    for axes in axes_of[:, 0]:
        axes.set_ylabel("balanced accuracy [%]")
    known = {
        label: handle
        for axes in axes_of.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(known.values(), known.keys(), loc="outside upper center", ncols=3)
    return figure


def main() -> None:
    """Read, average, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows = points(Results.read(folder))
    with (folder / "mixing.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with styled():
        save(draw(rows), folder, "mixing")


if __name__ == "__main__":
    main()
