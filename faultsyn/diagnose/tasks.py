"""Meta-training tasks: which episodes a learner trains on, whatever set it is given."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faultsyn.diagnose.episodes import EpisodeSampler
from faultsyn.errors import InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tasks:
    """Episodes over one set of windows.

    - `support`: positions `(n, way, shot)`; `query`: `(n, way, query)`.
    """

    support: Tensor
    query: Tensor

    @property
    def way(self) -> int:
        """Classes of an episode."""
        return int(self.support.shape[1])

    @property
    def shot(self) -> int:
        """Support windows of a class."""
        return int(self.support.shape[2])

    @property
    def targets(self) -> Tensor:
        """Class of each query window of an episode, `(way * query,)`."""
        return torch.arange(self.way).repeat_interleave(self.query.shape[2])

    @property
    def codes(self) -> Tensor:
        """Class of each support window of an episode, `(way * shot,)`."""
        return torch.arange(self.way).repeat_interleave(self.shot)


def draw_tasks(
    labels: NDArray[Any],
    groups: NDArray[Any] | None,
    n: int,
    *,
    way: int,
    batch: int,
    shot: int | None,
    rng: np.random.Generator,
) -> Tasks:
    """`n` episodes of at most `way` classes and `batch` windows.

    - `labels`: class of each window; `groups`: its recording, or None.
    - `shot`: support windows of a class, where its windows allow; None: half of them.

    Support and query come from different groups where every class has several; else from
    different windows, and a class with a single window has it on both sides, where only noise
    tells the two apart. So no set of two classes is refused.
    """
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    index = np.concatenate([np.arange(len(codes)), np.flatnonzero(counts[codes] == 1)])
    way = min(way, len(names))
    each = min(batch // way, int(max(counts.min(), 2)))
    shots = each // 2 if shot is None else min(shot, each - 1)
    sampler = partial(EpisodeSampler, codes[index], way=way, shot=shots, query=each - shots)
    try:
        episodes = sampler(groups=None if groups is None else groups[index]).draw(n, rng)
    except InputError as error:  # whether groups divide shows when an episode is drawn
        log.info("episodes by window instead of by recording: %s", error)
        episodes = sampler().draw(n, rng)
    return Tasks(torch.from_numpy(index[episodes.support]), torch.from_numpy(index[episodes.query]))


def pseudo_faults(
    x: Tensor, groups: NDArray[Any], n_classes: int, rng: np.random.Generator, *, rows: bool
) -> tuple[Tensor, NDArray[np.intp], NDArray[Any]]:
    """Classes made of windows of one class, for learners that need several to learn from.

    Each pseudo-class shifts a few random channels (of feature rows, a tenth of the features) by
    random amounts of some two deviations, scales their fluctuation, and adds a tone to signals;
    each window has it in another strength. What a learner takes from telling them apart is how
    normal windows vary by themselves, and that other directions are news.

    - `x`: scaled windows `(n, channels, length)`; `groups`: their recordings; `rows`: whether they
      are feature rows.

    Returns windows of all pseudo-classes, their classes and their groups; every class has every
    window once.
    """
    n, channels, length = x.shape
    parts = []
    time = np.arange(length)
    for _ in range(n_classes):
        strength = rng.uniform(0.5, 1.5, (n, 1, 1))
        if rows:
            chosen = rng.permutation(length)[: max(length // 10, 1)]
            shift = np.zeros((1, 1, length))
            shift[..., chosen] = rng.normal(0, 2, len(chosen))
            made = x.numpy() + strength * shift
        else:
            chosen = rng.permutation(channels)[: rng.integers(1, 4)]
            shift, gain = np.zeros((2, 1, channels, 1))
            shift[:, chosen, 0] = rng.normal(0, 2, len(chosen))
            gain[:, chosen, 0] = rng.normal(0, 0.5, len(chosen))
            phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
            tone = np.sin(np.pi * rng.uniform(0.01, 0.9) * time + phase)
            made = x.numpy() * np.exp(strength * gain) + strength * shift * (1 + tone)
        parts.append(torch.from_numpy(made.astype(np.float32)))
    codes = np.repeat(np.arange(n_classes), n)
    return torch.cat(parts), codes, np.tile(groups, n_classes)
