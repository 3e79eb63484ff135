"""The unknown scores of `faultsyn.evaluate.novelty` as a graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from faultsyn.edge.fourier import Constants
from faultsyn.evaluate.novelty import NEIGHBOURS, SMALL, Metric
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.unknown import COMBINED


class Strange(Constants):
    """The score in use; larger is stranger.

    Takes feature rows `(n, d)` and class scores `(n, n_classes)`, gives `(n,)`.
    """

    whiten: Tensor
    means: Tensor
    known: Tensor
    own: Tensor

    def __init__(self, confidence: Confidence, metric: Metric) -> None:
        super().__init__()
        self.parts = COMBINED if confidence.kind == "combined" else (confidence.kind,)
        self.scales = [
            (confidence.scales[part].centre, confidence.scales[part].spread)
            if confidence.kind == "combined"
            else (0.0, 1.0)
            for part in self.parts
        ]
        self.size = int(metric.rows.shape[1])
        self.hold(whiten=metric.whiten, means=metric.means)
        known, own = metric.sample if "outlier" in self.parts else (np.zeros((1, 1)), np.ones(1))
        self.neighbours = min(NEIGHBOURS, len(known))
        self.hold(known=known, own=own)

    def forward(self, rows: Tensor, scores: Tensor) -> Tensor:
        """`(n,)`."""
        total = torch.zeros_like(scores[:, 0])
        for part, (centre, spread) in zip(self.parts, self.scales, strict=True):
            total = total + (self._part(part, rows, scores) - centre) / spread
        return total

    def _part(self, part: str, rows: Tensor, scores: Tensor) -> Tensor:
        if part == "energy":
            return -torch.logsumexp(scores, dim=1)
        mapped = rows @ self.whiten
        if part == "outlier":
            near = _squared(mapped, self.known).topk(self.neighbours, dim=1, largest=False)
            mine = torch.sqrt(near.values).mean(dim=1).clamp(min=SMALL)
            return torch.log(mine / self.own[near.indices].mean(dim=1))
        return _squared(mapped, self.means).amin(dim=1) / self.size


def _squared(rows: Tensor, others: Tensor) -> Tensor:
    """Squared distances `(n, m)`."""
    squares = (rows * rows).sum(dim=1, keepdim=True) + (others * others).sum(dim=1)
    return (squares - 2 * rows @ others.T).clamp(min=0)
