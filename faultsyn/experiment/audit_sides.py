"""Who is who in an audit: members, others of the same and of other groups, references."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.experiment.shots import draw_support
from faultsyn.experiment.training import Place
from faultsyn.windows import NORMAL

Indices = NDArray[np.intp]

MOST = 400
"""Windows of each kind and class at most: enough for the rates that can be told apart."""

_FEWEST = 4
"""Windows of a class that must be left on the training side: two to test, two to refer to."""


@dataclass(frozen=True, eq=False)
class Sides:
    """Rows of the task's windows, all of fault classes, none in two of them.

    - `members`: what the generator learns from.
    - `same`: windows of the training groups that it does not; tested.
    - `other`: windows of held-out groups; tested.
    - `reference`: windows of both kinds of groups that the adversary has.
    - `shadow`: windows of held-out groups that the adversary trains generators of their own on.
    """

    members: Indices
    same: Indices
    other: Indices
    reference: Indices
    shadow: Indices


def draw_sides(place: Place, k: int, seed: int, rng: np.random.Generator) -> Sides:
    """Draw the sides of one repetition: K shots of each class, and the rest shared out by `rng`.

    Raises `InputError` naming a class of which too few windows are left.
    """
    data, task, fold = place.data, place.data.task, place.side
    labels = data.windows.labels
    members = draw_support(
        data.windows.table, labels, data.classes, fold, task.shots, k, seed, task.normals, task.name
    ).shots
    parts: dict[str, list[Indices]] = {"same": [], "other": [], "reference": [], "shadow": []}
    for label in data.classes:
        if label == NORMAL:
            continue
        trained = fold.train[labels[fold.train] == label]
        rest = rng.permutation(np.setdiff1d(trained, members))
        if len(rest) < _FEWEST:
            raise InputError(
                f"{task.name}: class '{label}' has {len(trained)} training windows; {k} shots "
                f"leave {len(rest)}, an audit needs {_FEWEST}",
                "take fewer shots",
            )
        held_out = rng.permutation(fold.test[labels[fold.test] == label])
        half, third = len(rest) // 2, len(held_out) // 3
        parts["same"].append(rest[:half][:MOST])
        parts["other"].append(held_out[:third][:MOST])
        parts["shadow"].append(held_out[third : 2 * third][:MOST])
        elsewhere = held_out[2 * third :][:MOST]
        # As many of either kind of group, so that the reference favours neither.
        count = min(len(elsewhere), len(rest) - half, MOST) if third else len(rest) - half
        parts["reference"] += [rest[half : half + count], elsewhere[:count]]
    drawn = {name: np.concatenate(found) for name, found in parts.items()}
    return Sides(members, **drawn)
