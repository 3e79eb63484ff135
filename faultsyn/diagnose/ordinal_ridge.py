"""Ridge regression of an ordered severity (Hoerl and Kennard 1970), read as the nearest level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.linear import sample_weights, softmax
from faultsyn.errors import InputError
from faultsyn.signal.whitening import residual
from faultsyn.windows import NORMAL, WindowSet

FloatRows = NDArray[np.float64]
_ALPHAS = np.geomspace(1e-4, 1e3, 29)  # relative to a total weight of 1
_LEAST_NOISE = 1e-3  # of the span of levels, squared


class OrdinalRidge(FewShotClassifier):
    """Uses that the classes are steps of one quantity: a pressure, a wear depth, a crack size.

    Rows are turned into res-r features: principal components of the normals without the r leading
    ones, which carry the operating condition. Ridge regression predicts the level, each class
    weighing the same; p(class) is proportional to exp(-(prediction - level)^2 / (2 s^2)), s^2 being
    the leave-one-out error. Penalty and r are those with the smallest leave-one-out error over the
    real windows, predictions being limited to the range of levels. Synthetic windows get the level
    of their class and only enter the final fit.

    The support needs the numeric column `severity`, one level a class, no two the same. Normals
    come from the base set, else from the support. Raises `InputError` where any of this is missing.

    - `drop`: numbers r to choose from; null takes the rows as they come.
    - `spacing`: regress on the "rank" of the severity, which trusts the order only, or on the
      "severity" itself.
    - `column`: the column that holds the severity.
    """

    name: ClassVar[str] = "ordinal-ridge"
    consumes: ClassVar[Consumes] = "features"

    normal_rows_: FloatRows | None = None

    def __init__(
        self,
        drop: Sequence[int] | None = (0, 6, 12, 24),
        spacing: Literal["severity", "rank"] = "rank",
        column: str = "severity",
    ) -> None:
        self.drop = drop
        self.spacing = spacing
        self.column = column

    def check_config(self) -> None:
        """Raise `InputError` on numbers of components that make no sense."""
        good = self.drop is None or (len(self.drop) > 0 and min(self.drop) >= 0)
        self._require(good, "drop", "a list of integers >= 0, or null")
        self._require(self.spacing in ("severity", "rank"), "spacing", "'severity' or 'rank'")

    def _meta_fit(self, base: WindowSet, rng: np.random.Generator) -> None:
        rows = base.of(NORMAL).rows.astype(np.float64)
        self.normal_rows_ = rows if len(rows) > 1 else None

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        self.levels_ = self._levels(support)
        rows, codes = support.rows.astype(np.float64), self._codes(support)
        targets = self.levels_[codes]
        real = ~support.synthetic
        best = np.inf
        for mean, matrix in self._transforms(support):
            made = (rows[real] - mean) @ matrix
            left_out = _leave_one_out(made, targets[real], _weights(codes[real]), _ALPHAS)
            # Beyond the outermost level the nearest one is the same however far the prediction is.
            left_out = left_out.clip(self.levels_.min(), self.levels_.max())
            errors = _weights(codes[real]) @ (left_out - targets[real, None]) ** 2
            if errors.min() < best:
                best, alpha = float(errors.min()), float(_ALPHAS[errors.argmin()])
                chosen = mean, matrix
        mean, matrix = chosen
        coef, offset = _ridge((rows - mean) @ matrix, targets, _weights(codes), alpha)
        self.coef_ = matrix @ coef
        self.offset_ = float(offset - mean @ self.coef_)
        self.alpha_, self.n_components_ = alpha, matrix.shape[1]
        span = float(np.ptp(self.levels_))
        self.noise_ = max(best, _LEAST_NOISE * span**2)

    def _levels(self, support: WindowSet) -> FloatRows:
        """Severity (or its rank) of each class, `(n_classes,)`, from its real windows."""
        column = np.asarray(support.column(self.column))
        if column.dtype.kind not in "fiub":
            raise InputError(f"{self.name}: column '{self.column}' is not numeric")
        real = ~support.synthetic
        levels: list[float] = []
        for label in self.classes_:
            values = np.unique(column[real & (support.labels == label)].astype(np.float64))
            if len(values) != 1 or np.isnan(values[0]):
                raise InputError(
                    f"{self.name}: expected one {self.column} for class '{label}', "
                    f"got {values[:5].tolist()}"
                )
            if values[0] in levels:
                raise InputError(
                    f"{self.name}: classes '{self.classes_[levels.index(values[0])]}' and "
                    f"'{label}' have the same {self.column} {values[0]:g}",
                    "this classifier is for ordered severities",
                )
            levels.append(float(values[0]))
        if self.spacing == "rank":
            return np.argsort(np.argsort(levels)).astype(np.float64)
        return np.array(levels)

    def _transforms(self, support: WindowSet) -> list[tuple[FloatRows, FloatRows]]:
        """Mean and matrix of each representation to choose from."""
        width = support.rows.shape[1]
        if self.drop is None:
            return [(np.zeros(width), np.eye(width))]
        normal = self.normal_rows_
        if normal is None:
            normal = support.take(~support.synthetic).of(NORMAL).rows.astype(np.float64)
        fits = [r for r in self.drop if r < min(len(normal) - 1, width)]
        if not fits:
            raise InputError(
                f"{self.name}: {len(normal)} normal windows of {width} features leave no principal "
                f"component after dropping {min(self.drop)}",
                "give normal windows, or set drop to null",
            )
        transforms = [residual(normal, r) for r in fits]
        return [(transform.mean, transform.matrix) for transform in transforms]

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        severity = query.rows.astype(np.float64) @ self.coef_ + self.offset_
        return softmax(-((severity[:, None] - self.levels_) ** 2) / (2 * self.noise_))

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = {"coef": self.coef_, "levels": self.levels_}
        if self.normal_rows_ is not None:
            arrays["normal_rows"] = self.normal_rows_
        names = ("offset", "noise", "alpha", "n_components")
        return arrays, {name: getattr(self, f"{name}_") for name in names}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.coef_, self.levels_ = arrays["coef"], arrays["levels"]
        self.normal_rows_ = arrays.get("normal_rows")
        self.offset_, self.noise_ = float(info["offset"]), float(info["noise"])
        self.alpha_, self.n_components_ = float(info["alpha"]), int(info["n_components"])


def _weights(codes: NDArray[np.intp]) -> FloatRows:
    """Every class the same total, 1 together."""
    return sample_weights(codes, "balanced") / len(codes)


def _centred(
    rows: FloatRows, targets: FloatRows, weights: FloatRows
) -> tuple[FloatRows, FloatRows, FloatRows, float]:
    """Design and targets around their weighted means, times root weights; and those means."""
    shares = weights / weights.sum()
    mean, level = shares @ rows, float(shares @ targets)
    root = np.sqrt(weights)
    return root[:, None] * (rows - mean), root * (targets - level), mean, level


def _ridge(
    rows: FloatRows, targets: FloatRows, weights: FloatRows, alpha: float
) -> tuple[FloatRows, float]:
    """Minimise sum w (t - b - x'c)^2 + alpha |c|^2; coefficients c and offset b."""
    design, aims, mean, level = _centred(rows, targets, weights)
    u, s, vt = np.linalg.svd(design, full_matrices=False)
    coef = vt.T @ (s / (s**2 + alpha) * (u.T @ aims))
    return coef, level - float(mean @ coef)


def _leave_one_out(
    rows: FloatRows, targets: FloatRows, weights: FloatRows, alphas: FloatRows
) -> FloatRows:
    """Prediction of each window by `_ridge` without it, for each penalty, `(n, n_alphas)`.

    Target minus residual / (1 - leverage), which is exact for weighted ridge with a free offset;
    weights are not rescaled when a window is left out.
    """
    design, aims, _, _ = _centred(rows, targets, weights)
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    filters = s[:, None] ** 2 / (s[:, None] ** 2 + alphas)
    residuals = aims[:, None] - u @ (filters * (u.T @ aims)[:, None])
    leverage = weights[:, None] + u**2 @ filters
    free = np.maximum(1 - leverage, 1e-9)
    return np.asarray(targets[:, None] - residuals / free / np.sqrt(weights)[:, None])
