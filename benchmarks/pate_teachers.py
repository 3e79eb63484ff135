"""How many teachers and windows PATE-GAN needs: utility on the simulated rig.

The generator learns 21 or 168 windows of each fault with 2 to 50 teachers, at epsilon 8 and
without noise; a classifier learns from what it makes and the real healthy windows, and is tested on
held-out machines (macro-F1), once with the real windows for comparison. Feature rows, one draw.
Writes experiments/results/privacy/teachers.csv and a figure; rows that are there already are kept.

    nice python benchmarks/pate_teachers.py
"""

from __future__ import annotations

import csv
import time
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from privacy_curves import MADE, OUT, halves, rows_of, utility

from faultsyn.experiment.environment import code_version
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import load_task
from faultsyn.experiment.training import ARRAYS, Place
from faultsyn.report.style import BLACK, WIDTH, looks, save, styled
from faultsyn.synth import build_generator
from faultsyn.windows import WindowSet, concat

TASK = "rig-bearing"
WINDOWS = (21, 168)
TEACHERS = (2, 10, 50)
EPSILONS = (8.0, None)
NAMES = (
    "task", "fold", "seed", "windows", "teachers", "epsilon", "noise", "macro_f1", "seconds",
    "commit",
)  # fmt: skip


def released(
    normal: WindowSet, shots: WindowSet, teachers: int, epsilon: float | None
) -> tuple[WindowSet, float]:
    """What PATE-GAN makes, and the noise on each vote."""
    made = build_generator(
        "pate-gan", teachers=teachers, epsilon=epsilon, secret=False, space="features"
    )
    rng = rng_for("teachers", teachers, str(epsilon))
    made.pretrain(normal, rng).adapt(shots, rng)
    noise = made.privacy_.get("adapt", {}).get("noise on votes", 0.0)
    return concat(made.sample(MADE, rng, label=label) for label in made.classes_), noise


def measure(known: set[tuple[str, ...]], add: Any) -> None:
    """Hand every row that is not `known` to `add`."""
    place = Place.of(load_task(TASK), 1, 0, ARRAYS)
    for windows in WINDOWS:
        members, _ = halves(place, windows, 0)
        rows, healthy = rows_of(place, members)
        normal, shots = rows.take(healthy), rows.take(members)
        test = rows.take(place.side.test)
        plays = [(0, None), *((t, e) for t in TEACHERS for e in EPSILONS)]
        for teachers, epsilon in plays:
            level = "inf" if epsilon is None else str(epsilon)
            if (str(windows), str(teachers), level) in known:
                continue
            started, noise, made = time.process_time(), 0.0, shots
            if teachers:
                made, noise = released(normal, shots, teachers, epsilon)
            add(
                {
                    "task": TASK, "fold": place.side.name, "seed": 0, "windows": windows,
                    "teachers": teachers, "epsilon": level, "noise": noise,
                    "macro_f1": utility(concat([normal, made]), test, place)[0],
                    "seconds": time.process_time() - started,
                }
            )  # fmt: skip


def draw(rows: list[dict[str, str]]) -> Figure:
    """Macro-F1 over teachers, a panel for each number of windows; teachers 0: the real windows."""
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    panels = np.asarray(figure.subplots(1, len(WINDOWS), sharey=True, squeeze=False))[0]
    levels = ["inf" if e is None else str(e) for e in EPSILONS]
    look = looks(levels)
    for axes, windows in zip(panels, WINDOWS, strict=True):
        mine = [row for row in rows if row["windows"] == str(windows)]
        for row in mine:
            if row["teachers"] == "0":
                axes.axhline(float(row["macro_f1"]), color=BLACK, lw=1, label="real windows")
        for level in levels:
            found = [r for r in mine if r["epsilon"] == level and r["teachers"] != "0"]
            one = look[level]
            axes.plot(
                [int(row["teachers"]) for row in found],
                [float(row["macro_f1"]) for row in found],
                color=one.color, marker=one.marker, linestyle=one.linestyle,
                label=f"epsilon {float(level):g}",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(TEACHERS, [str(t) for t in TEACHERS])
        axes.minorticks_off()
        axes.set_xlabel("teachers")
        axes.set_title(f"{windows} windows of each fault")
    panels[0].set_ylabel("macro-F1")
    panels[0].set_ylim(0, 1)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def main() -> None:
    """Measure what is missing, then draw."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "teachers.csv"
    commit = code_version()  # before the first row makes the tree a dirty one
    rows: list[dict[str, str]] = []
    if path.is_file():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    known = {(row["windows"], row["teachers"], row["epsilon"]) for row in rows}
    if not rows:
        path.write_text(",".join(NAMES) + "\n")

    def add(row: dict[str, Any]) -> None:
        with path.open("a", newline="") as file:
            csv.DictWriter(file, NAMES).writerow({**row, "commit": commit})
        print(row, flush=True)

    measure(known, add)
    with path.open(newline="") as file, styled():
        save(draw(list(csv.DictReader(file))), OUT, "teachers")


if __name__ == "__main__":
    main()
