"""Linkability of an asset: was this machine among those that the generator learned from?

After Giomi, Boenisch, Wehmeyer and Tasnádi, "A unified framework for quantifying privacy risk in
synthetic data" (Anonymeter, PETS 2023), and the opinion of the Article 29 Working Party (WP216)
that it follows: released windows link to an asset when *other* windows of it, which the generator
never saw, tell that it took part. An asset's score is the mean score of these windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.privacy.intervals import Interval
from faultsyn.privacy.roc import auc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linkability:
    """Area under the curve over assets, and how many took part and did not."""

    auc: Interval
    n_members: int
    n_others: int


def linkability(
    member_scores: Floats,
    member_assets: NDArray[np.str_],
    other_scores: Floats,
    other_assets: NDArray[np.str_],
) -> Linkability:
    """How well unseen windows tell assets that took part from assets that did not.

    - `member_scores`, `member_assets`: score and asset of unseen windows of assets that took part,
      `(m,)`; the other two: of assets that did not, `(n,)`.

    Raises `InputError` with fewer than two assets on a side.
    """
    members, others = _means(member_scores, member_assets), _means(other_scores, other_assets)
    return Linkability(auc(members, others), len(members), len(others))


def _means(scores: Floats, assets: NDArray[np.str_]) -> Floats:
    names, index = np.unique(assets, return_inverse=True)
    means: Floats = np.bincount(index, scores, len(names)) / np.bincount(
        index, minlength=len(names)
    )
    return means
