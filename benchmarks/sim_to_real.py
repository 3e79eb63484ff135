"""How well the simulated rigs stand in for real machines.

    python benchmarks/sim_to_real.py bearing data/cwru.h5 experiments/results/sim-to-real
    python benchmarks/sim_to_real.py hydraulic data/zema.h5 experiments/results/sim-to-real

Bearing: classifiers trained on simulated machines only are tested on the six held-out groups of the
task cwru-bearing-4096 (balanced accuracy, mean over groups); no real window is seen in training,
and nothing is tuned. Hydraulic: the same for single faults of ZeMA, with features scaled by each
side's own healthy cycles. Beside it, two-sample figures of simulated against real windows of one
class, with real against real as the floor. Writes a CSV of scores, one of two-sample figures, and
a figure.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid

from faultsyn.evaluate.mmd import mmd_test
from faultsyn.evaluate.two_sample import grouped_auc
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import load_data
from faultsyn.experiment.task import load_task
from faultsyn.ingest.simulate import (
    BearingRig,
    HydraulicRig,
    MachinePark,
    machine_windows,
    simulate_bearing,
    simulate_hydraulic,
)
from faultsyn.report.style import BLACK, VERMILION, WIDTH, save, styled
from faultsyn.signal.hydraulic_features import hydraulic_feature_names, hydraulic_features
from faultsyn.signal.order_features import order_feature_names, order_features

Rows = NDArray[Any]

RATE, SAMPLES = 12_000.0, 4096
FAULTS = ("inner", "outer", "ball")
HEALTHY = {"cooler": 100.0, "valve": 100.0, "pump": 0.0, "accumulator": 130.0}
MODELS: dict[str, Callable[[], Any]] = {
    "nearest-mean": NearestCentroid,
    "logistic-regression": lambda: LogisticRegression(C=1.0, max_iter=2000),
}
MOST = 300  # windows a side and class in a two-sample test


def main() -> None:
    """Run one of the two comparisons."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rig", choices=("bearing", "hydraulic"))
    parser.add_argument("store")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    (options.out / "figures").mkdir(parents=True, exist_ok=True)
    {"bearing": bearing, "hydraulic": hydraulic}[options.rig](
        options.store, options.out, options.seeds
    )


def bearing(store: str, out: Path, seeds: int) -> None:
    """Trained on simulated machines, tested on CWRU."""
    data = load_data(load_task("cwru-bearing-4096", store=store), ArrayCache(CACHE))
    table = data.windows.table
    real = order_features(
        np.asarray(data.windows.x)[:, 0], RATE, table["rpm"].astype(float), table["bearing"]
    )
    labels, assets = data.windows.labels, table["asset"]
    tests = [(fold.name, fold.test) for fold in data.folds]
    # The last three columns are the best score of each fault over the bands: outer, inner, ball.
    rule = np.array(["outer", "inner", "ball"])[real[:, -3:].argmax(axis=1)]
    scores = [("rule: highest line", "none", 0, 0, g, _score(labels, rule, t)) for g, t in tests]
    kept: tuple[Rows, Rows] | None = None
    for seed in range(seeds):
        for source, n in (("rig", 12), ("machines", 90), ("machines", 300), ("machines", 900)):
            rows, known = _simulated(source, n, seed)
            for name, make in MODELS.items():
                told = _trained(make(), rows, known, real)
                scores += [(name, source, n, seed, g, _score(labels, told, t)) for g, t in tests]
            if source == "machines" and n == 900 and kept is None:
                kept = rows, known
    _write(out / "bearing-scores.csv", ("method", "source", "machines", "seed", "group"), scores)
    assert kept is not None
    sets = {c: (real[labels == c], assets[labels == c], kept[0][kept[1] == c]) for c in FAULTS}
    _two_sample(out / "bearing-two-sample.csv", sets)
    names = order_feature_names()
    shown = ["best outer", "best inner", "best ball", *(f"500-5800Hz {n}" for n in _SHOWN_LINES)]
    _compare(out, "bearing-features", {c: (s[0], s[2]) for c, s in sets.items()}, names, shown)


_SHOWN_LINES = ("shaft", "inner-shaft", "ball-cage", "impulsiveness")


def _simulated(source: str, n: int, seed: int) -> tuple[Rows, Rows]:
    """Order features and labels of windows of `n` simulated machines (a window each), faulty ones.

    The rig has fewer machines of one bearing type and many windows of each.
    """
    if source == "machines":
        known = np.resize(np.array(FAULTS), n)
        x, table = machine_windows(known, SAMPLES, MachinePark(), np.random.default_rng(seed))
        return order_features(x, RATE, table["rpm"], table["bearing"]), known
    windows, labels, rpm = [], [], []
    for recording in simulate_bearing(BearingRig(assets=n // 3, seconds=2.0), seed):
        if recording.label == "normal":
            continue
        x = recording.streams[0].samples[:, 0]
        windows += [x[a : a + SAMPLES] for a in range(0, len(x) - SAMPLES + 1, SAMPLES)]
        count = len(windows) - len(labels)
        labels += [recording.label] * count
        rpm += [recording.columns["rpm"]] * count
    names = np.full(len(labels), BearingRig().bearing)
    return order_features(np.stack(windows), RATE, np.array(rpm, float), names), np.array(labels)


def hydraulic(store: str, out: Path, seeds: int) -> None:
    """Trained on simulated units, tested on the single faults of ZeMA."""
    channels = load_task("rig-hydraulic").window.channels
    task = load_task("zema-accumulator", store=store)
    data = load_data(
        task.model_copy(update={"cap": None, "healthy": None}), ArrayCache(CACHE)
    )  # fmt: skip
    table = data.windows.table
    worn = {name: table[name].astype(float) != good for name, good in HEALTHY.items()}
    single = sum(worn.values()) <= 1
    labels = np.full(len(single), "normal", dtype="U12")
    for name, is_worn in worn.items():
        labels[is_worn] = name
    real = hydraulic_features(np.asarray(data.windows.x)[single], 10.0, channels)
    labels, blocks = labels[single], table["session"][single]
    real = _by_own_normals(real, labels)
    groups = [(name, np.isin(labels, ["normal", name])) for name in HEALTHY]
    everything = np.ones(len(labels), bool)
    scores, kept = [], None
    for seed in range(seeds):
        rows, known = _units(channels, seed)
        kept = kept or (rows, known)
        for name, make in MODELS.items():
            told = _trained(make(), rows, known, real)
            scores.append((name, "units", 6, seed, "all", _score(labels, told, everything)))
            scores += [
                (name, "units", 6, seed, g, float(np.mean(told[labels == g] == g)))
                for g, _ in groups
            ]
    _write(out / "hydraulic-scores.csv", ("method", "source", "units", "seed", "group"), scores)
    assert kept is not None
    sets = {
        c: (real[labels == c], blocks[labels == c], kept[0][kept[1] == c])
        for c in ("normal", *HEALTHY)
    }
    names = hydraulic_feature_names(channels)
    shown = [f"{c} mean[6]" for c in ("PS1", "FS1", "TS1", "CE", "SE", "EPS1")] + ["PS2 ripple"]
    _two_sample(out / "hydraulic-two-sample.csv", sets)
    _effects(out / "hydraulic-effects.csv", {name: sets[name] for name in HEALTHY})
    _compare(out, "hydraulic-features", {c: (s[0], s[2]) for c, s in sets.items()}, names, shown)


def _units(channels: tuple[str, ...], seed: int) -> tuple[Rows, Rows]:
    """Features and labels of the cycles of six simulated units, by each unit's own normals."""
    rows, labels, units = [], [], []
    for recording in simulate_hydraulic(HydraulicRig(assets=6, cycles=3), seed):
        at = {}
        for stream in recording.streams:
            ten = stream.samples.repeat(max(1, round(10 / stream.rate)), axis=0)
            ten = ten.reshape(600, -1, ten.shape[1]).mean(axis=1)
            at |= dict(zip(stream.channels, ten.T, strict=True))
        rows.append(np.stack([at[c] for c in channels]))
        labels.append(recording.label)
        units.append(str(recording.columns["asset"]))
    features = hydraulic_features(np.stack(rows), 10.0, channels)
    known, of = np.array(labels), np.array(units)
    for unit in sorted(set(units)):
        features[of == unit] = _by_own_normals(features[of == unit], known[of == unit])
    return features, known


def _by_own_normals(rows: Rows, labels: Rows) -> Rows:
    normal = rows[labels == "normal"]
    return np.arcsinh((rows - normal.mean(axis=0)) / (normal.std(axis=0) + 1e-3))


def _trained(model: Any, rows: Rows, known: Rows, real: Rows) -> Rows:
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    return np.asarray(model.fit((rows - mean) / scale, known).predict((real - mean) / scale))


def _score(labels: Rows, told: Rows, where: Rows) -> float:
    return float(balanced_accuracy_score(labels[where], told[where]))


def _two_sample(path: Path, sets: dict[str, tuple[Rows, Rows, Rows]]) -> None:
    """MMD and AUC of simulated against real of each class; the floor is real against real."""
    rng = np.random.default_rng(0)
    found = []
    for label, (real, groups, made) in sets.items():
        names = rng.permutation(np.unique(groups))
        half = np.isin(groups, names[: len(names) // 2])
        centre, scale = real.mean(axis=0), real.std(axis=0) + 1e-6
        sides = {
            "real": ((real[half], groups[half]), (real[~half], groups[~half])),
            "simulated": ((real, groups), (made, np.arange(len(made)))),
        }
        for what, ((a, a_of), (b, b_of)) in sides.items():
            first = rng.permutation(len(a))[:MOST]
            second = rng.permutation(len(b))[:MOST]
            if min(len(first), len(second), len(names)) < 4:
                continue
            x, y = (a[first] - centre) / scale, (b[second] - centre) / scale
            ids = [np.unique(of, return_inverse=True)[1] for of in (a_of[first], b_of[second])]
            value, _ = mmd_test(x, y, rng, permutations=1)
            found.append((label, f"{what} against real", grouped_auc(x, y, *ids, rng), value))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("class", "sides", "auc", "mmd"))
        writer.writerows((a, b, f"{c:.3f}", f"{d:.4f}") for a, b, c, d in found)
    print(path.read_text())


def _effects(path: Path, sets: dict[str, tuple[Rows, Rows, Rows]]) -> None:
    """Medians of a fault's scaled features, simulated against real: correlation, equal signs."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("fault", "correlation", "large_real_effects", "same_sign"))
        for label, (real, _, made) in sets.items():
            there, here = np.median(real, axis=0), np.median(made, axis=0)
            large = np.abs(there) > 1.5
            same = np.mean(np.sign(there[large]) == np.sign(here[large]))
            line = np.corrcoef(there, here)[0, 1]
            writer.writerow((label, f"{line:.3f}", int(large.sum()), f"{same:.3f}"))
    print(path.read_text())


def _compare(
    out: Path,
    name: str,
    sets: dict[str, tuple[Rows, Rows]],
    names: tuple[str, ...],
    shown: list[str],
) -> None:
    """Quartiles of some features, real beside simulated, one panel a class."""
    columns = [names.index(one) for one in shown]
    with styled():
        figure = Figure(figsize=(WIDTH, 1.5 * len(sets) + 1.1), layout="constrained")
        panels = np.asarray(figure.subplots(len(sets), 1, sharex=True, squeeze=False))[:, 0]
        for panel, (label, pair) in zip(panels, sets.items(), strict=True):
            for rows, colour, shift, who in (
                (pair[0], BLACK, -0.12, "real"), (pair[1], VERMILION, 0.12, "simulated"),
            ):  # fmt: skip
                low, middle, high = np.percentile(rows[:, columns], (25, 50, 75), axis=0)
                panel.errorbar(
                    np.arange(len(columns)) + shift, middle, (middle - low, high - middle),
                    fmt="o" if who == "real" else "s", color=colour, label=who, capsize=3,
                )  # fmt: skip
            panel.set_title(label)
            panel.set_ylabel("feature [-]")
        panels[-1].set_xticks(np.arange(len(columns)), shown, rotation=20, ha="right")
        handles, texts = panels[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside upper right", ncols=2)
        save(figure, out / "figures", name)


def _write(path: Path, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Rows with their score, and on the terminal the mean of each method over seeds and groups."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*head, "score"))
        writer.writerows((*row[:-1], f"{row[-1]:.4f}") for row in rows)
    for kind in dict.fromkeys((row[:3], row[4]) for row in rows):
        own = [row[-1] for row in rows if (row[:3], row[4]) == kind]
        print(kind, f"{np.mean(own):.3f}")
    for method in dict.fromkeys(row[:3] for row in rows):
        print(method, f"mean {np.mean([row[-1] for row in rows if row[:3] == method]):.3f}")


if __name__ == "__main__":
    main()
