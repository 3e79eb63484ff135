"""Alarms that do not flicker: n of the last m recordings, and a lower threshold to clear them.

One recording above a threshold is chance; a machine that is on the edge would ring and fall silent
all day. So an alarm is raised when at least n of a machine's last m recordings reach the threshold
`on`, and cleared when at least n of them lie below `off`: delay and deadband of alarm management.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from faultsyn.errors import InputError
from faultsyn.plant.verdict import UNKNOWN, Verdict
from faultsyn.windows import NORMAL

Change = Literal["raised", "cleared"]


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm is raised and cleared.

    - `n`, `m`: recordings that must agree, of so many.
    - `on`, `off`: probability of a fault from which a recording counts for, and below which it
      counts against.
    """

    on: float
    off: float
    n: int = 2
    m: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.n <= self.m or 2 * self.n <= self.m:
            raise InputError(
                f"alarm: expected n of m with m / 2 < n <= m, got {self.n} of {self.m}",
                "with half or fewer the same recordings could raise and clear",
            )
        if not 0 <= self.off <= self.on <= 1:
            raise InputError(
                f"alarm: expected 0 <= off <= on <= 1, got off {self.off:g} and on {self.on:g}"
            )


@dataclass
class AlarmState:
    """One machine's last recordings, and whether its alarm is on."""

    rule: AlarmRule
    raised: bool = False
    last: deque[float] = field(default_factory=deque)

    def update(self, suspicion: float) -> Change | None:
        """Take the probability of a fault of the next recording; says what changed."""
        rule = self.rule
        self.last.append(suspicion)
        while len(self.last) > rule.m:
            self.last.popleft()
        if not self.raised and sum(s >= rule.on for s in self.last) >= rule.n:
            self.raised = True
            return "raised"
        if self.raised and sum(s < rule.off for s in self.last) >= rule.n:
            self.raised = False
            return "cleared"
        return None


def suspicion_of(made: Verdict) -> float | None:
    """Probability of a fault: 1 where the recording is like nothing known.

    None for a refusal, and where no class is healthy.
    """
    if made.status != "ok" or NORMAL not in made.probabilities:
        return None
    return 1.0 if made.verdict == UNKNOWN else 1 - made.probabilities[NORMAL]
