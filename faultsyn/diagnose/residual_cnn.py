"""Supervised residual 1-D CNN (He et al., ECCV 2016, in one dimension)."""

from __future__ import annotations

from typing import ClassVar

from faultsyn.diagnose.cnn import CNN


class ResidualCNN(CNN):
    """As `CNN`, with the residual encoder. Arguments as there."""

    name: ClassVar[str] = "residual-cnn"
    encoder = "residual"
