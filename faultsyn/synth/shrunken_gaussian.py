"""Shrunken Gaussian: a shot mean pulled toward normal, the shots' own spread, a normal residual.

The mean of K shots is noisy, and the normal mean is a good guess of what it is not (James & Stein,
Proc. 4th Berkeley Symp. 1961). With channel means m_c of the shots and n_c of the normals

    mu   = mean window of the shots - s (m_c - n_c)
    x'   = mu + a sum_i w_i (x_i - mean) / sqrt(K - 1) + b r_c (n - n mean),   w_i ~ N(0, 1)

where n is a random real normal window and r_c scales its channels to the shots' spread. The sum
has the sample covariance of the shots (rank K - 1), the residual lends full rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.base import Space
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

FALLBACK = 0.4
"""Shrinkage when every class has one shot, from which nothing can be chosen."""


class ShrunkenGaussian(ShotGenerator):
    """Gaussian combinations of the shots around a shrunken mean, plus residuals of normals.

    - `shrinkage`: `s`, or "leave-one-out": for each class the share that minimises the expected
      squared error of its mean, estimated from shots left out one at a time; the average over
      classes is used for all, since a class's own estimate is as noisy as its mean. 0.4 where
      every class has one shot.
    - `spread`: `a`, weight of the combination of centred shots.
    - `residual`: `b`, weight of the normal residual.
    - `space`: "signal" (statistics per channel) or "features" (per feature).
    """

    name = "shrunken-gaussian"
    spaces = frozenset({"signal", "features"})
    needs_normal = True
    keeps_normal = True

    shrinkage_: float

    def __init__(
        self,
        shrinkage: float | Literal["leave-one-out"] = "leave-one-out",
        spread: float = 0.9,
        residual: float = 0.5,
        space: Space = "features",
    ) -> None:
        self.shrinkage = shrinkage
        self.spread = spread
        self.residual = residual
        self.space = space

    def check_config(self) -> None:
        """Raise `InputError` on a shrinkage outside 0 to 1 or a negative weight."""
        super().check_config()
        chosen = self.shrinkage == "leave-one-out"
        if not chosen and not (
            isinstance(self.shrinkage, (int, float)) and 0 <= self.shrinkage <= 1
        ):
            raise InputError(
                f"{self.name}: expected shrinkage in [0, 1] or leave-one-out, got {self.shrinkage}"
            )
        if self.spread < 0 or self.residual < 0:
            raise InputError(
                f"{self.name}: expected spread and residual >= 0, got {self.spread}, "
                f"{self.residual}"
            )

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        super()._adapt(shots, rng)
        if isinstance(self.shrinkage, (int, float)):
            self.shrinkage_ = float(self.shrinkage)
            return
        normal = self._level(self.normal_.x)
        scale = normal.std(axis=0)
        level = self._level(shots.x) - normal.mean(axis=0)
        level /= np.where(scale > 0, scale, np.inf)  # a channel that never varies says nothing
        self.shrinkage_ = leave_one_out_shrinkage([level[self._rows(c)] for c in self.classes_])

    def _level(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Means per window `(n, C)`, or the features themselves `(n, F)`."""
        wide = x.astype(np.float64)
        return wide[:, 0] if self.space == "features" else wide.mean(axis=-1)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        rows = self._rows(label)
        own, normal = self.shots_.x[rows].astype(np.float64), self.normal_.x.astype(np.float64)
        pooled = (0,) if self.space == "features" else (0, 2)
        shot_level = own.mean(axis=pooled, keepdims=True)
        normal_level = normal.mean(axis=pooled, keepdims=True)
        mean = own.mean(axis=0, keepdims=True)
        centred = own - mean
        residual = normal - normal.mean(axis=0, keepdims=True)
        ratio = _ratio((own - shot_level).std(axis=pooled), residual.std(axis=pooled))
        weights = rng.standard_normal((n, len(rows)))
        x = mean - self.shrinkage_ * (shot_level - normal_level)
        x = x + self.spread * np.einsum("nk,kct->nct", weights, centred) / np.sqrt(
            max(1, len(rows) - 1)
        )
        picked = residual[rng.integers(len(normal), size=n)]
        x += self.residual * ratio.reshape(shot_level.shape) * picked
        return self._made(x, rows[np.abs(weights).argmax(axis=1)])

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        return arrays, {**info, "shrinkage": getattr(self, "shrinkage_", None)}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if info["shrinkage"] is not None:
            self.shrinkage_ = info["shrinkage"]


def _ratio(shots: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread of the shots over that of the normals, clipped; 1 where the normals do not vary."""
    ratio = np.divide(shots, normal, out=np.ones_like(shots), where=normal > 0)
    return np.clip(ratio, 0.5, 3.0)


def leave_one_out_shrinkage(classes: list[NDArray[np.float64]]) -> float:
    """The share of the way to the origin that class means should be pulled, averaged over classes.

    - `classes`: for each class the levels of its shots `(K, C)`, with the normal mean at the
      origin, in units of the normals' spread.

    The mean m of K shots with true mean u and noise variance v has E|m|^2 = |u|^2 + v / K, and the
    best multiple of m is |u|^2 / E|m|^2. A left-out shot is independent of the others, so x_i .
    m_without_i estimates |u|^2 without bias. Clipped to 0 .. 0.95; `FALLBACK` if all K are 1.
    """
    shares = []
    for level in classes:
        k, mean = len(level), level.mean(axis=0)
        total = float((mean**2).sum())
        if k < 2 or total == 0:
            continue
        others = (k * mean - level) / (k - 1)
        signal = float((level * others).sum(axis=1).mean())
        shares.append(float(np.clip(1 - signal / total, 0.0, 0.95)))
    return float(np.mean(shares)) if shares else FALLBACK
