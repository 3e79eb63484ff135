"""One fit of representation, generator and classifier on a support: the core of a diagnoser.

The same steps in the same order as a cell of a study (`faultsyn.experiment.scoring`), so that what
a study found holds for the artefact.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose import FewShotClassifier, build_classifier
from faultsyn.evaluate.novelty import Metric
from faultsyn.experiment.arms import ClassifierArm, GeneratorArm
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.shots import Support
from faultsyn.experiment.split import Fold
from faultsyn.experiment.synthesis import Synthesis
from faultsyn.experiment.views import FeatureView, FoldFeatures, View, WindowView
from faultsyn.signal.representation import Representation
from faultsyn.windows import WindowSet, concat

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """What is fitted: everything but the windows.

    - `k`: shots of each class, or "all"; it names the random numbers.
    """

    data: TaskData
    generator: GeneratorArm
    classifier: ClassifierArm
    k: int | str
    seed: int
    cache: Path

    def fit(self, fold: Fold, support: Support) -> Fitted:
        """Fit on a support inside the training side of `fold`."""
        data = self.data
        spec = self.classifier.representation_of(data.task)
        features = FoldFeatures(data, fold, spec, ArrayCache(self.cache))
        rows = FeatureView(features, support)
        classifier = build_classifier(self.classifier.method, **self.classifier.config)
        view: View = rows
        if classifier.consumes == "windows":
            view = WindowView(data, fold, support)
        made = Synthesis(
            self.generator, data, fold, support, self.k, self.seed, self.cache
        ).windows(view, classifier.consumes)
        learnt = view.support if made is None else concat([view.support, made])
        embedded = rows.support
        if made is not None:
            embedded = concat([embedded, made if view is rows else rows.see(made)])
        fitted = Fitted(rows.representation, classifier, embedded, learnt, view.base)
        return fitted.train(self._parts(fold))

    def _parts(self, fold: Fold) -> tuple[str | int, ...]:
        return (self.data.task.name, fold.name, self.k, self.seed, self.classifier.name)


@dataclass
class Fitted:
    """Representation, classifier and the embedded support.

    - `support`: feature rows of everything that was learnt from, synthetic ones marked.
    - `learnt`: the same as the classifier takes them (rows or windows).
    - `base`: what the classifier was meta-fitted on.
    """

    representation: Representation
    classifier: FewShotClassifier
    support: WindowSet
    learnt: WindowSet
    base: WindowSet | None = None

    def train(self, parts: tuple[str | int, ...]) -> Fitted:
        """Meta-fit and fit the classifier; `parts` name its random numbers."""
        if self.base is not None and len(self.base):
            self.classifier.meta_fit(self.base, rng_for("meta_fit", *parts))
        self.classifier.fit(self.learnt, rng_for("fit", *parts))
        return self

    def without(self, label: str, parts: tuple[str | int, ...]) -> Fitted:
        """The same fit as if a class had never been seen; with one class left, no classifier."""
        kept = self.learnt.labels != label
        base = self.base
        if base is not None:
            base = base.take(base.labels != label)
        classifier = build_classifier(self.classifier.name, **self.classifier.config())
        made = Fitted(
            self.representation, classifier, self.support.take(kept), self.learnt.take(kept), base
        )
        return made.train((*parts, "without", label)) if made.n_classes > 1 else made

    @property
    def n_classes(self) -> int:
        """Classes in the support."""
        return len(set(self.support.labels.tolist()))

    def metric(self, share: float | None, whiten: Floats | None = None) -> Metric:
        """The metric of the real support rows; `share` as of `Metric.fit`.

        - `whiten`: its map, where it was learnt before.
        """
        real = self.support.take(~self.support.synthetic)
        known = real if len(real) else self.support
        _, codes = np.unique(known.labels, return_inverse=True)
        if whiten is not None:
            return Metric.under(whiten, known.rows, codes)
        return Metric.fit(known.rows, codes, share)

    def rows(self, windows: WindowSet) -> WindowSet:
        """Feature rows of windows in physical units."""
        return self.representation.transform(windows)

    def proba(self, windows: WindowSet, rows: WindowSet) -> Floats:
        """Class probabilities, columns in the order of the classifier's classes."""
        takes = rows if self.classifier.consumes == "features" else windows
        return self.classifier.predict_proba(takes)

    def copy(self) -> Fitted:
        """One whose classifier can be fitted anew without touching this one."""
        return Fitted(
            self.representation, copy(self.classifier), self.support, self.learnt, self.base
        )
