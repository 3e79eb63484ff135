"""What a unit of work needs of the machine that it runs on; a cluster schedules by it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import NonNegativeFloat, PositiveFloat

from faultsyn.experiment.config import Strict


class Needs(Strict):
    """Resources that are set aside for a unit while it runs; local processes ignore them.

    - `cpu`: processor cores; `gpu`: graphics processors, also a fraction of one.
    - `memory_gb`: gigabytes of main memory; 0 sets none aside.
    """

    cpu: PositiveFloat = 1
    gpu: NonNegativeFloat = 0
    memory_gb: NonNegativeFloat = 0

    @classmethod
    def most(cls, needs: Iterable[Needs | None]) -> Needs:
        """The least that covers all of them."""
        found = [need for need in needs if need is not None] or [cls()]
        return cls(
            cpu=max(need.cpu for need in found),
            gpu=max(need.gpu for need in found),
            memory_gb=max(need.memory_gb for need in found),
        )
