"""The parts of an audit beside membership: attributes, released metadata, canaries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.experiment.audit_found import AttributeRow
from faultsyn.experiment.filters import texts
from faultsyn.experiment.release import Releaser
from faultsyn.experiment.task import Task
from faultsyn.privacy.anonymity import Anonymity, anonymity
from faultsyn.privacy.attribute import attribute_leak
from faultsyn.privacy.canary import CanaryBound, canary_bound
from faultsyn.privacy.distance import nearest
from faultsyn.privacy.views import AttackView
from faultsyn.windows import Column, WindowSet, concat

ATTRIBUTES = ("load", "location", "severity", "session", "site")
"""Columns that a plant may not want to tell, where they exist."""

DELTA = 1e-5
"""Of the canaries' bound where the generator states none."""

_MOST_VALUES = 10
_FEWEST_OF_VALUE = 3
_LOUD = 3.0
_NOT_RELEASED = frozenset(
    {"label", "synthetic", "recording", "asset", "session", "source", "start", "end"}
    | {"start_sample", "flags", "id", "source_file", "source_sha256"}
)


def attribute_rows(
    view: AttackView,
    windows: tuple[WindowSet, WindowSet, WindowSet, WindowSet],
    task: Task,
    rng: np.random.Generator,
) -> tuple[tuple[AttributeRow, ...], dict[str, str]]:
    """Every attribute of the task that can be attacked, and why others cannot.

    - `windows`: reference, held-out, released, members.
    """
    reference, held_out, released, members = windows
    rows: list[AttributeRow] = []
    left_out: dict[str, str] = {}
    for name in (*ATTRIBUTES, *task.split.groups):
        if name in task.label.column or name not in members.table or name == "recording":
            continue
        if name in [row.name for row in rows]:
            continue
        known = texts(members.table[name])
        names, counts = np.unique(texts(reference.table[name]), return_counts=True)
        values = set(known) & set(names[counts >= _FEWEST_OF_VALUE])
        within = max(len(set(known[members.labels == c])) for c in set(members.labels.tolist()))
        if not 2 <= len(values) <= _MOST_VALUES or within < 2:
            left_out[f"attribute {name}"] = (
                f"values: {len(values)}, at most {within} within a class; needs 2 to {_MOST_VALUES}"
            )
            continue
        truth = _origin(released, members, name)
        if truth is None:
            left_out[f"attribute {name}"] = "released windows do not say which ones they come from"
            continue
        parts = []
        for part, told in (
            (reference, texts(reference.table[name])),
            (held_out, texts(held_out.table[name])),
            (released, truth),
        ):
            keep = np.isin(told, sorted(values))
            parts.append((view(part.take(keep)), told[keep]))
        try:
            rows.append(AttributeRow(name, attribute_leak(parts[0], parts[1], parts[2], rng)))
        except InputError as error:
            left_out[f"attribute {name}"] = str(error)
    return tuple(rows), left_out


def _origin(released: WindowSet, members: WindowSet, name: str) -> NDArray[np.str_] | None:
    """The attribute of the data that each released window comes from, None where unknown."""
    source = released.table.get("source")
    if source is not None and (np.asarray(source) >= 0).all():
        return texts(members.table[name][np.asarray(source, int)])
    column = released.table.get(name)
    return texts(column) if column is not None and _told(column) else None


def _told(column: Column) -> bool:
    """Whether a column says something of every window."""
    if column.dtype.kind == "f":
        return not bool(np.isnan(column).any())
    return bool((column.astype(str) != "").all())


def released_table(released: WindowSet, members: WindowSet) -> tuple[Anonymity | None, str]:
    """k and l of the metadata that goes out with the windows, counted over members' assets."""
    if "asset" not in members.table or (members.table["asset"].astype(str) == "").all():
        return None, "the windows name no asset"
    columns = [
        name
        for name, column in released.table.items()
        if name not in _NOT_RELEASED and name in members.table and _told(column)
    ]
    return anonymity(members.table, columns), ""


def canary_row(
    releaser: Releaser,
    members: WindowSet,
    stranger: WindowSet,
    trials: int,
    rng: np.random.Generator,
) -> CanaryBound:
    """Adapt with and without a canary, again and again: a loud, turned-over window of one class.

    The score is how much nearer the closest released window lies to the canary than to silence.
    """
    canary = stranger.with_x(-_LOUD * stranger.x)
    both = concat([members, canary])
    delta = float(releaser.claim.get("delta", DELTA))
    target = canary.rows.astype(np.float64)

    def score(there: bool, draw: np.random.Generator) -> float:
        made = releaser.release(both if there else members, draw)
        mine = made.rows[made.labels == stranger.labels[0]].astype(np.float64)
        return -float(nearest(target, mine)[0])

    return canary_bound(score, trials, delta, rng)
