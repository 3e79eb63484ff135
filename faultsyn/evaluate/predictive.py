"""Predictive score: train a predictor on synthetic windows, test it on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.windows import WindowSet

STEPS = 200
CROP = 64
"""Longer windows are trained on crops of this many samples."""


class PredictiveScore(Metric):
    """Mean absolute error of predicting the last channel one step ahead from the other channels.

    Yoon et al., "Time-series Generative Adversarial Networks", NeurIPS 2019, section 5: a two-layer
    GRU trained on the judged windows, tested on the real reference; channels scaled to the real
    range 0 to 1. Detail `constant`: the error of always saying the real median, which shows how
    much there is to predict.
    """

    name = "predictive-score"
    direction = "lower"
    needs = frozenset({Need.SIGNAL, Need.CHANNELS})
    required = False
    costly = True
    sees = ("white noise",)
    blind = "whatever the last channel's next value does not depend on"

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        low = reference.x.min(axis=(0, 2))[:, None].astype(np.float64)
        range_ = reference.x.max(axis=(0, 2))[:, None] - low
        if range_[-1, 0] <= 0:
            raise InputError(f"the real channel '{reference.channels[-1]}' is constant")
        range_ = np.where(range_ > 0, range_, 1.0)
        real, made = (((s.x - low) / range_).astype(np.float32) for s in (reference, judged))
        target = real[:, -1, 1:]
        constant = float(np.abs(target - np.median(target)).mean())
        return _error(made, real, rng), {"constant": constant}


def _error(train: NDArray[Any], test: NDArray[Any], rng: np.random.Generator) -> float:
    """Mean absolute error on windows `test` `(n, C, T)` of a network trained on `train`."""
    import torch

    from faultsyn.evaluate.recurrent import BATCH, seeded_network, train_step

    network = seeded_network(train.shape[1] - 1, rng)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    length = min(CROP, train.shape[2])

    def pair(x: NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor]:
        before, after = x[:, :-1, :-1].transpose(0, 2, 1), x[:, -1, 1:]
        return torch.from_numpy(np.ascontiguousarray(before)), torch.from_numpy(after.copy())

    def crops(x: NDArray[Any]) -> NDArray[Any]:
        start = int(rng.integers(0, x.shape[2] - length + 1))
        return x[..., start : start + length]

    for _ in range(STEPS):
        inputs, wanted = pair(crops(train[rng.integers(0, len(train), BATCH)]))
        train_step(network, optimiser, (network(inputs)[..., 0] - wanted).abs().mean())
    with torch.inference_mode():
        inputs, wanted = pair(crops(test))
        return float((network(inputs)[..., 0] - wanted).abs().mean())
