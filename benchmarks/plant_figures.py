"""Figures of the plant's diagnosers on the public sets: `python benchmarks/plant_figures.py WHAT`.

    unknown      one fault withheld: AUROC of each unknown score, on held-out groups
    calibration  calibration error of held-out groups, before and after
    coverage     coverage of prediction sets: exchangeable windows, and bearings never seen
    alarms       false alarms per machine-month at 95 % recall, held-out groups

Tasks may follow. Nothing of a test group is used in training, calibration or choice. Rows go to
experiments/results/plant/WHAT.csv; `python benchmarks/plant_rows.py` prints the tables of
docs/plant.md from them.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from plant_rows import keep
from plant_sides import HEADS, data_of, fitted, judge
from plant_unknown import unknown

from faultsyn.evaluate.alarms import alarm_rate
from faultsyn.evaluate.calibration import Calibration
from faultsyn.evaluate.conformal import empirical_coverage, prediction_sets
from faultsyn.evaluate.diagnosis import calibration_error
from faultsyn.windows import NORMAL


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
                for with_top, into in ((False, plain), (True, inside)):
                    sets = prediction_sets(proba, confidence.of_windows, with_top)
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


_ZEMA = ["zema-valve", "zema-pump", "zema-accumulator"]
DEFAULTS = {
    "unknown": [
        "tep", "cwru-load", "cwru-loads", "cwru-bearing", "zema-shift-valve", "zema-shift-pump",
    ],
    "calibration": ["cwru-load", "cwru-bearing", *_ZEMA, "tep"],
    "coverage": ["cwru-bearing-4096", "zema-accumulator"],
    "alarms": _ZEMA,
}  # fmt: skip
MEASURED = {
    "unknown": unknown,
    "calibration": calibration,
    "coverage": coverage,
    "alarms": alarms,
}


def main() -> None:
    """Measure one table's rows and keep them beside those of other tasks."""
    what, names = sys.argv[1], sys.argv[2:]
    started = time.process_time()
    for name in names or DEFAULTS[what]:
        rows = MEASURED[what]([name])
        path = keep(what, name, rows)
        print(f"{name}: {len(rows)} rows, {time.process_time() - started:.0f} processor s: {path}")


if __name__ == "__main__":
    main()
