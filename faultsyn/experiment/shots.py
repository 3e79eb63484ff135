"""Drawing K shots: the same for every generator and classifier, so that arms are paired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.experiment.filters import Columns, keys
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.split import Fold, Indices
from faultsyn.experiment.task import Draw
from faultsyn.windows import NORMAL


@dataclass(frozen=True, eq=False)
class Support:
    """The real windows that an arm may learn from.

    - `normals`: indices of training normals.
    - `shots`: indices of the K shots of every fault class, class by class.
    """

    normals: Indices
    shots: Indices

    @property
    def all(self) -> Indices:
        """Normals, then shots."""
        return np.concatenate([self.normals, self.shots])


def draw_support(
    table: Columns,
    labels: NDArray[np.str_],
    classes: tuple[str, ...],
    fold: Fold,
    draw: Draw,
    k: int | str,
    seed: int,
    normals: int | None,
    what: str,
) -> Support:
    """Normals and shots of one (task, fold, k, seed).

    - `labels`: class of each window; healthy is `NORMAL`.
    - `k`: shots per class, or "all".
    - `normals`: at most so many normals; None = all of the training side.
    - `what`: the task's name; with fold and seed it decides the draw.

    At random, the shots of a smaller k are among those of a larger one. Raises `InputError` naming
    a class with fewer than k training windows (or no event with k of them).
    """
    healthy = np.zeros(0, np.intp)
    if NORMAL in classes:
        healthy = draw_normals(labels, fold, seed, normals, what)
        if len(healthy) == 0:
            raise InputError("no normal training windows")
    chosen = []
    for label in classes:
        if label == NORMAL:
            continue
        members = fold.train[labels[fold.train] == label]
        rng = rng_for("shots", what, fold.name, seed, label)
        if len(members) == 0:
            raise InputError(f"no training windows of class '{label}'")
        if k == "all":
            chosen.append(members)
            continue
        ordered = _ordered(table, members, draw, int(k), rng, label, what)
        if len(ordered) < int(k):
            raise InputError(f"class '{label}' has {len(ordered)} training windows, k = {k}")
        chosen.append(ordered[: int(k)])
    return Support(healthy, np.concatenate(chosen))


def kept_shots(
    support: Support, labels: NDArray[np.str_], share: float, *parts: str | int
) -> NDArray[np.bool_]:
    """Which rows of `support.all` a classifier gets: all normals, a share of each class's shots.

    - `labels`: class of each of the task's windows; `parts`: decide the draw. A smaller share is
      among a larger one; any share above 0 keeps one shot at least.
    """
    kept = np.ones(len(support.all), bool)
    of_shot = labels[support.shots]
    for label in np.unique(of_shot):
        rows = np.flatnonzero(of_shot == label)
        count = int(np.ceil(share * len(rows) - 1e-9))
        drawn = rng_for("kept shots", *parts, str(label)).permutation(rows)
        kept[len(support.normals) + drawn[count:]] = False
    return kept


def draw_normals(
    labels: NDArray[np.str_], fold: Fold, seed: int, normals: int | None, what: str
) -> Indices:
    """Training normals of a fold, ascending; at most `normals` of them, drawn by seed."""
    members: Indices = fold.train[labels[fold.train] == NORMAL]
    if normals is None or len(members) <= normals:
        return members
    rng = rng_for("normals", what, fold.name, seed)
    drawn: Indices = np.sort(rng.permutation(members)[:normals])
    return drawn


def _ordered(
    table: Columns,
    members: Indices,
    draw: Draw,
    k: int,
    rng: np.random.Generator,
    label: str,
    what: str,
) -> Indices:
    """The windows of a class in the order in which they are taken."""
    if draw.draw == "random":
        return rng.permutation(members)
    names = draw.event if draw.draw == "one-event" else ("recording",)
    if draw.draw == "onset":
        onset = np.nan_to_num(np.asarray(table.get("onset", table["start"] * 0), float))
        members = members[table["start"][members] >= onset[members]]
    event = keys(table, names, what)[members]
    sizes = {name: int((event == name).sum()) for name in sorted(set(event))}
    enough = [name for name, size in sizes.items() if size >= k]
    if not enough:
        most = max(sizes.values(), default=0)
        raise InputError(
            f"class '{label}': no {'/'.join(names)} with {k} training windows, at most {most}"
        )
    of_event = members[event == rng.permutation(np.array(enough))[0]]
    if draw.draw == "one-event":
        return rng.permutation(of_event)
    in_time: Indices = of_event[np.argsort(table["start"][of_event], kind="stable")]
    return in_time
