"""Calibrated probabilities, and several windows of a recording as one.

Window probabilities are brought to a recording's by one formula. With log p_i the log
probabilities of window i of n, and T the temperature (Guo et al. 2017, On calibration of modern
neural networks, section 4.2),

    log P = n^a mean_i log p_i / T + constant            rule "logits"
    log P = log mean_i softmax(log p_i / T) + constant   rule "probabilities"

a = 0 averages logits, a = 1 multiplies probabilities as if windows were independent, what lies
between is a tempered product. With one window both rules are plain temperature scaling. Which rule
is best, and whether an isotonic map of each class against the rest (Zadrozny and Elkan 2002,
Transforming classifier scores into accurate multiclass probability estimates) should follow, is
chosen by log loss on groups that the fitted classifier had not seen. Last, a share of 1 / (m + 2)
of the uniform distribution is mixed in, where m recordings calibrated: without an error among
them nothing surer has been shown (Laplace's rule of succession).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Rule = Literal["logits", "probabilities"]

FLOORS = (1e-12, 1e-3, 1e-2)
RULES: tuple[tuple[Rule, float], ...] = (
    ("probabilities", 0.0),
    ("logits", -0.25),
    ("logits", 0.0),
    ("logits", 0.25),
    ("logits", 0.5),
    ("logits", 1.0),
)
"""Ways to combine windows that are tried: rule and exponent."""
_LOG_TEMPERATURE = (-4.0, 5.0)
_LEAST_UNITS = 200
"""Held-out recordings below which an isotonic map is not tried: it follows single ones."""
KEPT = 0.01
"""Weight of a probability as it was, beside that which a map makes of it."""


@dataclass(frozen=True)
class Isotonic:
    """A monotone map of each class's probability, then divided by the sum.

    - `knots`: for each class, probabilities before and after, ascending.
    """

    knots: tuple[tuple[Floats, Floats], ...]

    @classmethod
    def fit(cls, proba: Floats, truth: Codes) -> Self:
        """Least-squares monotone fit of each class against the rest; `proba` `(n, C)`."""
        from sklearn.isotonic import IsotonicRegression

        knots = []
        for c in range(proba.shape[1]):
            fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            fitted.fit(proba[:, c], truth == c)
            knots.append((fitted.X_thresholds_, fitted.y_thresholds_))
        return cls(tuple(knots))

    def __call__(self, proba: Floats) -> Floats:
        """Calibrated probabilities `(n, C)`; where all classes get 0, they stay as they were."""
        columns = [np.interp(proba[:, c], x, y) for c, (x, y) in enumerate(self.knots)]
        mapped = np.stack(columns, axis=1) + KEPT * proba
        return np.asarray(mapped / mapped.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Calibration:
    """From window probabilities to a recording's.

    - `floor`: share of the uniform distribution that is mixed into every window's probabilities,
      so that a forest's 0 of 150 trees does not rule a class out.
    - `temperature`, `rule`, `exponent`: T, rule and a of the equations above.
    - `isotonic`: a map that follows, or None.
    - `doubt`: share of the uniform distribution that is mixed in last.
    """

    floor: float = FLOORS[0]
    temperature: float = 1.0
    rule: Rule = "logits"
    exponent: float = 0.0
    isotonic: Isotonic | None = None
    doubt: float = 0.0

    def __call__(self, proba: Floats) -> Floats:
        """Class probabilities `(C,)` of the recording whose windows have `proba` `(n, C)`."""
        found: Floats = self.of_units([np.asarray(proba, np.float64)])[0]
        return found

    def of_units(self, units: Sequence[Floats]) -> Floats:
        """Class probabilities `(n_units, C)` of several recordings."""
        return self._last(np.stack([self._combined(proba) for proba in units]))

    def of_windows(self, proba: Floats) -> Floats:
        """Class probabilities `(n, C)` of windows, each taken for a recording of its own."""
        scaled = np.log(smoothed(np.asarray(proba, np.float64), self.floor)) / self.temperature
        found: Floats = np.exp(scaled - logsumexp(scaled, axis=1, keepdims=True))
        return self._last(found)

    def _last(self, found: Floats) -> Floats:
        mapped = found if self.isotonic is None else self.isotonic(found)
        return mapped if self.doubt == 0 else smoothed(mapped, self.doubt)

    def _combined(self, proba: Floats) -> Floats:
        scaled = np.log(smoothed(proba, self.floor)) / self.temperature
        if self.rule == "probabilities":
            scaled = scaled - logsumexp(scaled, axis=1, keepdims=True)
            joint = logsumexp(scaled, axis=0)
        else:
            joint = len(proba) ** self.exponent * scaled.mean(axis=0)
        return np.asarray(np.exp(joint - logsumexp(joint)))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON that `restore` puts back."""
        arrays = {}
        for c, (x, y) in enumerate(self.isotonic.knots if self.isotonic else ()):
            arrays[f"calibration.isotonic.{c}"] = np.stack([x, y])
        info = {
            "floor": self.floor,
            "temperature": self.temperature,
            "rule": self.rule,
            "exponent": self.exponent,
            "isotonic": len(arrays),
            "doubt": self.doubt,
        }
        return arrays, info

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> Self:
        """Rebuild what `state` took apart."""
        knots = [arrays[f"calibration.isotonic.{c}"] for c in range(int(info["isotonic"]))]
        isotonic = Isotonic(tuple((k[0], k[1]) for k in knots)) if knots else None
        rule: Rule = "probabilities" if info["rule"] == "probabilities" else "logits"
        return cls(
            float(info["floor"]), float(info["temperature"]), rule, float(info["exponent"]),
            isotonic, float(info["doubt"]),
        )  # fmt: skip


def smoothed(proba: Floats, floor: float) -> Floats:
    """`proba` `(n, C)` with the share `floor` of the uniform distribution mixed in."""
    return np.asarray((1 - floor) * proba + floor / proba.shape[1])


def log_loss(proba: Floats, truth: Codes) -> float:
    """Mean of -log of the true class's probability; every class that occurs counts the same."""
    losses = -np.log(np.maximum(proba[np.arange(len(truth)), truth], 1e-12))
    return float(np.mean([losses[truth == c].mean() for c in np.unique(truth)]))


def fit_temperature(proba: Floats, truth: Codes, floor: float = FLOORS[0]) -> float:
    """The temperature of least log loss for single windows `(n, C)`."""
    logs = np.log(smoothed(proba, floor))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        normal = scaled - logsumexp(scaled, axis=1, keepdims=True)
        return log_loss(np.exp(normal), truth)

    best = minimize_scalar(loss, bounds=_LOG_TEMPERATURE, method="bounded")
    return float(np.exp(best.x))


def fit_calibration(
    units: Sequence[Floats], truth: Codes, folds: NDArray[np.intp]
) -> tuple[Calibration, Floats, dict[str, float]]:
    """Choose temperature, rule and isotonic map on held-out recordings.

    - `units`: window probabilities `(n_i, C)` of each held-out recording, from a classifier that
      had not seen its group.
    - `truth`: class of each recording; `folds`: in which fold it was held out.

    Every candidate is fitted on all folds but one and judged on that one (on itself, where there
    is one fold only): recordings of one machine err together, and a rule that looks best on the
    machines that it was fitted on may be the worst on the next.

    Returns the calibration fitted on all of them; the recordings' probabilities `(n_units, C)`,
    each by what was fitted on the other folds; and the log loss of each candidate, judged so.
    """
    numbers = np.unique(folds)
    several = max(len(unit) for unit in units) > 1
    candidates = [(rule, False) for rule in (RULES if several else RULES[:1])]
    if len(units) >= _LEAST_UNITS and len(numbers) > 1:
        candidates += [(rule, True) for rule, _ in candidates]
    judged = {candidate: np.zeros((len(units), units[0].shape[1])) for candidate in candidates}
    for fold in numbers:
        held = np.flatnonzero(folds == fold)
        rest = np.flatnonzero(folds != fold) if len(numbers) > 1 else held
        mine = [units[i] for i in rest]
        single = _of_windows(mine, truth[rest])
        for rule, isotonic in candidates:
            made = _finished(single, rule, isotonic, mine, truth[rest])
            judged[rule, isotonic][held] = made.of_units([units[i] for i in held])
    losses = {candidate: log_loss(found, truth) for candidate, found in judged.items()}
    best = min(candidates, key=lambda candidate: losses[candidate])
    chosen = _finished(_of_windows(units, truth), *best, units, truth)
    named = {
        f"{rule}{'' if rule == 'probabilities' else f' {exponent:g}'}"
        f"{', isotonic' if isotonic else ''}": loss
        for ((rule, exponent), isotonic), loss in losses.items()
    }
    return chosen, judged[best], named


def _of_windows(units: Sequence[Floats], truth: Codes) -> Calibration:
    """Floor and temperature of least log loss over single windows."""
    windows = np.concatenate(units)
    of_windows = np.repeat(truth, [len(unit) for unit in units])
    made = [Calibration(floor, fit_temperature(windows, of_windows, floor)) for floor in FLOORS]
    return min(made, key=lambda one: log_loss(one.of_windows(windows), of_windows))


def _finished(
    single: Calibration,
    rule: tuple[Rule, float],
    isotonic: bool,
    units: Sequence[Floats],
    truth: Codes,
) -> Calibration:
    made = replace(single, rule=rule[0], exponent=rule[1])
    if isotonic:
        made = replace(made, isotonic=Isotonic.fit(made.of_units(units), truth))
    return replace(made, doubt=1 / (len(units) + 2))
