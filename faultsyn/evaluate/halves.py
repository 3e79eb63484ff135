"""Halves of a set of real windows that share no recording, or no stretch of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

BLOCKS = 8
"""Stretches of time into which a single recording is cut."""


def group_ids(windows: WindowSet) -> NDArray[np.intp]:
    """Which windows belong together, `(n_windows,)` integers from 0.

    The recording where there is more than one; else up to eight contiguous stretches of the one
    recording; windows without a start time (generated ones) each stand alone.
    """
    recording = windows.table.get("recording")
    if recording is not None and len(np.unique(recording)) > 1:
        return np.unique(recording, return_inverse=True)[1].astype(np.intp)
    start = windows.table.get("start")
    if start is None or not np.isfinite(start).all() or len(np.unique(start)) < len(windows):
        return np.arange(len(windows))
    place = np.argsort(np.argsort(start))
    return (place * min(BLOCKS, len(windows)) // len(windows)).astype(np.intp)


def split_halves(windows: WindowSet, rng: np.random.Generator) -> tuple[WindowSet, WindowSet]:
    """Two disjoint sets of about equal size that share no group.

    Groups are drawn at random, each to the smaller side. Raises `InputError` when there is only
    one group.
    """
    groups = group_ids(windows)
    names, counts = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise InputError(
            f"no real-vs-real floor: {len(windows)} real windows in {len(names)} group(s)",
            "give real windows of at least two recordings or stretches of time",
        )
    first: list[int] = []
    sizes = [0, 0]
    for i in rng.permutation(len(names)):
        side = 0 if sizes[0] <= sizes[1] else 1
        sizes[side] += int(counts[i])
        if side == 0:
            first.append(int(names[i]))
    inside = np.isin(groups, first)
    return windows.take(inside), windows.take(~inside)


def matched_halves(
    real: WindowSet, n: int, minimum: int, rng: np.random.Generator
) -> list[tuple[WindowSet, WindowSet]]:
    """(reference, held out) both ways round, the held-out side cut at random to at most `n`.

    Raises `InputError` when a side would hold fewer than `minimum` windows.
    """
    halves = split_halves(real, rng)
    smallest = min(len(half) for half in halves)
    if smallest < minimum:
        raise InputError(
            f"no real-vs-real floor: a half of the {len(real)} real windows holds {smallest}, "
            f"expected at least {minimum}"
        )
    size = min(n, smallest)
    pairs = []
    for reference, held in (halves, halves[::-1]):
        drawn = np.sort(rng.permutation(len(held))[:size])
        pairs.append((reference, held.take(drawn)))
    return pairs
