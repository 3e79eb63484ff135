"""ANIL, almost no inner loop (Raghu, Raghu, Bengio, Vinyals, ICLR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faultsyn.diagnose.maml import MAML


@dataclass(kw_only=True, eq=False, repr=False)
class ANIL(MAML):
    """As `MAML`, but a task adapts the head alone; the encoder is learnt in the outer loop only.

    A support's features are computed once, so it costs a fraction. Settings as in `MAML`.
    """

    name: ClassVar[str] = "anil"
    head_only: ClassVar[bool] = True

    inner_steps: int = 5
    steps: int = 50
