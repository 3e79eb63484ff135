"""One fault withheld from training: which score tells it, and what the limits make of that."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

import numpy as np
from plant_sides import HEADS, data_of, fitted, judge, without

from faultsyn.evaluate.alarms import alarm_rate
from faultsyn.evaluate.novelty import auroc, ensemble_entropy
from faultsyn.experiment.data import TaskData
from faultsyn.plant.crossfit import scores_of
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.folds import inner_folds
from faultsyn.plant.unknown import combined
from faultsyn.windows import NORMAL, WindowSet

RECALL = 0.9
"""Share of the withheld windows at which false alarms of unknowns are counted."""
MOST_FOLDS = 6


def unknown(names: list[str]) -> list[dict[str, Any]]:
    """Rows for each task, fault (fault type of cwru-load) that is withheld, and fold."""
    rows = []
    for name in names:
        data = data_of(name)
        for withheld, labels in kinds_of(data).items():
            for fold in data.folds[:MOST_FOLDS]:
                if not np.isin(data.windows.labels[fold.test], labels).any():
                    continue
                smaller, side = without(data, labels, fold)
                diagnoser = fitted(smaller, side, HEADS[name])
                row = {"task": name, "withheld": withheld, "fold": fold.name}
                row |= figures(diagnoser, data.windows.take(fold.test), labels)
                print(json.dumps(row), flush=True)
                rows.append(row)
    return rows


def kinds_of(data: TaskData) -> dict[str, tuple[str, ...]]:
    """What is withheld in turn: every fault, or fault type where classes are types by size."""
    faults = [label for label in data.classes if label != NORMAL]
    if data.task.name != "cwru-load":
        return {label: (label,) for label in faults}
    types = dict.fromkeys(label.split("-")[0] for label in faults)
    return {t: tuple(x for x in faults if x.startswith(f"{t}-")) for t in types}


def figures(diagnoser: Diagnoser, test: WindowSet, labels: tuple[str, ...]) -> dict[str, Any]:
    """AUROC of every score, shares of windows by what the limits say, false alarms."""
    confidence = diagnoser.confidence
    stranger = np.isin(test.labels, labels)
    scores = scores_of(diagnoser.fitted, test, diagnoser.fitted.rows(test))
    scores["combined"] = combined(scores, confidence.scales)
    found = judge(diagnoser, test)
    row: dict[str, Any] = {"chosen": confidence.kind, "held out": confidence.level}
    row["states held out"] = confidence.limits.states
    for kind, score in scores.items():
        row[kind] = auroc(score[~stranger], score[stranger])
        mean = found.strange[kind]
        row[f"{kind}, recordings"] = auroc(mean[found.truth >= 0], mean[found.truth < 0])
    entropy = ensemble(diagnoser, test)
    row["ensemble"] = auroc(entropy[~stranger], entropy[stranger])
    row["taken"] = row[confidence.kind]
    score = scores[confidence.kind]
    new = diagnoser.states.never_met(test)
    row["windows at a new state"] = float(new.mean())
    limits = np.where(new, confidence.limits.of(1, True), confidence.limits.of(1))
    above = score > confidence.limits.of(1)
    said = score > limits
    sides = {"withheld": stranger, "known": ~stranger, "healthy": test.labels == NORMAL}
    for side, mine in sides.items():
        row[f"{side} windows"] = int(mine.sum())
        for what, flag in (("above the limit", above), ("called unknown", said)):
            row[f"{side} {what}"] = float(flag[mine].mean()) if mine.any() else None
    rate = alarm_rate(score[sides["healthy"]], score[stranger], RECALL)
    if rate is not None:
        row["healthy above at 90 % recall"] = rate.false_alarms
        row["at most"] = rate.upper
    return row


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
