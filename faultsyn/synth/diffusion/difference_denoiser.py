"""What would this window be, were it healthy? The Gaussian denoiser of the normals.

For normals n ~ N(m, C) the denoiser of EDM (Karras et al., NeurIPS 2022, eq. 57 with a Gaussian in
place of the training set) is linear:

    D(x; sigma) = E[n | n + sigma e = x] = m + C (C + sigma^2)^-1 (x - m),    e ~ N(0, 1)

A fault whose difference d ~ N(0, sigma^2) is added to a normal is such a noise, so that x - D(x;
sigma) is the posterior mean of d: of a direction in which normals vary widely little is kept, since
operating condition explains it; of one in which they hardly vary, nearly all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from faultsyn.signal.whitening import standardiser

Rows = NDArray[np.float64]
_SIZES = (1e-4, 1e4)
"""Range in which the variance of differences is sought, in units of the normals' own."""


@dataclass(frozen=True)
class NormalDenoiser:
    """The denoiser of rows `(n, p)`, each column in units of the normals' deviation.

    - `mean`, `scale`: `(p,)`; mean and 1 / deviation, 0 where the normals do not vary.
    - `axes`: `(r, p)`, orthonormal principal components of the standardised normals.
    - `power`: `(r,)`, their variances; `rest`: the variance of every direction beside them. The
      covariance is shrunk towards equal variances (Ledoit & Wolf, J. Multivariate Analysis 88,
      2004), so that minor components of few windows do not look noiseless.
    """

    mean: Rows
    scale: Rows
    axes: Rows
    power: Rows
    rest: float

    @classmethod
    def fit(cls, rows: NDArray[Any]) -> Self:
        """Learn from normal rows `(n, p)`, n >= 2."""
        from sklearn.covariance import ledoit_wolf_shrinkage

        scaling = standardiser(rows)
        varies = scaling.matrix > 0
        scaled = (rows.astype(np.float64) - scaling.mean) * scaling.matrix
        _, size, axes = np.linalg.svd(scaled, full_matrices=False)
        kept = size > 1e-6 * max(float(size.max(initial=0.0)), 1e-12)
        axes, power = axes[kept], size[kept] ** 2 / len(rows)
        if not varies.any():
            return cls(scaling.mean, scaling.matrix, axes, power, 1.0)
        shrinkage = float(ledoit_wolf_shrinkage(scaled[:, varies], assume_centered=True))
        level = float(power.sum() / varies.sum())
        rest = max(shrinkage * level, 1e-6)
        return cls(scaling.mean, scaling.matrix, axes, (1 - shrinkage) * power + rest, rest)

    def differences(self, rows: NDArray[Any], variance: float) -> Rows:
        """x - D(x; sigma) in the rows' own units, `(n, p)`, for sigma^2 = `variance`.

        A column in which the normals do not vary keeps its whole distance from them.
        """
        centred = rows.astype(np.float64) - self.mean
        scaled = centred * self.scale
        inside = scaled @ self.axes.T
        beside = scaled - inside @ self.axes
        kept = (inside * (variance / (variance + self.power))) @ self.axes
        kept += beside * (variance / (variance + self.rest))
        constant = self.scale == 0
        return np.where(constant, centred, kept / np.where(constant, 1.0, self.scale))

    def surprises(self, rows: NDArray[Any]) -> Rows:
        """Squared Mahalanobis length of each of `rows` `(k, p)`, taken from the normal mean.

        That is, of differences; with x - m of a window x it says how unlike a normal x is.
        """
        scaled = rows.astype(np.float64) * self.scale
        inside = scaled @ self.axes.T
        beside = (scaled**2).sum(axis=1) - (inside**2).sum(axis=1)
        return np.asarray(
            (inside**2 / self.power).sum(axis=1) + np.maximum(beside, 0.0) / self.rest
        )

    def fault_variance(self, rows: NDArray[Any]) -> float:
        """The variance of differences that makes the shots `(k, p)` most probable.

        Maximises the likelihood of x ~ N(m, C + v) over v, one value for all shots and columns.
        """
        scaled = (rows.astype(np.float64) - self.mean) * self.scale
        inside = (scaled @ self.axes.T) ** 2
        beside = float((scaled**2).sum() - inside.sum())
        squares, k = inside.sum(axis=0), len(rows)
        spare = int((self.scale > 0).sum()) - len(self.power)

        def surprise(log_variance: float) -> float:
            v = float(np.exp(log_variance))
            around = k * np.log(self.power + v).sum() + (squares / (self.power + v)).sum()
            return float(around + k * spare * np.log(self.rest + v) + beside / (self.rest + v))

        low, high = np.log(_SIZES)
        return float(np.exp(minimize_scalar(surprise, bounds=(low, high), method="bounded").x))

    def state(self) -> dict[str, NDArray[Any]]:
        """As arrays."""
        return {
            "denoiser.mean": self.mean,
            "denoiser.scale": self.scale,
            "denoiser.axes": self.axes,
            "denoiser.power": self.power,
            "denoiser.rest": np.array([self.rest]),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Put back what `state` took apart."""
        mean, scale, axes, power = (
            arrays[f"denoiser.{name}"] for name in ("mean", "scale", "axes", "power")
        )
        return cls(mean, scale, axes, power, float(arrays["denoiser.rest"][0]))
