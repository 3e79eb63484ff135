"""Cheap quality flags: channels that are not numbers, do not move, or hit a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.ingest.readers.base import Array

CLIPPED_SHARE = 1e-3
"""Share of samples at exactly the largest or smallest value from which a channel is `clipped`."""
CLIPPED_FROM = 1000
"""Shorter recordings are never called clipped: a slow sensor may well rest at its maximum."""


class Quality:
    """Running figures of a stream's channels.

    Feed blocks with `add`; `flags` then lists `flag:channel` for `nan` (some samples are no
    finite number), `flat` (all samples are equal), `clipped` (many samples sit at the extreme
    value).
    """

    def __init__(self, channels: tuple[str, ...]) -> None:
        n = len(channels)
        self._channels = channels
        self._n = 0
        self._bad = np.zeros(n, np.int64)
        self._low, self._high = np.full(n, np.inf), np.full(n, -np.inf)
        self._at_low, self._at_high = np.zeros(n, np.int64), np.zeros(n, np.int64)

    def add(self, block: Array) -> None:
        """Take in samples `(n, C)`."""
        if not len(block):
            return
        samples = np.ascontiguousarray(block.T)
        low, high = samples.min(axis=1), samples.max(axis=1)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            bad = ~np.isfinite(samples)
            self._bad += bad.sum(axis=1)
            low = np.where(bad, np.inf, samples).min(axis=1)
            high = np.where(bad, -np.inf, samples).max(axis=1)
        self._n += len(block)
        at_low = np.count_nonzero(samples == low[:, None], axis=1)
        at_high = np.count_nonzero(samples == high[:, None], axis=1)
        self._at_low = _count(self._at_low, at_low, low < self._low, low == self._low)
        self._at_high = _count(self._at_high, at_high, high > self._high, high == self._high)
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)

    def flags(self) -> list[str]:
        """Flags so far, channel by channel."""
        found = []
        most = np.maximum(self._at_low, self._at_high)
        for k, name in enumerate(self._channels):
            if self._bad[k]:
                found.append(f"nan:{name}")
            if self._low[k] == self._high[k]:
                found.append(f"flat:{name}")
            elif self._n >= CLIPPED_FROM and most[k] > max(1, CLIPPED_SHARE * self._n):
                found.append(f"clipped:{name}")
        return found


def _count(
    known: NDArray[np.int64], new: NDArray[np.intp], beyond: NDArray[Any], equal: NDArray[Any]
) -> NDArray[np.int64]:
    """Samples at the extreme value: counted anew when it moves, added when it is met again."""
    return np.where(beyond, new, known + np.where(equal, new, 0))
