"""What a training run did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Stopped = Literal["running", "steps", "patience", "seconds", "guard"]


@dataclass
class History:
    """The curves of a training run, in plain JSON types.

    - `losses`: loss of each step, before its update; where players take turns, the last one's.
    - `turns`: by player, its mean loss in each step; empty when there is one.
    - `held_out`: held-out loss after so many steps, as (steps, loss).
    - `best`: steps after which the held-out loss was lowest, or the guard last found no fault;
      None without either.
    - `since`: checks since then.
    - `troubles`: what the guard found after so many steps, as (steps, what).
    - `seconds`: wall-clock time, over all resumptions.
    - `stopped`: why it ended.
    """

    losses: list[float] = field(default_factory=list)
    turns: dict[str, list[float]] = field(default_factory=dict)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    best: int | None = None
    since: int = 0
    troubles: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: Stopped = "running"

    @property
    def steps(self) -> int:
        """Gradient steps done."""
        return len(self.losses)

    @property
    def best_loss(self) -> float:
        """The lowest held-out loss so far; infinity before the first."""
        return min((loss for _, loss in self.held_out), default=float("inf"))

    def as_json(self) -> dict[str, Any]:
        """Everything, for an artefact or a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Read back what `as_json` gave."""
        held_out = [(int(step), float(loss)) for step, loss in plain["held_out"]]
        troubles = [(int(step), str(what)) for step, what in plain.get("troubles", ())]
        return cls(**{**plain, "held_out": held_out, "troubles": troubles})
