"""What linear classifiers share: softmax, class weights, and a ridge head with probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

ClassWeight = Literal["balanced"] | None

_LEAST_NOISE = 1e-2  # a ridge that explains its few shots exactly is not certain of a new window


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities of scores `(n, n_classes)`; rows sum to 1."""
    shifted = np.asarray(scores, np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def class_means(rows: NDArray[Any], codes: NDArray[np.intp], n_classes: int) -> NDArray[np.float64]:
    """Mean row of each class, `(n_classes, n_features)`."""
    wide = np.asarray(rows, np.float64)
    return np.stack([wide[codes == code].mean(axis=0) for code in range(n_classes)])


def sample_weights(codes: NDArray[np.intp], class_weight: ClassWeight) -> NDArray[np.float64]:
    """Weight of each window, mean 1; "balanced" gives every class the same total."""
    if class_weight is None:
        return np.ones(len(codes))
    counts = np.bincount(codes)
    return np.asarray(len(codes) / (np.count_nonzero(counts) * counts[codes]))


@dataclass(frozen=True)
class RidgeHead:
    """One-against-rest ridge regression of targets +1 and -1.

    - `coef`: `(n_features, n_classes)`; `intercept`: `(n_classes,)`.
    - `noise`: leave-one-out mean squared error of the targets. With targets seen through
      independent errors of this variance, log p(class) = 2 score / noise + constant, which is how
      `proba` turns scores into probabilities.
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    noise: float

    @classmethod
    def fit(
        cls,
        rows: NDArray[Any],
        codes: NDArray[np.intp],
        alphas: NDArray[np.float64],
        class_weight: ClassWeight,
    ) -> Self:
        """Choose the penalty among `alphas` by leave-one-out error and fit."""
        from sklearn.linear_model import RidgeClassifierCV

        ridge = RidgeClassifierCV(alphas=alphas, class_weight=class_weight)
        ridge.fit(np.asarray(rows, np.float64), codes)
        coef, intercept = np.atleast_2d(ridge.coef_).T, np.atleast_1d(ridge.intercept_)
        if coef.shape[1] == 1:  # two classes: scikit-learn keeps the second one only
            coef = np.concatenate([-coef, coef], axis=1)
            intercept = np.concatenate([-intercept, intercept])
        return cls(coef, intercept, max(-float(ridge.best_score_), _LEAST_NOISE))

    def proba(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Class probabilities `(n, n_classes)` of rows `(n, n_features)`."""
        scores = np.asarray(rows, np.float64) @ self.coef + self.intercept
        return softmax(2 * scores / self.noise)

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that `restore` puts back."""
        return {
            "coef": self.coef,
            "intercept": self.intercept,
            "noise": np.array([self.noise]),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild what `state` took apart."""
        return cls(arrays["coef"], arrays["intercept"], float(arrays["noise"][0]))
