"""Windows of known classes, drawn for training: whole or in crops, shifted where that is right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batches:
    """Draws `size` of the windows `x` `(n, C, T)` with their classes.

    - `places`: the classes, `(n,)`; or whatever is told of a window, its class first, `(n, m)`.
    - `crop`: samples of a draw, at most T; a window that is longer is cut at a random place.
    - `shifts`: whether windows are first rotated by a random number of samples: a stationary
      signal has no privileged start. The seam falls anywhere.
    - `even`: whether every class is drawn equally often, whatever its number of windows.
    """

    x: Tensor
    places: Tensor
    size: int
    crop: int
    shifts: bool
    even: bool = False

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Windows `(size, C, crop)` and classes `(size,)`."""
        length = self.x.shape[2]
        if self.even:
            places = self.places.long() if self.places.dim() == 1 else self.places[:, 0].long()
            share = 1.0 / torch.bincount(places).float()[places].cpu()
            rows = torch.multinomial(share, self.size, replacement=True, generator=generator)
        else:
            rows = torch.randint(len(self.x), (self.size,), generator=generator)
        latest = length if self.shifts else length - self.crop + 1
        start = torch.randint(latest, (self.size, 1, 1), generator=generator)
        at = ((torch.arange(self.crop) + start) % length).to(self.x.device)
        drawn = torch.gather(self.x[rows], 2, at.expand(-1, self.x.shape[1], -1))
        return drawn, self.places[rows]
