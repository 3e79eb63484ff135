"""Figures of the plant's diagnosers on the public sets: `python benchmarks/plant_figures.py WHAT`.

    unknown      one fault withheld: AUROC of each unknown score, on held-out groups
    calibration  calibration error of held-out groups, before and after
    coverage     coverage of prediction sets: exchangeable windows, and bearings never seen
    alarms       false alarms per machine-month at 95 % recall, held-out groups

Nothing of a test group is used in training, calibration or choice; each table says what was.
"""

from __future__ import annotations

import json
import sys
import time
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.artifact import config_hash
from faultsyn.evaluate.alarms import alarm_rate
from faultsyn.evaluate.calibration import Calibration
from faultsyn.evaluate.conformal import empirical_coverage, prediction_sets
from faultsyn.evaluate.diagnosis import calibration_error
from faultsyn.evaluate.novelty import auroc, ensemble_entropy
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.split import Fold
from faultsyn.experiment.study import classifier_arm, generator_arm
from faultsyn.experiment.task import load_task
from faultsyn.plant.confidence import combined
from faultsyn.plant.crossfit import scores_of
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.fitting import Recipe
from faultsyn.plant.folds import Level, inner_folds
from faultsyn.plant.training import trained
from faultsyn.windows import NORMAL, WindowSet

CACHE = Path("runs/cache")
HEADS = {
    "tep": "lda",
    "cwru-load": "nearest-mean",
    "cwru-bearing": "nearest-mean",
    "cwru-bearing-4096": "nearest-mean",
    "zema-valve": "lda",
    "zema-pump": "lda",
    "zema-accumulator": "ordinal-ridge",
    "zema-shift-valve": "lda",
    "zema-shift-pump": "lda",
}


def data_of(name: str, **over: Any) -> TaskData:
    """A task's windows."""
    return load_data(load_task(name, **over), ArrayCache(CACHE / "arrays"))


def without(data: TaskData, labels: tuple[str, ...], fold: Fold) -> tuple[TaskData, Fold]:
    """The task as if these classes did not exist, and its training side."""
    keep = ~np.isin(data.windows.labels, labels)
    place = np.cumsum(keep) - 1
    kept = Fold(fold.name, place[fold.train[keep[fold.train]]], place[fold.test[keep[fold.test]]])
    key = config_hash({"of": data.keys["windows"], "without": list(labels)})
    smaller = replace(
        data,
        windows=data.windows.take(np.flatnonzero(keep)),
        classes=tuple(name for name in data.classes if name not in labels),
        keys={**data.keys, "windows": key},
    )
    return smaller, kept


def fitted(data: TaskData, side: Fold, head: str, level: Level | None = None) -> Diagnoser:
    """A diagnoser trained on one side of a fold, without synthetic windows."""
    none, arm = generator_arm("none"), classifier_arm(head)
    return trained(Recipe(data, none, arm, "all", 0, CACHE), side, recall=0.95, hold_out=level)


@dataclass
class Judged:
    """Held-out recordings: window probabilities, true class, unknown scores by kind."""

    units: list[np.ndarray]
    truth: np.ndarray
    strange: dict[str, np.ndarray]


def judge(diagnoser: Diagnoser, windows: WindowSet) -> Judged:
    """What a diagnoser says of windows, recording by recording."""
    rows = diagnoser.fitted.rows(windows)
    proba = diagnoser.proba(windows, rows)
    strange = scores_of(diagnoser.fitted, windows, rows)
    strange["combined"] = combined(strange, diagnoser.confidence.scales)
    of = windows.column("recording")
    members = [np.flatnonzero(of == name) for name in dict.fromkeys(of.tolist())]
    labels = windows.labels[[unit[0] for unit in members]]
    known = list(diagnoser.classes)
    truth = np.array([known.index(name) if name in known else -1 for name in labels.tolist()])
    means = {k: np.array([s[unit].mean() for unit in members]) for k, s in strange.items()}
    return Judged([proba[unit] for unit in members], truth, means)


def ensemble(diagnoser: Diagnoser, windows: WindowSet) -> np.ndarray:
    """Entropy of the mean prediction of classifiers that each lack one part of the support."""
    fitted, task = diagnoser.fitted, diagnoser.posed.task
    support = fitted.support
    everything = np.arange(len(support))
    _, fold = inner_folds(
        support.table, support.labels, everything, task.split.groups, 0, task.name
    )
    rows = fitted.rows(windows)
    members = [
        copy(fitted.classifier)
        .extend(support.take(fold != number), np.random.default_rng(0))
        .predict_proba(rows)
        for number in np.unique(fold)
    ]
    return ensemble_entropy(members)


def unknown(names: list[str]) -> list[dict[str, Any]]:
    """One fault (or fault type of cwru-load) withheld from training; test groups of all."""
    rows = []
    for name in names:
        data = data_of(name)
        faults = [label for label in data.classes if label != NORMAL]
        kinds: dict[str, tuple[str, ...]] = {label: (label,) for label in faults}
        if name == "cwru-load":
            types = dict.fromkeys(label.split("-")[0] for label in faults)
            kinds = {t: tuple(x for x in faults if x.startswith(f"{t}-")) for t in types}
        for withheld, labels in kinds.items():
            for fold in data.folds[:6]:
                smaller, side = without(data, labels, fold)
                if not np.isin(data.windows.labels[fold.test], labels).any():
                    continue
                diagnoser = fitted(smaller, side, HEADS[name])
                test = data.windows.take(fold.test)
                stranger = np.isin(test.labels, labels)
                row: dict[str, Any] = {
                    "task": name, "withheld": withheld, "fold": fold.name,
                    "chosen": diagnoser.confidence.kind,
                }  # fmt: skip
                scores = scores_of(diagnoser.fitted, test, diagnoser.fitted.rows(test))
                scores["combined"] = combined(scores, diagnoser.confidence.scales)
                scores["ensemble"] = ensemble(diagnoser, test)
                found = judge(diagnoser, test)
                for kind in scores:
                    row[kind] = auroc(scores[kind][~stranger], scores[kind][stranger])
                    if kind == "ensemble":
                        continue
                    strange = found.strange[kind]
                    row[f"{kind}, recordings"] = auroc(
                        strange[found.truth >= 0], strange[found.truth < 0]
                    )
                confidence = diagnoser.confidence
                limit = confidence.window_limit
                chosen = scores[confidence.kind]
                row["called unknown"] = float((chosen[stranger] > limit).mean())
                row["known called unknown"] = float((chosen[~stranger] > limit).mean())
                chosen = found.strange[confidence.kind]
                healthy = (
                    found.truth == list(diagnoser.classes).index(NORMAL) if data.normal else []
                )
                rate = alarm_rate(chosen[healthy], chosen[found.truth < 0], 0.9)
                if rate is not None:
                    row["healthy recordings"] = rate.n_healthy
                    row["healthy alarmed at 90 % recall"] = rate.false_alarms
                print(json.dumps(row), flush=True)
                rows.append(row)
    return rows


def calibration(names: list[str]) -> list[dict[str, Any]]:
    """Calibration error of windows and recordings of held-out groups."""
    rows = []
    for name in names:
        data = data_of(name)
        pooled: dict[str, list[np.ndarray]] = {}
        for fold in data.folds[:6]:
            diagnoser = fitted(data, fold, HEADS[name])
            found = judge(diagnoser, data.windows.take(fold.test))
            scale = diagnoser.confidence.calibration
            windows = np.concatenate(found.units)
            truth = np.repeat(found.truth, [len(unit) for unit in found.units])
            for what, proba, true in (
                ("windows before", Calibration().of_windows(windows), truth),
                ("windows", scale.of_windows(windows), truth),
                ("recordings before", Calibration().of_units(found.units), found.truth),
                ("recordings", scale.of_units(found.units), found.truth),
            ):
                hit = proba.argmax(axis=1) == true
                pooled.setdefault(what, []).append(np.stack([hit, proba.max(axis=1)]))
        row: dict[str, Any] = {"task": name, "level": diagnoser.confidence.level}
        for what, parts in pooled.items():
            hit, sure = np.concatenate(parts, axis=1)
            row[f"ece {what}"] = calibration_error(hit.astype(bool), sure)
            row[f"accuracy {what}"] = float(hit.mean())
            row["n recordings"] = len(hit)
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def coverage(names: list[str]) -> list[dict[str, Any]]:
    """Coverage of 90 % sets: random windows (exchangeable), and held-out groups."""
    rows = []
    for name in names:
        for how, over, level in (
            ("exchangeable", {"split": {"scheme": "window", "level": "window", "folds": 2,
              "partitions": 1, "train": [], "test": [], "groups": []}}, "window"),
            ("new group, calibrated on windows", {}, "window"),
            ("new group, calibrated on groups", {}, None),
        ):  # fmt: skip
            data = data_of(name, **over)
            inside, plain, sizes = [], [], []
            for fold in data.folds[:6]:
                diagnoser = fitted(data, fold, HEADS[name], level)
                found = judge(diagnoser, data.windows.take(fold.test))
                confidence = diagnoser.confidence
                proba = confidence.calibration.of_windows(np.concatenate(found.units))
                truth = np.repeat(found.truth, [len(unit) for unit in found.units])
                for keep, into in ((False, plain), (True, inside)):
                    sets = prediction_sets(proba, confidence.of_windows, keep)
                    into.append((empirical_coverage(sets, truth), len(truth)))
                sizes.append(float(sets.sum(axis=1).mean()))
            row = {
                "task": name, "how": how, "level": confidence.level,
                "coverage": mean(plain),
                "coverage, top class kept": mean(inside),
                "mean size": float(np.mean(sizes)), "windows": int(sum(n for _, n in plain)),
                "worst fold": float(min(c for c, _ in plain)),
            }  # fmt: skip
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def mean(parts: list[tuple[float, int]]) -> float:
    """Mean of values, weighted by their counts."""
    return sum(value * n for value, n in parts) / sum(n for _, n in parts)


def alarms(names: list[str]) -> list[dict[str, Any]]:
    """False alarms at the threshold that held-out training groups set, on test groups."""
    rows = []
    for name in names:
        data = data_of(name)
        healthy, faulty, over = [], [], []
        for fold in data.folds[:5]:
            diagnoser = fitted(data, fold, HEADS[name])
            found = judge(diagnoser, data.windows.take(fold.test))
            proba = diagnoser.confidence.calibration.of_units(found.units)
            normal = diagnoser.classes.index(NORMAL)
            suspicion = 1 - proba[:, normal]
            mine = found.truth == normal
            healthy.append(suspicion[mine])
            faulty.append(suspicion[~mine])
            over.append((suspicion >= (diagnoser.confidence.alarm or 0.5), mine))
        alarm = np.concatenate([a for a, _ in over])
        mine = np.concatenate([m for _, m in over])
        rate = alarm_rate(np.concatenate(healthy), np.concatenate(faulty))
        assert rate is not None
        row = {
            "task": name, "recall": float(alarm[~mine].mean()),
            "false alarms": float(alarm[mine].mean()), "healthy": int(mine.sum()),
            "a month, hourly": float(alarm[mine].mean()) * 730,
            "oracle false alarms at 95 % recall": rate.false_alarms, "upper": rate.upper,
        }  # fmt: skip
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


DEFAULTS = {
    "unknown": ["cwru-load", "tep", "cwru-bearing", "zema-shift-valve", "zema-shift-pump"],
    "calibration": ["cwru-load", "zema-valve", "zema-pump", "zema-accumulator", "tep"],
    "coverage": ["cwru-bearing-4096", "zema-accumulator"],
    "alarms": ["zema-valve", "zema-pump", "zema-accumulator", "tep"],
}  # fmt: skip


def main() -> None:
    """Run one table and keep it."""
    what, names = sys.argv[1], sys.argv[2:]
    started = time.perf_counter()
    rows = globals()[what](names or DEFAULTS[what])
    out = Path("runs/plant") / f"{what}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1))
    print(f"{len(rows)} rows in {time.perf_counter() - started:.0f} s: {out}")


if __name__ == "__main__":
    main()
