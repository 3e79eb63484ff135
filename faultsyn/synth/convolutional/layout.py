"""Sizes of a convolutional encoder and its mirror image; free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SHORTEST = 16
"""Positions that the longest axis is brought down to, at most; the least is half of it."""
_STRIDE = 4


@dataclass(frozen=True)
class Layout:
    """What a window is and how wide the network.

    - `channels`: of a window.
    - `size`: lengths of its axes: `(T,)` for signals, `(rows, columns)` for images; any.
    - `width`: channels of the first stage; each further stage doubles them up to `widest`.
    - `mixing`: layers between the two halves that keep the length, so that what is far apart in a
      window is seen and made together.

    Every stage divides each axis by its stride; an axis that does not divide is padded with zeros
    on the way in and cropped on the way out, so that any length fits.
    """

    channels: int
    size: tuple[int, ...]
    width: int = 16
    widest: int = 128
    mixing: int = 0

    @property
    def strides(self) -> tuple[int, ...]:
        """Of each stage: fours, and a two at the end where the halvings are odd in number.

        On images twos only: a stride counts along both axes there.
        """
        halvings = max(1, math.ceil(math.log2(max(self.size) / _SHORTEST)))
        if len(self.size) > 1:
            return (2,) * halvings
        fours, twos = divmod(halvings, 2)
        return (_STRIDE,) * fours + (2,) * twos

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels after each stage."""
        return tuple(min(self.width * 2**i, self.widest) for i in range(len(self.strides)))

    @property
    def bottom(self) -> tuple[int, ...]:
        """Lengths of the axes after the last stage."""
        factor = math.prod(self.strides)
        return tuple(-(-length // factor) for length in self.size)

    @property
    def padded(self) -> tuple[int, ...]:
        """Lengths of the axes that the stages see."""
        factor = math.prod(self.strides)
        return tuple(length * factor for length in self.bottom)

    @property
    def rising(self) -> tuple[tuple[int, ...], ...]:
        """Lengths of the axes after each stage of the way up."""
        sizes, at = [], self.bottom
        for stride in reversed(self.strides):
            at = tuple(length * stride for length in at)
            sizes.append(at)
        return tuple(sizes)

    @property
    def texture(self) -> int:
        """Numbers of noise that all stages of the way up take together."""
        return sum(math.prod(size) for size in self.rising)

    @property
    def features(self) -> int:
        """Values that an encoder leaves of a window."""
        return self.widths[-1] * math.prod(self.bottom)
