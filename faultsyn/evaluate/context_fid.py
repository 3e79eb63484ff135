"""Context-FID: Fréchet distance between representations of a frozen encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.evaluate.remember import once_per_window
from faultsyn.windows import WindowSet


class ContextFID(Metric):
    """Fréchet distance of Gaussians fitted to encoded windows, mean over channels.

    Jeha et al., "PSA-GAN: Progressive Self Attention GANs for Synthetic Time Series", ICLR 2022,
    section 4, with one frozen encoder for all data (`context_encoder.json`) instead of one trained
    on each set, so that figures can be compared. Channels are standardised on the real windows and
    encoded one by one: relations between channels are not seen. Strongly biased at small n: compare
    it with its floor only.
    """

    name = "context-fid"
    direction = "lower"
    needs = frozenset({Need.SIGNAL})
    required = False
    sees = ("iaaft", "phase-randomised", "white noise", "one window", "another fault")
    blind = "copies of varied shots spread like the shots"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        from faultsyn.evaluate.encoder import encode

        # One scale for the whole evaluation: a window is then encoded once, whatever the split.
        scale = (real if given.scale is None else given.scale).x
        mean = scale.mean(axis=(0, 2), dtype=np.float64)[:, None]
        spread = scale.std(axis=(0, 2), dtype=np.float64)[:, None]
        varies = spread[:, 0] > 1e-6 * np.abs(scale).max(axis=(0, 2))
        if not varies.any():
            raise InputError("the real windows are constant in every channel")

        names = tuple(c for c, v in zip(real.channels, varies, strict=True) if v)
        at = ("context", mean.tobytes(), spread.tobytes())

        def rows(x: NDArray[Any]) -> NDArray[Any]:
            standard = ((x - mean) / np.where(spread > 0, spread, 1.0))[:, varies]
            flat = standard.reshape(-1, x.shape[-1])
            return encode(flat).reshape(len(x), len(names), -1)

        def encoded(windows: WindowSet) -> WindowSet:
            return windows.with_x(once_per_window(at, windows.x, rows), channels=names)

        return encoded(real), encoded(judged)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        distances = [
            frechet_distance(reference.x[:, c], judged.x[:, c])
            for c in range(len(reference.channels))
        ]
        return float(np.mean(distances)), {}


def frechet_distance(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to rows `x` and `y`.

    |m_x - m_y|^2 + tr(S_x + S_y - 2 (S_x^1/2 S_y S_x^1/2)^1/2) (Dowson & Landau, J. Multivariate
    Analysis 12, 1982, eq. 16). Both sides need at least two rows.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    gap = x.mean(axis=0) - y.mean(axis=0)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(cov_x))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ np.atleast_2d(cov_y) @ root)
    trace = float(np.trace(np.atleast_2d(cov_x)) + np.trace(np.atleast_2d(cov_y)))
    distance = float(gap @ gap) + trace - 2.0 * float(np.sqrt(np.maximum(mixed, 0.0)).sum())
    return max(distance, 0.0)
