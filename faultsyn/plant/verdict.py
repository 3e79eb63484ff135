"""What is said of one recording, and the rule by which it is said."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.plant.confidence import Confidence
from faultsyn.windows import NORMAL

UNKNOWN = "unknown"
UNCLEAR = "not enough evidence"
UNJUDGED = (
    "unlike everything that was trained on, and so is its operating state: a fault that is new, or "
    "a known one at a new state? Train on recordings of this state to tell"
)

Status = Literal["ok", "refused"]


@dataclass
class Verdict:
    """The diagnosis of one recording.

    - `status`: "refused" when it could not be diagnosed, and `reason` says why; what follows is
      then empty.
    - `verdict`: a class, `UNKNOWN` (like nothing that was trained on) or `UNCLEAR` (several
      classes are left in the prediction set, or it is strange and so is its operating state).
    - `label`, `probability`: the most probable class and its calibrated probability; `runner_up`
      the next one.
    - `prediction_set`: classes that are left at the stated `coverage`; None when none is stated.
    - `probabilities`: of every class.
    - `alarm`: whether somebody should look; None for a task without a healthy class.
    - `unknown_score`, `unknown_limit`: mean over windows, and the limit above which the verdict is
      `UNKNOWN`.
    - `severities`: what the training recordings of the class had.
    - `said`: the label that came with the recording, if any.
    - `statistics`: by channel, mean, RMS, crest factor and kurtosis (medians over windows).
    - `warnings`: what a reader should know; `evidence`: see `faultsyn.plant.evidence`.
    """

    recording: str
    file: str
    status: Status = "ok"
    reason: str = ""
    verdict: str = ""
    label: str = ""
    probability: float | None = None
    runner_up: str = ""
    runner_up_probability: float | None = None
    prediction_set: list[str] | None = None
    coverage: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    alarm: bool | None = None
    unknown_score: float | None = None
    unknown_limit: float | None = None
    severities: list[float] = field(default_factory=list)
    windows: int = 0
    said: str = ""
    sha256: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    statistics: dict[str, list[float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def decide(
    made: Verdict,
    confidence: Confidence,
    proba: NDArray[np.float64],
    strange: NDArray[np.float64],
    new_state: bool = False,
) -> Verdict:
    """Fill in the verdict on a recording.

    - `proba`: raw class probabilities of its windows `(n, C)`; `strange`: their unknown scores.
    - `new_state`: whether its operating state was never trained on. The score of a fault that is
      known grows there too, so that it takes more to be unknown; what lies between is `UNCLEAR`.
    """
    n = len(proba)
    joint = confidence.calibration(proba)
    order = np.argsort(-joint, kind="stable")
    classes = confidence.classes
    made.windows = n
    made.label, made.probability = classes[order[0]], float(joint[order[0]])
    made.runner_up, made.runner_up_probability = classes[order[1]], float(joint[order[1]])
    made.probabilities = {name: float(p) for name, p in zip(classes, joint, strict=True)}
    made.verdict = made.label
    made.unknown_score = float(strange.mean())
    if confidence.stated:
        inside = confidence.sets(joint, n)
        made.prediction_set = [classes[i] for i in order if inside[i]]
        made.coverage = confidence.coverage
        made.unknown_limit = confidence.limits.of(n)
        if made.unknown_score > confidence.limits.of(n, new_state):
            made.verdict = UNKNOWN
        elif made.unknown_score > made.unknown_limit:
            made.verdict = UNCLEAR
            made.warnings.append(UNJUDGED)
        elif len(made.prediction_set) > 1:
            made.verdict = UNCLEAR
    if confidence.alarm is not None:
        suspicion = 1 - joint[classes.index(NORMAL)]
        made.alarm = bool(suspicion >= confidence.alarm) or made.verdict == UNKNOWN
    return made
