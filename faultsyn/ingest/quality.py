"""Cheap quality flags: channels that are not numbers, do not move, or hit a limit."""

from __future__ import annotations

import numpy as np

from faultsyn.ingest.readers.base import Array

CLIPPED_SHARE = 1e-3
"""Share of samples at exactly the largest or smallest value from which a channel is `clipped`."""
CLIPPED_FROM = 1000
"""Shorter recordings are never called clipped: a slow sensor may well rest at its maximum."""


class Quality:
    """Running figures of a stream's channels.

    Feed blocks with `add`; `flags` then lists `flag:channel` for `nan` (some samples are no
    number), `flat` (all samples are equal), `clipped` (many samples sit at the extreme value).
    """

    def __init__(self, channels: tuple[str, ...]) -> None:
        n = len(channels)
        self._channels = channels
        self._n = 0
        self._bad = np.zeros(n, np.int64)
        self._extreme = [np.full(n, np.nan), np.full(n, np.nan)]
        self._at_extreme = [np.zeros(n, np.int64), np.zeros(n, np.int64)]

    def add(self, block: Array) -> None:
        """Take in samples `(n, C)`."""
        self._n += len(block)
        for k in range(block.shape[1]):
            column = np.ascontiguousarray(block[:, k])
            low, high = column.min(), column.max()
            if low != low:
                good = column[~np.isnan(column)]
                self._bad[k] += len(column) - len(good)
                if not len(good):
                    continue
                column, low, high = good, good.min(), good.max()
            self._extend(0, k, float(low), column, low < self._extreme[0][k])
            self._extend(1, k, float(high), column, high > self._extreme[1][k])

    def _extend(self, side: int, k: int, value: float, column: Array, further: bool) -> None:
        known = self._extreme[side][k]
        if further or np.isnan(known):
            self._extreme[side][k] = value
            self._at_extreme[side][k] = 0
        elif value != known:
            return
        self._at_extreme[side][k] += np.count_nonzero(column == value)

    def flags(self) -> list[str]:
        """Flags so far, channel by channel."""
        found = []
        low, high = self._extreme
        most = np.maximum(*self._at_extreme)
        for k, name in enumerate(self._channels):
            if self._bad[k]:
                found.append(f"nan:{name}")
            if self._bad[k] < self._n and low[k] == high[k]:
                found.append(f"flat:{name}")
            elif self._n >= CLIPPED_FROM and most[k] > max(1, CLIPPED_SHARE * self._n):
                found.append(f"clipped:{name}")
        return found
