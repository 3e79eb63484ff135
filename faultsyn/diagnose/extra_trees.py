"""Extremely randomised trees (Geurts, Ernst, Wehenkel 2006)."""

from __future__ import annotations

from typing import Any, ClassVar

from faultsyn.diagnose.forest import Forest


class ExtraTrees(Forest):
    """Trees on all windows, a random threshold for each of sqrt(n_features) features a node.

    Arguments as in `Forest`.
    """

    name: ClassVar[str] = "extra-trees"

    def _grower(self, seed: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(
            self.n_trees, class_weight=self.class_weight, random_state=seed, n_jobs=1
        )
