"""`add-fault`: one more class from a few windows, its effect shown before it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.experiment.seeding import rng_for
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.crossfit import HeldOut
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.recheck import recheck
from faultsyn.plant.sources import windows_of
from faultsyn.windows import NORMAL, WindowSet, concat

_MOST_WINDOWS = 500


def with_fault(
    diagnoser: Diagnoser, label: str, paths: Sequence[str | Path], card: str | Path | None = None
) -> tuple[Diagnoser, dict[str, Any]]:
    """A diagnoser that knows one fault more, and what that does to the others.

    - `label`: the new class, or one that is known and gets more windows.
    - `paths`, `card`: recordings of it; as of `faultsyn.api.diagnose`.

    The encoder and the scalers stay as they are; the head, the calibration, the prediction sets and
    the unknown limits are learnt anew from the stored support. The effect holds, by class, the
    share of held-out real windows that is recognised `before` and `after`, and the same for
    `false_alarms`, the share of healthy windows called a fault. Raises `InputError` on the healthy
    class, an empty label, or recordings that do not fit.
    """
    if label == NORMAL or not label.strip():
        raise InputError(
            f"add-fault: '{label}' is no fault", "healthy recordings go to `faultsyn rebaseline`"
        )
    windows = windows_of(diagnoser.posed, paths, card, _MOST_WINDOWS).with_columns(label=label)
    fitted = diagnoser.fitted
    rows = fitted.rows(windows)
    support = concat([fitted.support, rows])
    learnt = support
    if fitted.classifier.consumes == "windows":
        learnt = concat([fitted.learnt, windows])
    classifier = copy(fitted.classifier).extend(learnt, rng_for("add-fault", label))
    grown = replace(fitted, classifier=classifier, support=support, learnt=learnt, base=None)
    known = label in diagnoser.classes
    before = recheck(fitted, diagnoser.posed.task)
    apart = None if known else label
    after = recheck(grown, diagnoser.posed.task, apart)
    classes = tuple(sorted({*diagnoser.classes, label}))
    confidence = Confidence.none(classes)
    if after is not None:
        met = None
        if after.at_new_states:
            met = recheck(grown, diagnoser.posed.task, apart, with_groups=False)
        confidence = Confidence.fit(after, met, diagnoser.confidence.coverage or 0.9)
    told = {
        "label": label,
        "windows": len(windows),
        "recordings": sorted(set(windows.column("recording").tolist())),
    }
    provenance = dict(diagnoser.provenance)
    provenance["added"] = [*provenance.get("added", []), told]
    severities = {**diagnoser.posed.severities, **_severities(windows, label)}
    made = Diagnoser(
        replace(diagnoser.posed, severities=severities), grown, confidence, provenance,
        diagnoser.baseline,
    )  # fmt: skip
    return made, {**told, **_effect(before, after)}


def _effect(before: HeldOut | None, after: HeldOut | None) -> dict[str, Any]:
    recalls = [{} if held is None else _recalls(held) for held in (before, after)]
    names = list(dict.fromkeys((*recalls[0], *recalls[1])))
    alarms = [None if held is None else _false_alarms(held) for held in (before, after)]
    return {
        "classes": {
            name: {"before": recalls[0].get(name), "after": recalls[1].get(name)} for name in names
        },
        "false_alarms": {"before": alarms[0], "after": alarms[1]},
        "held_out": "none" if after is None else after.level,
    }


def _recalls(held: HeldOut) -> dict[str, float]:
    hit = held.proba.argmax(axis=1) == held.codes
    return {
        name: float(hit[held.codes == code].mean())
        for code, name in enumerate(held.classes)
        if (held.codes == code).any()
    }


def _false_alarms(held: HeldOut) -> float | None:
    if NORMAL not in held.classes:
        return None
    normal = held.classes.index(NORMAL)
    mine = held.codes == normal
    return float((held.proba[mine].argmax(axis=1) != normal).mean())


def _severities(windows: WindowSet, label: str) -> dict[str, tuple[float, ...]]:
    column = np.asarray(windows.table.get("severity", np.zeros(0)))
    if column.dtype.kind not in "iuf":
        return {}
    values = column[np.isfinite(column.astype(float))]
    return {label: tuple(sorted(set(values.astype(float).tolist())))} if len(values) else {}
