"""Linear discriminant analysis with shrunken covariance (Fisher 1936; Friedman 1989)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.folds import shot_folds
from faultsyn.diagnose.linear import class_means, softmax
from faultsyn.windows import NORMAL, WindowSet

FloatRows = NDArray[np.float64]
_GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9)
_JITTER = 1e-9  # of the mean variance: keeps shrinkage 0 solvable


class LinearDiscriminant(FewShotClassifier):
    """Equal priors and one covariance for all classes, learnt mostly from normals.

    score_c(x) = mu_c' S^-1 x - mu_c' S^-1 mu_c / 2 with S = (1 - lambda) W + lambda T, where W is
    the covariance of all windows around their class mean. A base set's normals take the place of
    the support's normals in W (not in the means): overlapping windows and normals left out of the
    support are welcome there. With one window a class and no normals W is empty, S the identity.

    - `shrinkage`: lambda in 0..1, "ledoit-wolf" (Ledoit and Wolf 2004), or "cv": the best of a
      grid by cross-validated balanced accuracy on the real shots, "ledoit-wolf" where each class
      has only one.
    - `target`: T; "diagonal" keeps each feature's own within-class variance, "identity" gives all
      features the mean variance.
    """

    name: ClassVar[str] = "lda"
    consumes: ClassVar[Consumes] = "features"

    normal_rows_: FloatRows | None = None

    def __init__(
        self,
        shrinkage: float | Literal["ledoit-wolf", "cv"] = "ledoit-wolf",
        target: Literal["diagonal", "identity"] = "diagonal",
    ) -> None:
        self.shrinkage = shrinkage
        self.target = target

    def check_config(self) -> None:
        """Raise `InputError` on a shrinkage or target that makes no sense."""
        good = (
            self.shrinkage in ("ledoit-wolf", "cv")
            if isinstance(self.shrinkage, str)
            else 0 <= self.shrinkage <= 1
        )
        self._require(good, "shrinkage", "0..1, 'ledoit-wolf' or 'cv'")
        self._require(self.target in ("diagonal", "identity"), "target", "'diagonal' or 'identity'")

    def _meta_fit(self, base: WindowSet, rng: np.random.Generator) -> None:
        rows = base.of(NORMAL).rows.astype(np.float64)
        self.normal_rows_ = rows if len(rows) > 1 else None

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        rows, codes = support.rows.astype(np.float64), self._codes(support)
        normal = self.classes_.index(NORMAL) if NORMAL in self.classes_ else None
        lam: float | None = None
        if self.shrinkage == "cv":
            real = ~support.synthetic
            lam = self._choose(rows[real], codes[real], normal, rng)
        elif not isinstance(self.shrinkage, str):
            lam = float(self.shrinkage)
        self.coef_, self.intercept_, self.shrinkage_ = self._solve(rows, codes, normal, lam)

    def _solve(
        self, rows: FloatRows, codes: NDArray[np.intp], normal: int | None, lam: float | None
    ) -> tuple[FloatRows, FloatRows, float]:
        """Coefficients `(n_features, n_classes)`, intercepts and the lambda that was used."""
        means = class_means(rows, codes, len(self.classes_))
        around = rows - means[codes]
        if self.normal_rows_ is not None:
            base = self.normal_rows_ - self.normal_rows_.mean(axis=0)
            around = np.concatenate([around[codes != normal], base])
        scale = np.sqrt((around**2).mean(axis=0)) if self.target == "diagonal" else np.ones(1)
        scale = np.broadcast_to(np.where(scale > 0, scale, 1.0), means.shape[1:])
        around, means = around / scale, means / scale
        within = around.T @ around / len(around)
        size = float(np.trace(within)) / len(within)
        if size == 0:
            within, size = np.eye(len(within)), 1.0
        used = _ledoit_wolf(around) if lam is None else lam
        mixed = (1 - used) * within
        mixed[np.diag_indices_from(mixed)] += (used + _JITTER) * size
        coef = np.linalg.solve(mixed, means.T)
        intercept = -0.5 * (means * coef.T).sum(axis=1)
        return coef / scale[:, None], intercept, used

    def _choose(
        self, rows: FloatRows, codes: NDArray[np.intp], normal: int | None, rng: np.random.Generator
    ) -> float | None:
        folds = shot_folds(codes, len(self.classes_), rng)
        if not folds:
            return None
        scores = np.zeros(len(_GRID))
        for held in folds:
            for i, lam in enumerate(_GRID):
                coef, intercept, _ = self._solve(rows[~held], codes[~held], normal, lam)
                guess = (rows[held] @ coef + intercept).argmax(axis=1)
                scores[i] += _balanced_accuracy(codes[held], guess)
        return _GRID[int(scores.argmax())]

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        return softmax(self._logits(query))

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        return np.asarray(query.rows.astype(np.float64) @ self.coef_ + self.intercept_)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = {"coef": self.coef_, "intercept": self.intercept_}
        if self.normal_rows_ is not None:
            arrays["normal_rows"] = self.normal_rows_
        return arrays, {"shrinkage": self.shrinkage_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]
        self.shrinkage_ = float(info["shrinkage"])
        self.normal_rows_ = arrays.get("normal_rows")


def _ledoit_wolf(around: FloatRows) -> float:
    from sklearn.covariance import ledoit_wolf_shrinkage

    return float(ledoit_wolf_shrinkage(around, assume_centered=True))


def _balanced_accuracy(truth: NDArray[np.intp], guess: NDArray[np.intp]) -> float:
    """Mean recall over the classes that occur."""
    hits = [float((guess[truth == code] == code).mean()) for code in np.unique(truth)]
    return sum(hits) / len(hits)
