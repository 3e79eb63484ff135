"""What an alarm threshold costs: false alarms per machine and month at a chosen recall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

HOURS_A_MONTH = 730.0


@dataclass(frozen=True)
class AlarmRate:
    """One threshold on a score that grows with suspicion.

    - `threshold`: a recording is alarmed from this score on.
    - `recall`: share of the faults that are.
    - `false_alarms`: share of the healthy recordings that are; `upper`: its one-sided 95 % bound
      (Clopper and Pearson 1934); `n_healthy`: how many there were.
    """

    threshold: float
    recall: float
    false_alarms: float
    upper: float
    n_healthy: int

    def a_month(self, hours: float) -> tuple[float, float]:
        """False alarms a machine and month when it is diagnosed every `hours`, and their bound."""
        diagnoses = HOURS_A_MONTH / hours
        return self.false_alarms * diagnoses, self.upper * diagnoses


def alarm_rate(
    healthy: NDArray[Any], faulty: NDArray[Any], recall: float = 0.95
) -> AlarmRate | None:
    """A threshold that recalls at least `recall` of the faults at the least cost, and that cost.

    It lies half-way between the last fault that must be recalled and the next healthy score below,
    so that a recording does not miss it by a hair.

    - `healthy`, `faulty`: scores of recordings that the diagnoser had not seen.

    None where either is empty.
    """
    if len(healthy) == 0 or len(faulty) == 0:
        return None
    ordered = np.sort(faulty)[::-1]
    # 1e-9: 0.95 * 20 must be 19 recordings, not 20, whatever its float is
    last = float(ordered[int(np.ceil(recall * len(ordered) - 1e-9)) - 1])
    below = healthy[healthy < last]
    limit = (last + float(below.max())) / 2 if len(below) else last
    return rate_at(limit, healthy, faulty)


def rate_at(limit: float, healthy: NDArray[Any], faulty: NDArray[Any]) -> AlarmRate | None:
    """What a threshold recalls and costs; None where there are no healthy or no faulty scores."""
    if len(healthy) == 0 or len(faulty) == 0:
        return None
    n, false = len(healthy), int((healthy >= limit).sum())
    upper = 1.0 if false == n else float(beta.ppf(0.95, false + 1, n - false))
    return AlarmRate(limit, float((faulty >= limit).mean()), false / n, upper, n)
