"""Supervised residual 1-D CNN (He et al., ECCV 2016, in one dimension)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faultsyn.diagnose.cnn import CNN


@dataclass(kw_only=True, eq=False, repr=False)
class ResidualCNN(CNN):
    """As `CNN`, with the residual encoder."""

    name: ClassVar[str] = "residual-cnn"

    encoder: str = "residual"
