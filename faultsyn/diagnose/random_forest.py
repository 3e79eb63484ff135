"""Random forest (Breiman 2001)."""

from __future__ import annotations

from typing import Any, ClassVar

from faultsyn.diagnose.forest import Forest


class RandomForest(Forest):
    """Trees on bootstrap samples, the best split among sqrt(n_features) random features a node.

    Arguments as in `Forest`.
    """

    name: ClassVar[str] = "random-forest"

    def _grower(self, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            self.n_trees, class_weight=self.class_weight, random_state=seed, n_jobs=1
        )
