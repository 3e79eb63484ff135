"""Multinomial logistic regression (Cox 1958; scikit-learn's lbfgs solver)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.linear import ClassWeight, softmax
from faultsyn.windows import WindowSet

logger = logging.getLogger(__name__)


class LogisticRegression(FewShotClassifier):
    """Softmax of a linear function of the rows, with an L2 penalty |W|^2 / (2 C).

    - `C`: inverse penalty; larger fits the shots closer.
    - `class_weight`: "balanced" weighs every class the same in total, None every window.
    - `max_iter`: most iterations; stopping there is logged as a warning.
    """

    name: ClassVar[str] = "logistic-regression"
    consumes: ClassVar[Consumes] = "features"

    def __init__(
        self, C: float = 1.0, class_weight: ClassWeight = None, max_iter: int = 1000
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.max_iter = max_iter

    def check_config(self) -> None:
        """Raise `InputError` on a penalty, weighting or iteration count that makes no sense."""
        self._require(self.C > 0, "C", "a number > 0")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")
        self._require(self.max_iter >= 1, "max_iter", "an integer >= 1")

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression as Sklearn

        model = Sklearn(C=self.C, class_weight=self.class_weight, max_iter=self.max_iter)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(support.rows.astype(np.float64), self._codes(support))
        if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            logger.warning("%s: not converged after %d iterations", self.name, self.max_iter)
        self.coef_, self.intercept_ = model.coef_.T, np.atleast_1d(model.intercept_)
        if self.coef_.shape[1] == 1:  # two classes: scikit-learn keeps the log odds only
            self.coef_ = np.concatenate([np.zeros_like(self.coef_), self.coef_], axis=1)
            self.intercept_ = np.concatenate([[0.0], self.intercept_])

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._logits(query))

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        return np.asarray(query.rows.astype(np.float64) @ self.coef_ + self.intercept_)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"coef": self.coef_, "intercept": self.intercept_}, {}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]
