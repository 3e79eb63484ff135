"""Privacy against utility: what the private generators are worth at epsilon 1 to infinity.

For each task, generator and epsilon: the generator learns half of the training windows of the
faults (and ten of each), a classifier learns from what it makes and the real healthy windows, and
is tested on held-out groups (macro-F1); attacks tell members from the other half, windows of the
same groups (area under the curve). Generators work on feature rows. Three draws, each with
another seed and, where a task has several, another fold. Rows that are in
experiments/results/privacy/curves.csv already are not measured again: stop it and start it as you
like. PATE-GAN and ten windows of a fault have the first draw alone.

    nice python benchmarks/privacy_curves.py [TASK ...]
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from faultsyn.diagnose import build_classifier
from faultsyn.evaluate.diagnosis import diagnosis_metrics
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import load_task
from faultsyn.experiment.training import ARRAYS, Place
from faultsyn.privacy.membership import ATTACKS, membership_scores
from faultsyn.privacy.roc import auc
from faultsyn.privacy.views import AttackView
from faultsyn.report.style import BLACK, GREY, WIDTH, looks, save, styled
from faultsyn.signal.representation import Representation
from faultsyn.synth import build_generator
from faultsyn.windows import NORMAL, WindowSet, concat

OUT = Path("experiments/results/privacy")
EPSILONS = (1.0, 2.0, 4.0, 8.0, None)
GENERATORS = ("dp-merf", "dp2-vae", "dp-cgan", "pate-gan")
ONCE = ("pate-gan",)
"""The costliest, measured in the first draw alone."""
TASKS: dict[str, dict[str, Any]] = {
    "tep": {},
    "rig-bearing": {},
    "zema-accumulator": {"split": {"partitions": 1}},
}
MADE = 100
DRAWS = 3
FEW = 10
NAMES = (
    "task", "fold", "k", "seed", "generator", "epsilon", "members", "macro_f1",
    "balanced_accuracy", "attack", "auc", "low", "high", "seconds", "commit",
)  # fmt: skip


def halves(place: Place, k: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Members and other windows of the same groups; half and half without `k`."""
    labels, train = place.data.windows.labels, place.side.train
    members, others = [], []
    for label in place.data.classes:
        if label == NORMAL:
            continue
        rows = rng_for("halves", seed, label).permutation(train[labels[train] == label])
        count = len(rows) // 2 if k is None else k
        members.append(rows[:count])
        others.append(rows[count:])
    return np.concatenate(members), np.concatenate(others)


def rows_of(place: Place, members: np.ndarray) -> tuple[WindowSet, np.ndarray]:
    """Feature rows of all windows, scaled on healthy windows and members; rows of the healthy."""
    task, windows, train = place.data.task, place.data.windows, place.side.train
    healthy = train[windows.labels[train] == NORMAL]
    if task.normals is not None:
        healthy = np.sort(rng_for("normals", place.seed).permutation(healthy)[: task.normals])
    representation = Representation(**task.representation.model_dump())
    if representation.channels != "none":
        representation.fit_channels(windows.take(healthy))
    rows = representation.extract(windows)
    both = np.concatenate([healthy, members])
    representation.fit_rows(rows.take(healthy), rows.take(both))
    return representation.row_transform(rows), healthy


def utility(support: WindowSet, test: WindowSet, place: Place) -> tuple[float, float]:
    """Macro-F1 and balanced accuracy of logistic regression on held-out groups."""
    classifier = build_classifier("logistic-regression")
    classifier.fit(support, rng_for("fit", place.seed))
    proba = classifier.predict_proba(test)
    places = [list(classifier.classes_).index(label) for label in place.data.classes]
    score = diagnosis_metrics(test.labels, proba[:, places], place.data.classes, NORMAL)
    return score.macro_f1, score.balanced_accuracy


def strongest(made: WindowSet, members: WindowSet, others: WindowSet, seed: int) -> dict[str, Any]:
    """The attack with the largest area; half of the others are the adversary's reference."""
    order = rng_for("reference", seed).permutation(len(others))
    order = order[np.argsort(others.labels[order], kind="stable")]  # half of every class
    reference, tested = others.take(order[::2]), others.take(order[1::2])
    view = AttackView("features").fit(reference)
    found = {}
    for name, attack in ATTACKS.items():
        scores = [
            membership_scores(attack, view(part), view(made), view(reference))
            for part in (members, tested)
        ]
        groups = tuple(part.column("recording") for part in (members, tested))
        found[name] = auc(scores[0], scores[1], groups)
    name = max(found, key=lambda attack: found[attack].value)
    area = found[name]
    return {"attack": name, "auc": area.value, "low": area.low, "high": area.high}


def made_by(
    name: str, epsilon: float | None, healthy: WindowSet, shots: WindowSet, seed: int
) -> WindowSet:
    """What a generator releases."""
    if name == "real":
        return shots
    config = {"space": "features"}
    if name != "oversample":
        config |= {"epsilon": epsilon, "secret": False}
    made = build_generator(name, **config)
    rng = rng_for("privacy", name, str(epsilon), seed)
    made.pretrain(healthy, rng).adapt(shots, rng)
    return concat(made.sample(MADE, rng, label=label) for label in made.classes_)


def arms(k: int | None, seed: int) -> list[tuple[str, float | None]]:
    """What is measured in a draw; after the first without what costs most."""
    if k is not None and seed > 0:
        return []
    found: list[tuple[str, float | None]] = [("real", None), ("oversample", None)]
    for generator in GENERATORS:
        if (k is not None and generator != "dp-merf") or (seed > 0 and generator in ONCE):
            continue
        found += [(generator, epsilon) for epsilon in EPSILONS]
    return found


def measure(name: str, seed: int, known: set[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """The rows of a task and draw that are not `known`, as they are measured."""
    task = load_task(name, **TASKS[name])
    place = Place.of(task, None, seed, ARRAYS)
    place = Place.of(task, 1 + seed % len(place.data.folds), seed, ARRAYS)
    for k in (None, FEW):
        members, others = halves(place, k, seed)
        if k is not None and len(members) >= len(halves(place, None, seed)[0]):
            continue  # ten are half of them already
        rows, healthy = rows_of(place, members)
        normal, shots = rows.take(healthy), rows.take(members)
        test = rows.take(place.side.test)
        of_few = "half" if k is None else str(k)
        for generator, epsilon in arms(k, seed):
            level = "inf" if epsilon is None else str(epsilon)
            if (name, of_few, str(seed), generator, level) in known:
                continue
            started = time.process_time()
            made = made_by(generator, epsilon, normal, shots, seed)
            f1, balanced = utility(concat([normal, made]), test, place)
            told = strongest(made, shots, rows.take(others), seed)
            yield (
                {
                    "task": name, "fold": place.side.name, "k": of_few, "seed": seed,
                    "generator": generator, "epsilon": level, "members": len(members),
                    "macro_f1": f1, "balanced_accuracy": balanced, **told,
                    "seconds": time.process_time() - started,
                }
            )  # fmt: skip
            print(name, k, generator, epsilon, f"F1 {f1:.3f}, area {told['auc']:.3f}", flush=True)


def draw(rows: list[dict[str, str]]) -> Figure:
    """Macro-F1 (above) and the strongest attack (below) over epsilon, of all shots, by task.

    Means over the draws, and their range.
    """
    rows = [row for row in rows if row["k"] == "half"]
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    places = {str(e if e is not None else "inf"): i for i, e in enumerate(EPSILONS)}
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    panels = np.asarray(figure.subplots(2, len(tasks), sharex=True, sharey="row", squeeze=False))
    look = looks(list(GENERATORS))
    for column, task in enumerate(tasks):
        for axes, figure_of in zip(panels[:, column], ("macro_f1", "auc"), strict=True):
            for name in ("real", "oversample", *GENERATORS):
                mine = [r for r in rows if r["task"] == task and r["generator"] == name]
                levels = sorted({places[r["epsilon"]] for r in mine})
                found = [
                    np.array([float(r[figure_of]) for r in mine if places[r["epsilon"]] == level])
                    for level in levels
                ]
                means = [values.mean() for values in found]
                if name in GENERATORS:
                    one, aside = look[name], 0.08 * (GENERATORS.index(name) - 1.5)
                    reach = [
                        # Rounding can put the mean of equal values beside them.
                        [max(0, m - values.min()) for m, values in zip(means, found, strict=True)],
                        [max(0, values.max() - m) for m, values in zip(means, found, strict=True)],
                    ]
                    axes.errorbar(
                        np.array(levels) + aside, means, reach, color=one.color, capsize=2,
                        marker=one.marker, linestyle=one.linestyle, elinewidth=0.8, label=name,
                    )  # fmt: skip
                elif means and (name == "real" or figure_of == "auc"):
                    style = "-" if name == "real" else ":"
                    axes.axhline(means[0], color=BLACK, linestyle=style, lw=1, label=name)
        panels[0, column].set_title(task)
        panels[1, column].axhline(0.5, color=GREY, linestyle="--", lw=1)
        panels[1, column].set_xticks(list(places.values()), list(places))
        panels[1, column].set_xlabel("epsilon")
    panels[0, 0].set_ylabel("macro-F1")
    panels[1, 0].set_ylabel("area of the strongest attack")
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def main() -> None:
    """Measure the tasks named on the command line, all without; add to the file of results."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "curves.csv"
    commit = code_version()
    known: set[tuple[str, ...]] = set()
    if path.is_file():
        with path.open(newline="") as file:
            keys = ("task", "k", "seed", "generator", "epsilon")
            known = {tuple(row[key] for key in keys) for row in csv.DictReader(file)}
    for seed in range(DRAWS):
        for name in sys.argv[1:] or TASKS:
            for row in measure(name, seed, known):
                new = not path.is_file()
                with path.open("a", newline="") as file:
                    writer = csv.DictWriter(file, NAMES)
                    if new:
                        writer.writeheader()
                    writer.writerow({**row, "commit": commit})
    with path.open(newline="") as file, styled():
        save(draw(list(csv.DictReader(file))), OUT, "curves")


if __name__ == "__main__":
    main()
