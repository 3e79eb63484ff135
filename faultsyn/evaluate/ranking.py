"""Features ranked by how well each alone separates classes on groups that were held out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.signal.meaning import Meaning

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What one held-out group says; every figure is of rules fitted on the other groups.

    A class that the group or the training side lacks has NaN.

    - `group`: its name. `rows`, `labels`: its windows, `(n, n_features)` and `(n,)`.
    - `auroc`: of each class against the others, `(n_classes, n_features)`; turned so that training
      groups are above 0.5, so below 0.5 means that the feature points the other way here.
    - `low`, `high`, `fitted`: of each class's rule: the class lies in between (one may be
      infinite), and its balanced accuracy on the training groups.
    - `recall`, `false_alarms`: of the rules here.
    - `importance`: drop of the forest's balanced accuracy when a feature is shuffled,
      `(n_features,)`; `forest`: that accuracy.
    """

    group: str
    rows: NDArray[np.float32]
    labels: NDArray[np.str_]
    auroc: Floats
    low: Floats
    high: Floats
    fitted: Floats
    recall: Floats
    false_alarms: Floats
    importance: Floats
    forest: float

    @property
    def accuracy(self) -> Floats:
        """Balanced accuracy of the rules here, `(n_classes, n_features)`."""
        return (self.recall + 1 - self.false_alarms) / 2


@dataclass(frozen=True)
class Rule:
    """The best rule of one class: the class is called when the feature lies in `low` to `high`.

    - `feature`: its column. `low`, `high`: medians over the training sides; None on the open side.
    - `range`: lowest and highest of each over the training sides.
    - `accuracy`, `worst`: balanced accuracy, mean and lowest of the held-out groups;
      `recall`, `false_alarms`: means.
    - `blind`: the mean when each fold chooses the feature on its training groups alone. `accuracy`
      is flattered by the choice among many features, this is not.
    """

    label: str
    feature: int
    low: float | None
    high: float | None
    range: tuple[tuple[float, float] | None, tuple[float, float] | None]
    accuracy: float
    worst: float
    recall: float
    false_alarms: float
    blind: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """Held-out figures of every feature.

    - `classes`: order of the first axis of what `folds` holds.
    """

    classes: tuple[str, ...]
    folds: tuple[HeldOut, ...]

    def auroc(self) -> Floats:
        """Mean over the groups, `(n_classes, n_features)`."""
        return _mean(np.stack([fold.auroc for fold in self.folds]))

    def worst(self) -> Floats:
        """Lowest of the groups, `(n_classes, n_features)`."""
        return np.asarray(np.fmin.reduce(np.stack([fold.auroc for fold in self.folds])))

    def separation(self) -> Floats:
        """Mean AUROC over classes, `(n_features,)`: what the order follows."""
        return _mean(self.auroc())

    def importance(self) -> Floats:
        """Mean permutation importance, `(n_features,)`."""
        return np.asarray(np.mean([fold.importance for fold in self.folds], axis=0))

    def order(self) -> NDArray[np.intp]:
        """Features from the best down."""
        return np.argsort(-self.separation(), kind="stable")

    def rules(self) -> tuple[Rule, ...]:
        """The best rule of each class, by balanced accuracy over the held-out groups."""
        accuracy = np.stack([fold.accuracy for fold in self.folds])
        return tuple(
            self._rule(at, accuracy[:, at])
            for at in range(len(self.classes))
            if np.isfinite(accuracy[:, at]).any()
        )

    def _rule(self, at: int, accuracy: Floats) -> Rule:
        mean = _mean(accuracy)
        best = int(mean.argmax())
        folds = [f for f, row in zip(self.folds, accuracy, strict=True) if np.isfinite(row[best])]
        low = _common([fold.low[at, best] for fold in folds])
        high = _common([fold.high[at, best] for fold in folds])
        chosen = [int(fold.fitted[at].argmax()) for fold in folds]
        return Rule(
            label=self.classes[at],
            feature=best,
            low=None if low is None else float(np.median(low)),
            high=None if high is None else float(np.median(high)),
            range=(_ends(low), _ends(high)),
            accuracy=float(mean[best]),
            worst=float(np.nanmin(accuracy[:, best])),
            recall=float(np.mean([fold.recall[at, best] for fold in folds])),
            false_alarms=float(np.mean([fold.false_alarms[at, best] for fold in folds])),
            blind=float(np.mean([f.accuracy[at, j] for f, j in zip(folds, chosen, strict=True)])),
        )


@dataclass(frozen=True, eq=False)
class TaskRanking:
    """A ranking, and what its columns mean.

    - `task`: its name; `level`: what was held out; `features`: the extraction.
    - `meanings`: of each column. `data_hash`: of the store; `seed`: of forest and shuffles.
    """

    task: str
    level: str
    features: str
    meanings: tuple[Meaning, ...]
    ranking: Ranking
    data_hash: str
    seed: int


def _common(cuts: list[float]) -> list[float] | None:
    """The finite ones, where most are: training sides may disagree on whether there is one."""
    finite = [cut for cut in cuts if np.isfinite(cut)]
    return finite if 2 * len(finite) > len(cuts) else None


def _ends(cuts: list[float] | None) -> tuple[float, float] | None:
    return None if cuts is None else (float(min(cuts)), float(max(cuts)))


def _mean(values: Floats) -> Floats:
    """Mean over the first axis without NaN; NaN where there is nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=0))
