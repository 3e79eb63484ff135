"""How sure a diagnoser may be, learnt from what it said of windows that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.evaluate.alarms import alarm_rate, rate_at
from faultsyn.evaluate.calibration import Calibration, fit_calibration
from faultsyn.evaluate.conformal import class_thresholds, pooled_threshold, prediction_sets
from faultsyn.evaluate.diagnosis import calibration_error
from faultsyn.evaluate.novelty import Scale
from faultsyn.plant.crossfit import HeldOut
from faultsyn.plant.limits import Limits
from faultsyn.plant.unknown import PLAIN, Unknown
from faultsyn.windows import NORMAL

Floats = NDArray[np.float64]

_EVEN = 0.5


@dataclass(frozen=True, eq=False)
class Confidence:
    """From the scores of a recording's windows to what may be said of it.

    - `level`: what was held out ("group", "recording", "time block"; "none": nothing was, and no
      confidence is stated).
    - `calibration`: window probabilities to a recording's.
    - `coverage`: that of the prediction sets, for each class.
    - `of_recordings`, `of_windows`: `(C,)` thresholds of the sets for recordings of several windows
      and of one; a class with too few recordings has that of its windows, one with too few windows
      that of all classes together.
    - `kind`: the unknown score in use; `scales`: of those that "combined" adds; `known`: least
      share of known windows that its `limits` let pass.
    - `alarm`: probability of a fault from which a recording is alarmed; None without healthy class.
    - `measured`: figures on the held-out recordings.
    """

    level: str
    classes: tuple[str, ...]
    calibration: Calibration
    coverage: float
    of_recordings: Floats
    of_windows: Floats
    kind: str
    scales: Mapping[str, Scale]
    known: float
    limits: Limits
    alarm: float | None
    measured: dict[str, Any]

    @classmethod
    def none(cls, classes: tuple[str, ...]) -> Self:
        """For a support too small to hold anything out."""
        never = np.full(len(classes), np.inf)
        return cls(
            "none", classes, Calibration(), 0.0, never, never, PLAIN, {}, 1.0, Limits.none(),
            _EVEN if NORMAL in classes else None, {},
        )  # fmt: skip

    @classmethod
    def fit(
        cls,
        held: HeldOut,
        met: HeldOut | None = None,
        coverage: float = 0.9,
        known: float = 0.95,
        recall: float | None = None,
    ) -> Self:
        """Learn calibration, sets, unknown limits and the alarm threshold.

        - `met`: what was held out at operating states that every fit had met, where `held` was not.
        - `recall`: share of the held-out fault recordings that the alarm threshold shall recall;
          None alarms where a fault is more probable than not.
        """
        units = [np.flatnonzero(held.unit == unit) for unit in np.unique(held.unit)]
        truth = held.codes[[unit[0] for unit in units]]
        folds = held.fold[[unit[0] for unit in units]]
        groups = [held.proba[unit] for unit in units]
        calibration, judged, losses = fit_calibration(groups, truth, folds)
        singles = calibration.of_windows(held.proba)
        of_windows = class_thresholds(singles, held.codes, coverage)
        of_recordings = class_thresholds(judged, truth, coverage)
        few = ~np.isfinite(of_recordings)
        of_recordings[few] = of_windows[few]
        none = ~np.isfinite(of_windows)  # too few windows for a threshold of their own
        of_windows[none] = pooled_threshold(singles, held.codes, coverage)
        of_recordings[none] = pooled_threshold(judged, truth, coverage)
        unknown = Unknown.fit(held, met or held, known)
        measured = _figures(judged, truth, groups, losses) | {
            "held_out_windows": len(held),
            "pooled_sets": [name for name, few in zip(held.classes, none, strict=True) if few],
            **unknown.measured,
            "set_size": float(prediction_sets(judged, of_recordings).sum(axis=1).mean()),
        }
        alarm = None
        if NORMAL in held.classes:
            suspicion = 1 - judged[:, held.classes.index(NORMAL)]
            healthy = truth == held.classes.index(NORMAL)
            sides = suspicion[healthy], suspicion[~healthy]
            rate = rate_at(_EVEN, *sides) if recall is None else alarm_rate(*sides, recall)
            if rate is not None:
                alarm = rate.threshold
                measured["alarm"] = vars(rate)
                measured["alarm_at_95"] = vars(alarm_rate(*sides))
        return cls(
            held.level, held.classes, calibration, coverage, of_recordings, of_windows,
            unknown.kind, unknown.scales, known, unknown.limits, alarm, measured,
        )  # fmt: skip

    @property
    def stated(self) -> bool:
        """Whether anything was held out, so that confidence can be stated."""
        return self.level != "none"

    def sets(self, proba: Floats, n_windows: int) -> NDArray[np.bool_]:
        """The prediction set `(C,)` of one recording with calibrated `proba` `(C,)`."""
        thresholds = self.of_windows if n_windows == 1 else self.of_recordings
        return np.asarray(prediction_sets(proba[None], thresholds)[0])

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON that `restore` puts back."""
        arrays, calibration = self.calibration.state()
        arrays["confidence.of_recordings"] = self.of_recordings
        arrays["confidence.of_windows"] = self.of_windows
        arrays["confidence.limits"] = self.limits.as_array()
        info = {
            "level": self.level,
            "classes": list(self.classes),
            "calibration": calibration,
            "coverage": self.coverage,
            "kind": self.kind,
            "scales": {part: [s.centre, s.spread] for part, s in self.scales.items()},
            "known": self.known,
            "alarm": self.alarm,
            "measured": self.measured,
        }
        return arrays, info

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> Self:
        """Rebuild what `state` took apart."""
        return cls(
            level=str(info["level"]),
            classes=tuple(info["classes"]),
            calibration=Calibration.restore(arrays, info["calibration"]),
            coverage=float(info["coverage"]),
            of_recordings=arrays["confidence.of_recordings"],
            of_windows=arrays["confidence.of_windows"],
            kind=str(info["kind"]),
            scales={str(p): Scale(float(s[0]), float(s[1])) for p, s in info["scales"].items()},
            known=float(info["known"]),
            limits=Limits.from_array(arrays["confidence.limits"]),
            alarm=None if info["alarm"] is None else float(info["alarm"]),
            measured=dict(info["measured"]),
        )


def _figures(
    judged: Floats, truth: NDArray[np.intp], groups: list[Floats], losses: dict[str, float]
) -> dict[str, Any]:
    """Accuracy and calibration error of held-out recordings, before and after."""
    plain = Calibration().of_units(groups)
    hit, sure = judged.argmax(axis=1) == truth, judged.max(axis=1)
    recalls = [float(hit[truth == c].mean()) for c in np.unique(truth)]
    return {
        "held_out_recordings": len(truth),
        "balanced_accuracy": float(np.mean(recalls)),
        "ece": calibration_error(hit, sure),
        "ece_uncalibrated": calibration_error(plain.argmax(axis=1) == truth, plain.max(axis=1)),
        "log_loss": losses,
    }
