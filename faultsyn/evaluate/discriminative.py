"""Discriminative score: how well a recurrent classifier tells synthetic from real windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.halves import group_ids
from faultsyn.evaluate.needs import Given, Need
from faultsyn.windows import WindowSet

STEPS = 120
MOST_PATCHES = 32


class DiscriminativeScore(Metric):
    """|balanced accuracy - 0.5| of a two-layer GRU on groups that it was not trained on.

    Yoon et al., "Time-series Generative Adversarial Networks", NeurIPS 2019, section 5. Their
    code's hidden size is half the channels, so none for one channel; here it is 24. Long windows
    are cut into 32 patches. 0 when the sets cannot be told apart, 0.5 when always.
    """

    name = "discriminative-score"
    direction = "lower"
    needs = frozenset({Need.SIGNAL})
    required = False
    costly = True
    minimum = 8
    sees = ("white noise",)
    blind = "120 steps of a small network miss what needs many windows to be learnt"

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        mean = reference.x.mean(axis=(0, 2), dtype=np.float64)[:, None]
        spread = np.maximum(reference.x.std(axis=(0, 2), dtype=np.float64)[:, None], 1e-9)
        x = patches(np.concatenate([(s.x - mean) / spread for s in (reference, judged)]))
        target = np.repeat([0, 1], [len(reference), len(judged)])
        test = np.concatenate([_third(group_ids(s), rng) for s in (reference, judged)])
        score = _accuracy(x, target, test, rng)
        return abs(score - 0.5), {"accuracy": score}


def patches(x: NDArray[Any]) -> NDArray[np.float32]:
    """Windows `(n, C, T)` as at most 32 steps `(n, steps, C * length)`, the end cut off."""
    n, channels, samples = x.shape
    length = -(-samples // MOST_PATCHES)
    steps = samples // length
    cut = x[..., : steps * length].reshape(n, channels, steps, length)
    return np.ascontiguousarray(
        cut.transpose(0, 2, 1, 3).reshape(n, steps, channels * length), np.float32
    )


def _accuracy(
    x: NDArray[np.float32],
    target: NDArray[np.intp],
    test: NDArray[np.bool_],
    rng: np.random.Generator,
) -> float:
    """Balanced accuracy on the test windows after training on the others, both classes alike."""
    import torch

    from faultsyn.evaluate.recurrent import BATCH, seeded_network, train_step

    network = seeded_network(x.shape[2], rng)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    sides = [np.flatnonzero(~test & (target == k)) for k in (0, 1)]
    wanted = torch.tensor([0.0, 1.0]).repeat_interleave(BATCH // 2)
    for _ in range(STEPS):
        rows = np.concatenate([rng.choice(side, BATCH // 2) for side in sides])
        logits = network(torch.from_numpy(x[rows])).mean(dim=(1, 2))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        train_step(network, optimiser, loss)
    with torch.inference_mode():
        said = (network(torch.from_numpy(x[test])).mean(dim=(1, 2)) > 0).numpy()
    right = said == target[test]
    return float(np.mean([right[target[test] == k].mean() for k in (0, 1)]))


def _third(groups: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Windows of about a third of the groups, at least one group and not all."""
    names = rng.permutation(np.unique(groups))
    return np.isin(groups, names[: max(1, len(names) // 3)])
