"""Windows of known classes, drawn for training: whole or in crops, shifted where that is right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batches:
    """Draws `size` of the windows `x` `(n, C, T)` with their classes `places` `(n,)`.

    - `crop`: samples of a draw, at most T; a window that is longer is cut at a random place.
    - `shifts`: whether windows are first rotated by a random number of samples: a stationary
      signal has no privileged start. The seam falls anywhere.
    """

    x: Tensor
    places: Tensor
    size: int
    crop: int
    shifts: bool

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Windows `(size, C, crop)` and classes `(size,)`."""
        length = self.x.shape[2]
        rows = torch.randint(len(self.x), (self.size,), generator=generator)
        latest = length if self.shifts else length - self.crop + 1
        start = torch.randint(latest, (self.size, 1, 1), generator=generator)
        at = ((torch.arange(self.crop) + start) % length).to(self.x.device)
        drawn = torch.gather(self.x[rows], 2, at.expand(-1, self.x.shape[1], -1))
        return drawn, self.places[rows]
