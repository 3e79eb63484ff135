"""The protected rows, and what all trainings on them share."""

from __future__ import annotations

import torch
from torch import Tensor


class Protected:
    """Rows `(n, d)` of the shots, their class `(n,)` and their unit of privacy `(n,)`.

    - `units`: how many units there are.
    """

    def __init__(self, rows: Tensor, places: Tensor, unit: Tensor) -> None:
        self.rows, self.places, self.unit = rows, places, unit
        self.units = int(unit.max()) + 1
        self._order = torch.argsort(unit, stable=True)
        self._counts = torch.bincount(unit)
        self._starts = self._counts.cumsum(0) - self._counts

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A row of each chosen unit `(m,)`, drawn anew: `(m, d)`, and its class `(m,)`."""
        counts = self._counts[chosen]
        within = (torch.rand(len(chosen), generator=generator) * counts).long()
        drawn = self._order[self._starts[chosen] + within.clamp(max=counts - 1)]
        return self.rows[drawn], self.places[drawn]

    def rate(self, batch: int) -> float:
        """The sampling rate that gives `batch` units in a step on average."""
        return min(1.0, batch / self.units)
