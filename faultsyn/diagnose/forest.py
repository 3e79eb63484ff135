"""Tree ensembles kept as plain arrays, so that no pickle is needed to save one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.linear import ClassWeight
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

_BLOCK = 4096  # query rows walked through all trees at once; bounds memory


class Forest(FewShotClassifier):
    """Mean of the class fractions in the leaves that a row falls into, one leaf a tree.

    scikit-learn grows the trees; all of them then lie in five arrays over the nodes of all trees:
    `left_` and `right_` child (the node itself in a leaf), `feature_`, `threshold_`, and `value_`
    `(n_nodes, n_classes)`; `roots_` says where each tree begins.

    - `n_trees`: trees grown.
    - `class_weight`: "balanced" weighs every class the same in total, None every window.
    """

    consumes: ClassVar[Consumes] = "features"

    def __init__(self, n_trees: int = 150, class_weight: ClassWeight = None) -> None:
        self.n_trees = n_trees
        self.class_weight = class_weight

    def check_config(self) -> None:
        """Raise `InputError` on a number of trees or a weighting that makes no sense."""
        self._require(self.n_trees >= 1, "n_trees", "an integer >= 1")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")

    @abstractmethod
    def _grower(self, seed: int) -> Any:
        """An unfitted scikit-learn ensemble."""

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        ensemble = self._grower(int(rng.integers(2**31)))
        ensemble.fit(support.rows, self._codes(support))
        trees = [member.tree_ for member in ensemble.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        self.roots_ = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
        self.left_ = np.concatenate(
            [_children(t.children_left, r) for t, r in zip(trees, self.roots_, strict=True)]
        )
        self.right_ = np.concatenate(
            [_children(t.children_right, r) for t, r in zip(trees, self.roots_, strict=True)]
        )
        # A leaf's feature is -2 there; any valid one will do, both children being the leaf itself.
        self.feature_ = np.concatenate([np.maximum(t.feature, 0) for t in trees]).astype(np.int32)
        self.threshold_ = np.concatenate([t.threshold for t in trees])
        value = np.concatenate([t.value[:, 0, :] for t in trees])
        self.value_ = value / value.sum(axis=1, keepdims=True)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        blocks = [
            self._walk(query.rows[start : start + _BLOCK]) for start in range(0, len(query), _BLOCK)
        ]
        return np.concatenate(blocks)

    def _walk(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        which = np.arange(len(rows))[:, None]
        node = np.broadcast_to(self.roots_, (len(rows), len(self.roots_)))
        while True:
            goes_left = rows[which, self.feature_[node]] <= self.threshold_[node]
            below = np.where(goes_left, self.left_[node], self.right_[node])
            if np.array_equal(below, node):
                break
            node = below
        total = np.zeros((len(rows), self.value_.shape[1]))
        for tree in range(node.shape[1]):
            total += self.value_[node[:, tree]]
        return np.asarray(total / node.shape[1])

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = {
            "roots": self.roots_,
            "left": self.left_,
            "right": self.right_,
            "feature": self.feature_,
            "threshold": self.threshold_,
            "value": self.value_,
        }
        return arrays, {}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.roots_, self.left_, self.right_ = arrays["roots"], arrays["left"], arrays["right"]
        self.feature_, self.threshold_ = arrays["feature"], arrays["threshold"]
        self.value_ = arrays["value"]
        own, n = np.arange(len(self.left_)), len(self.left_)
        down = all(((side >= own) & (side < n)).all() for side in (self.left_, self.right_))
        inside = (self.feature_ >= 0) & (self.feature_ < self.shape_[0] * self.shape_[1])
        if not (down and inside.all() and ((self.roots_ >= 0) & (self.roots_ < n)).all()):
            raise InputError(f"{self.name}: the trees of the artefact do not hold together")


def _children(local: NDArray[np.int64], root: int) -> NDArray[np.int32]:
    """Child positions among the nodes of all trees; a leaf is its own child."""
    itself = np.arange(len(local))
    return np.asarray(np.where(local < 0, itself, local) + root, np.int32)
