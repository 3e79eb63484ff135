"""Baseline++ (Chen, Liu, Kira, Wang, Huang, ICLR 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from faultsyn.diagnose.encoders import initialised
from faultsyn.diagnose.fine_tuned_cnn import FineTunedCNN

_SHARPNESS = 10.0  # of the cosine


@dataclass(kw_only=True, eq=False, repr=False)
class BaselinePlus(FineTunedCNN):
    """As `FineTunedCNN` with scores 10 cos(f(x), w_c): intra-class spread counts less.

    The encoder is pretrained with such a head on the base set and then frozen; the support trains
    a new head. Settings as in `FineTunedCNN`.
    """

    name: ClassVar[str] = "baseline-plus"

    tune: Literal["full", "linear-probe"] = "linear-probe"

    def _network(self) -> nn.Module:
        return nn.Sequential(self._encoder(), _CosineHead(self._embedding, len(self.classes_)))

    def _head(self, n_classes: int, generator: torch.Generator) -> nn.Module:
        return initialised(lambda: _CosineHead(self._embedding, n_classes), generator)


class _CosineHead(nn.Linear):
    """10 cos(f, w_c), `(n, dim)` -> `(n, n_classes)`."""

    def __init__(self, dim: int, n_classes: int) -> None:
        super().__init__(dim, n_classes, bias=False)

    def forward(self, f: Tensor) -> Tensor:
        return _SHARPNESS * normalize(f, dim=-1) @ normalize(self.weight, dim=1).T
