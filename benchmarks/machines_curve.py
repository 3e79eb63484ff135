"""The curve of synthesis-vs-meta against the number of machines that shots come from.

    python benchmarks/machines_curve.py [experiments/results/synthesis-vs-meta]

Writes figures/machines.png and .svg there: balanced accuracy on 100 simulated machines that no arm
has seen, five shots of each fault from 2, 10 or 100 machines; mean and range of the seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from faultsyn.experiment.results import Results
from faultsyn.report.style import BLACK, BLUE, GREEN, GREY, VERMILION, WIDTH, save, styled

MACHINES = (2, 10, 100)
ARMS = {
    "real shots: nearest mean": ("none", "nearest-mean", GREY, "o", ":"),
    "real shots: prototypes": ("none", "prototypical-support", BLACK, "o", "-"),
    "simulated support: forest": ("domain-randomised", "random-forest", GREEN, "^", "-."),
    "simulated support: prototypes": ("domain-randomised", "prototypical-support", BLUE, "s", "--"),
    "meta-trained on other machines": ("none", "prototypical-other-rigs", VERMILION, "D", "-"),
}


def main(folder: Path) -> None:
    """Draw from the rows in `folder`."""
    results = Results.read(folder).ok()
    with styled():
        figure = Figure(figsize=(WIDTH * 0.8, 3.2), layout="constrained")
        axes = figure.subplots()
        for label, (generator, classifier, colour, marker, line) in ARMS.items():
            scores = [
                100
                * results.where(task=f"rigs-{n}", generator=generator, classifier=classifier)[
                    "balanced_accuracy"
                ]
                for n in MACHINES
            ]
            middle = np.array([values.mean() for values in scores])
            low, high = ([f(values) for values in scores] for f in (np.min, np.max))
            axes.errorbar(
                MACHINES, middle, (middle - low, high - middle),
                color=colour, marker=marker, linestyle=line, label=label, capsize=2,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(MACHINES, [str(n) for n in MACHINES])
        axes.set_xlabel("machines of each state that the five shots are drawn from")
        axes.set_ylabel("balanced accuracy [%]")
        figure.legend(loc="outside right center")
        (folder / "figures").mkdir(exist_ok=True)
        save(figure, folder / "figures", "machines")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "experiments/results/synthesis-vs-meta"))
