"""What the fitted steps say about windows that they had not seen: the ground of all confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.diagnosis import aligned
from faultsyn.evaluate.novelty import Metric, energy
from faultsyn.experiment.shots import Support
from faultsyn.experiment.split import Fold, Indices
from faultsyn.plant.fitting import Fitted, Recipe
from faultsyn.plant.folds import Level, inner_folds
from faultsyn.plant.states import States
from faultsyn.windows import NORMAL, WindowSet

Floats = NDArray[np.float64]
Progress = Callable[[int, int, str], None]

_WITHHELD = 2
_MOSTLY = 0.5
SCORES = ("diagonal", "mahalanobis", "outlier", "energy")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions for training windows by fits that had not seen their group.

    - `level`: what was held out.
    - `index`: positions of the windows among the task's; `fold`, `unit`: the fold in which each
      was held out, and the piece of a recording that it belongs to, `(n,)`.
    - `new_state`: whether the fit had never met its operating state, `(n,)`.
    - `proba`: `(n, C)`; `codes`: true classes `(n,)`.
    - `strange`: unknown scores by kind `(n,)`; `withheld`: the same of windows of classes that the
      fit had never seen; `withheld_unit`, `withheld_fold`: recording and class, and fold of each.
    """

    level: Level
    classes: tuple[str, ...]
    index: Indices
    fold: Indices
    unit: Indices
    new_state: NDArray[np.bool_]
    proba: Floats
    codes: Indices
    strange: dict[str, Floats]
    withheld: dict[str, Floats]
    withheld_unit: NDArray[np.str_]
    withheld_fold: Indices

    def __len__(self) -> int:
        return len(self.index)

    @property
    def at_new_states(self) -> bool:
        """Whether most of it was held out together with its operating state."""
        return bool(self.new_state.mean() > _MOSTLY)


def cross_fit(
    recipe: Recipe,
    support: Support,
    hold_out: Level | None = None,
    progress: Progress | None = None,
    *,
    with_groups: bool = True,
) -> HeldOut | None:
    """Hold out parts of the support in turn; None where it is too small for that.

    - `hold_out`: what is held out; see `faultsyn.plant.folds.inner_folds`.
    - `with_groups`: whether groups are held out whole, where that can be done.

    Every fault class is also withheld, in the `_WITHHELD` folds that hold most of it out, so that
    the scores of unknown faults come from faults that were really unknown.
    """
    data = recipe.data
    chosen = np.sort(support.all)
    labels = data.windows.labels
    level, fold_of = inner_folds(
        data.windows.table, labels, chosen, data.task.split.groups if with_groups else (),
        recipe.seed, data.task.name, hold_out,
    )  # fmt: skip
    if level == "none":
        return None
    classes = tuple(sorted(set(labels[chosen].tolist())))
    faults = [label for label in classes if label != NORMAL]
    numbers = np.unique(fold_of)
    strangers = withheld_folds(labels[chosen], fold_of, faults) if len(classes) > 1 else {}
    parts = []
    for step, number in enumerate(numbers):
        if progress is not None:
            progress(step, len(numbers) + 1, f"held-out part {step + 1}")
        held = chosen[fold_of == number]
        fold = Fold(f"inner {number}", chosen[fold_of != number], held)
        mine = Support(
            support.normals[~np.isin(support.normals, held)],
            support.shots[~np.isin(support.shots, held)],
        )
        fitted = recipe.fit(fold, mine)
        windows = data.windows.take(held)
        withhold = [label for label in faults if number in strangers.get(label, ())]
        refit = partial(fitted.without, parts=(data.task.name, fold.name, recipe.seed))
        states = States.of(data.task, fitted.support)
        place = Place(held, int(number), states.never_met(windows))
        parts.append(judged(fitted, place, windows, fitted.rows(windows), classes, withhold, refit))
    return joined(level, classes, data.windows, parts)


def withheld_folds(
    labels: NDArray[np.str_], fold_of: Indices, faults: list[str]
) -> dict[str, tuple[int, ...]]:
    """The folds in which each fault class is withheld: those that hold out most of its windows."""
    found = {}
    for label in faults:
        counts = np.bincount(fold_of[labels == label])
        order = np.argsort(-counts, kind="stable")[:_WITHHELD]
        found[label] = tuple(int(fold) for fold in order if counts[fold])
    return found


@dataclass(frozen=True, eq=False)
class Place:
    """Which windows one fit was asked about; the fields as of `HeldOut`."""

    index: Indices
    fold: int
    new_state: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Part:
    """What one fit said of the windows that it had not seen; the fields as of `HeldOut`."""

    place: Place
    proba: Floats
    strange: dict[str, Floats]
    withheld: dict[str, Floats]
    withheld_unit: NDArray[np.str_]


def scores_of(fitted: Fitted, windows: WindowSet, rows: WindowSet) -> dict[str, Floats]:
    """Unknown scores of windows by kind, each `(n,)`."""
    return {kind: strangeness(kind, fitted, windows, rows) for kind in SCORES}


def strangeness(
    kind: str, fitted: Fitted, windows: WindowSet, rows: WindowSet, metric: Metric | None = None
) -> Floats:
    """One unknown score of windows, `(n,)`; `metric` where it is at hand."""
    if kind == "energy" and fitted.n_classes < 2:
        return np.zeros(len(rows))
    if kind == "energy":
        takes = rows if fitted.classifier.consumes == "features" else windows
        return energy(fitted.classifier.logits(takes))
    metric = metric or fitted.metric(None if kind == "mahalanobis" else 1.0)
    return metric.outlier(rows.rows) if kind == "outlier" else metric.to_means(rows.rows)


def judged(
    fitted: Fitted,
    place: Place,
    windows: WindowSet,
    rows: WindowSet,
    classes: tuple[str, ...],
    withhold: list[str],
    without: Callable[[str], Fitted],
) -> Part:
    """What a fit says of held-out windows.

    - `place`: which of the task's they are.
    - `withhold`: classes that are withheld; `without`: the fit that never saw one of them.
    """
    withheld: dict[str, list[Floats]] = {name: [] for name in SCORES}
    units: list[NDArray[np.str_]] = []
    for label in withhold:
        strangers = np.flatnonzero(rows.labels == label)
        found = scores_of(without(label), windows.take(strangers), rows.take(strangers))
        for name, score in found.items():
            withheld[name].append(score)
        units.append(np.char.add(rows.column("recording")[strangers].astype(str), f"\n{label}"))
    return Part(
        place,
        aligned(fitted.proba(windows, rows), fitted.classifier.classes_, classes),
        scores_of(fitted, windows, rows),
        {name: np.concatenate(found or [np.zeros(0)]) for name, found in withheld.items()},
        np.concatenate(units or [np.zeros(0, str)]),
    )


def joined(
    level: Level, classes: tuple[str, ...], windows: WindowSet, parts: list[Part]
) -> HeldOut:
    """The parts of all folds together; `windows` are those that their positions mean."""
    places = [part.place for part in parts]
    index = np.concatenate([place.index for place in places])
    fold = np.concatenate([np.full(len(place.index), place.fold) for place in places])
    position = {name: code for code, name in enumerate(classes)}
    recording = windows.column("recording")[index].astype(str)
    piece = np.char.add(np.char.add(recording, "\n"), fold.astype(str))
    return HeldOut(
        level=level,
        classes=classes,
        index=index,
        fold=fold,
        unit=np.unique(piece, return_inverse=True)[1],
        new_state=np.concatenate([place.new_state for place in places]),
        proba=np.concatenate([part.proba for part in parts]),
        codes=np.array([position[str(label)] for label in windows.labels[index]], np.intp),
        strange={k: np.concatenate([p.strange[k] for p in parts]) for k in SCORES},
        withheld={k: np.concatenate([p.withheld[k] for p in parts]) for k in SCORES},
        withheld_unit=np.concatenate([part.withheld_unit for part in parts]),
        withheld_fold=np.concatenate(
            [np.full(len(part.withheld_unit), part.place.fold) for part in parts]
        ),
    )
