"""Fitted classifiers as graphs: feature rows or what a network sees, to class scores.

The softmax of the scores is what the classifier's `predict_proba` gives.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.diagnose import FewShotClassifier
from faultsyn.diagnose.forest import Forest
from faultsyn.diagnose.lda import LinearDiscriminant
from faultsyn.diagnose.logistic_regression import LogisticRegression
from faultsyn.diagnose.metric_learner import MetricLearner
from faultsyn.diagnose.nearest_mean import NearestMean
from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.diagnose.ordinal_ridge import OrdinalRidge
from faultsyn.diagnose.ridge import Ridge
from faultsyn.edge.fourier import Constants
from faultsyn.errors import InputError

_LEAST_PROBABILITY = 1e-12


class Linear(Constants):
    """rows @ coef + intercept: discriminants and regressions."""

    coef: Tensor
    intercept: Tensor

    def __init__(self, coef: NDArray[np.float64], intercept: NDArray[np.float64]) -> None:
        super().__init__()
        self.hold(coef=coef, intercept=intercept)

    def forward(self, rows: Tensor) -> Tensor:
        """Scores `(n, n_classes)`."""
        return rows @ self.coef + self.intercept


class NearestCentre(Constants):
    """Minus squared distances to centres `(n_classes, n_features)` over a scale."""

    centres: Tensor

    def __init__(self, centres: NDArray[np.float64], scale: float) -> None:
        super().__init__()
        self.hold(centres=centres)
        self.scale = scale

    def forward(self, rows: Tensor) -> Tensor:
        """Scores `(n, n_classes)`."""
        apart = rows[:, None] - self.centres
        return -(apart * apart).sum(dim=-1) / self.scale


class Severity(nn.Module):
    """A regressed severity, then its distance to the level of each class."""

    def __init__(self, classifier: OrdinalRidge) -> None:
        super().__init__()
        self.regress = Linear(classifier.coef_[:, None], np.array([classifier.offset_]))
        self.levels = NearestCentre(classifier.levels_[:, None], 2 * classifier.noise_)

    def forward(self, rows: Tensor) -> Tensor:
        """Scores `(n, n_classes)`."""
        made: Tensor = self.levels(self.regress(rows))
        return made


class Trees(Constants):
    """Rows walked through all trees at once, as often as the deepest tree is deep."""

    threshold: Tensor
    value: Tensor

    def __init__(self, forest: Forest) -> None:
        super().__init__()
        self.hold(threshold=forest.threshold_, value=forest.value_)
        for name in ("left", "right", "feature", "roots"):
            values = torch.as_tensor(np.array(getattr(forest, f"{name}_"), np.int64))
            self.register_buffer(name, values, persistent=False)
        self.depth = _depth(forest)

    def forward(self, rows: Tensor) -> Tensor:
        """Scores `(n, n_classes)`."""
        rows = rows.to(torch.float32).to(torch.float64)  # trees were grown on float32
        node = self.roots[None].expand(rows.shape[0], -1)  # type: ignore[index]
        for _ in range(self.depth):
            value = rows.gather(1, self.feature[node])  # type: ignore[index]
            below = value <= self.threshold[node]
            node = torch.where(below, self.left[node], self.right[node])  # type: ignore[index]
        proba = self.value[node].mean(dim=1)
        return torch.log(proba.clamp(min=_LEAST_PROBABILITY))


def _depth(forest: Forest) -> int:
    """Steps from the roots until every path stands in a leaf, which is its own child."""
    nodes, depth = np.unique(forest.roots_), 0
    while True:
        inner = nodes[forest.left_[nodes] != nodes]
        if not len(inner):
            return depth
        nodes = np.unique(np.concatenate([forest.left_[inner], forest.right_[inner]]))
        depth += 1


class Network(nn.Module):
    """A network that gives scores itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, seen: Tensor) -> Tensor:
        """Scores `(n, n_classes)`."""
        made: Tensor = self.network(seen).to(torch.float64)
        return made


class Compared(nn.Module):
    """A metric learner: queries embedded and compared with the embedded support."""

    def __init__(self, learner: MetricLearner) -> None:
        super().__init__()
        self.network = learner.network_.eval()  # a part, so that its weights are the graph's
        self.learner = learner

    def forward(self, seen: Tensor) -> Tensor:
        """Scores `(n, n_classes)`."""
        made: Tensor = self.learner.scores(seen)
        return made.to(torch.float64)


def head_module(classifier: FewShotClassifier) -> nn.Module:
    """The fitted classifier as a graph, behind its scaling and front end where it has one.

    Raises `InputError` on one that has no graph: MiniRocket, or an answer that depends on the other
    queries.
    """
    if classifier.transductive:
        raise InputError(f"edge: {classifier.name} judges windows together, it cannot be exported")
    if isinstance(classifier, MetricLearner):
        return Compared(classifier)
    if isinstance(classifier, NetworkClassifier):
        return Network(classifier.network_)
    if isinstance(classifier, LinearDiscriminant | LogisticRegression):
        return Linear(classifier.coef_, classifier.intercept_)
    if isinstance(classifier, Ridge):
        head, scale = classifier.head_, 2 / classifier.head_.noise
        return Linear(head.coef * scale, head.intercept * scale)
    if isinstance(classifier, NearestMean):
        return NearestCentre(classifier.means_, classifier.temperature * classifier.spread_)
    if isinstance(classifier, OrdinalRidge):
        return Severity(classifier)
    if isinstance(classifier, Forest):
        return Trees(classifier)
    raise InputError(
        f"edge: classifier '{classifier.name}' cannot be exported",
        "networks, metric learners, linear heads, nearest-mean and forests can",
    )
