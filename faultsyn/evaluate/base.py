"""The contract of every measure of synthetic windows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from faultsyn.errors import InputError
from faultsyn.evaluate.halves import matched_halves
from faultsyn.evaluate.needs import Given, Need, unmet
from faultsyn.windows import WindowSet

Direction = Literal["lower", "higher", "closer-to-floor"]


@dataclass(frozen=True)
class Measurement:
    """One figure beside its floor.

    - `name`: the measure.
    - `value`: real against synthetic windows; None when it cannot be computed.
    - `floor`: the same measure of real against other real windows, at the same `n`; None when it
      cannot be computed.
    - `n`: windows on the judged side (synthetic, or held-out real for the floor).
    - `reason`: why `value` or `floor` is None; empty when both are there.
    - `detail`: further figures of the measure (p-value, share of copies, ratio per block, ...),
      those of the floor under "floor ...".
    """

    name: str
    value: float | None
    floor: float | None
    n: int
    reason: str = ""
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A figure, and how far it is from ideal (larger is worse, comparable within one metric)."""

    value: float
    badness: float


class Metric(ABC):
    """Compares synthetic windows of one class with real ones that no generator has seen.

    `metric(real, synthetic, rng, shots, normal)` gives a `Measurement`. The real windows are split
    into halves by recording (or time); each half in turn is the reference that judges as many
    synthetic windows (`value`) as held-out real ones (`floor`), so that both stand at the same n.

    - `name`, `unit`: as reported.
    - `direction`: which way is better.
    - `needs`: what must be there for it to be computed.
    - `required`: whether it belongs to the table that every evaluation must print.
    - `costly`: whether it trains a network for each comparison; computed only when asked for.
    - `sees`: the controls (`faultsyn.evaluate.controls`) that it must rank behind held-out real.
    - `blind`: why it need not see the others.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = ""
    direction: ClassVar[Direction]
    needs: ClassVar[frozenset[Need]] = frozenset()
    required: ClassVar[bool] = True
    costly: ClassVar[bool] = False
    sees: ClassVar[tuple[str, ...]]
    blind: ClassVar[str]
    minimum: ClassVar[int] = 4
    """Fewest windows on either side."""

    def __call__(
        self,
        real: WindowSet,
        synthetic: WindowSet,
        rng: np.random.Generator,
        shots: WindowSet | None = None,
        normal: WindowSet | None = None,
    ) -> Measurement:
        """Value and floor, or the reason why there is none.

        - `real`: windows that the generator has not seen, one class.
        - `synthetic`: generated windows of that class.
        - `shots`: the real windows that the generator was adapted to.
        - `normal`: healthy windows.

        Raises `InputError` when the two sets differ in channels, rate or length, or hold NaN or
        infinity; everything else that stands in the way becomes the measurement's `reason`.
        """
        check_pair(real, synthetic)
        given = Given(shots, normal, real)
        problem = unmet(self.needs, real, synthetic, given)
        problem = problem or self._too_few(len(synthetic), "synthetic")
        problem = problem or self._too_few(len(real), "real")
        if problem:
            return Measurement(self.name, None, None, 0, problem)
        try:
            seen, made = self._views(real, synthetic, given)
            return self._judge(seen, made, given, rng)
        except InputError as error:
            return Measurement(self.name, None, None, 0, str(error))

    def floor(
        self,
        real: WindowSet,
        n: int,
        rng: np.random.Generator,
        shots: WindowSet | None = None,
        normal: WindowSet | None = None,
    ) -> Measurement:
        """Real against real at (at most) `n` judged windows: `value` and `floor` are equal."""
        check_pair(real, real)
        given = Given(shots, normal, real)
        problem = unmet(self.needs, real, real, given) or self._too_few(len(real), "real")
        if problem:
            return Measurement(self.name, None, None, 0, problem)
        try:
            seen, _ = self._views(real, real.take(slice(0, self.minimum)), given)
            pairs = matched_halves(seen, n, self.minimum, rng)
            figures = [self._measure(a, b, given, rng) for a, b in pairs]
        except InputError as error:
            return Measurement(self.name, None, None, 0, str(error))
        value, detail = _mean(figures)
        return _finite(Measurement(self.name, value, value, _size(pairs), "", detail))

    def compare(
        self,
        reference: WindowSet,
        judged: WindowSet,
        rng: np.random.Generator,
        shots: WindowSet | None = None,
        normal: WindowSet | None = None,
        scale: WindowSet | None = None,
    ) -> Comparison:
        """One comparison without halving: `judged` against the whole real `reference`.

        For the controls, which bring their own held-out real windows; `scale` are all real windows
        of the evaluation (the reference when None). Raises `InputError` when it cannot be made.
        """
        given = Given(shots, normal, scale)
        problem = unmet(self.needs, reference, judged, given)
        problem = problem or self._too_few(min(len(reference), len(judged)), "real and judged")
        if problem:
            raise InputError(problem)
        seen, made = self._views(reference, judged, given)
        value, _ = self._measure(seen, made, given, rng)
        if self.direction != "closer-to-floor":
            return Comparison(value, value if self.direction == "lower" else -value)
        ideal, _ = self._measure(seen, seen, given, rng)
        if value > 0 and ideal > 0:
            return Comparison(value, abs(math.log(value / ideal)))
        return Comparison(value, abs(value - ideal))

    def _judge(
        self, real: WindowSet, synthetic: WindowSet, given: Given, rng: np.random.Generator
    ) -> Measurement:
        try:
            pairs = matched_halves(real, len(synthetic), self.minimum, rng)
        except InputError as error:
            value, detail = self._measure(real, synthetic, given, rng)
            whole = Measurement(self.name, value, None, len(synthetic), str(error), detail)
            return _finite(whole)
        values, floors = [], []
        for reference, held in pairs:
            drawn = rng.permutation(len(synthetic))[: len(held)]
            values.append(self._measure(reference, synthetic.take(drawn), given, rng))
            floors.append(self._measure(reference, held, given, rng))
        (value, detail), (floor, floor_detail) = _mean(values), _mean(floors)
        detail |= {f"floor {key}": figure for key, figure in floor_detail.items()}
        return _finite(Measurement(self.name, value, floor, _size(pairs), "", detail))

    def _too_few(self, n: int, side: str) -> str:
        return "" if n >= self.minimum else f"needs {self.minimum} {side} windows, got {n}"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        """What is compared, worked out once: the windows themselves, or features of each."""
        return real, judged

    @abstractmethod
    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        """The figure of `judged` against real `reference`, and further details.

        Every choice (band, scale, kernel width) is made on real windows. May raise `InputError`.
        """


def check_pair(real: WindowSet, synthetic: WindowSet) -> None:
    """Raise `InputError` unless both sets can be compared: same shape, channels, rate; finite."""
    same_rate = real.rate == synthetic.rate or (np.isnan(real.rate) and np.isnan(synthetic.rate))
    if real.channels != synthetic.channels or real.n_samples != synthetic.n_samples:
        raise InputError(
            f"evaluate: expected windows of {len(real.channels)} channels x {real.n_samples} "
            f"samples ({', '.join(real.channels)}) like the real ones, got "
            f"{len(synthetic.channels)} x {synthetic.n_samples} ({', '.join(synthetic.channels)})"
        )
    if not same_rate:
        raise InputError(
            f"evaluate: real windows are at {real.rate} Hz, synthetic ones at {synthetic.rate} Hz"
        )
    if real.synthetic.any():
        raise InputError(
            "evaluate: the real windows include synthetic ones", "keep them in separate stores"
        )
    real.require_finite("evaluate, real")
    synthetic.require_finite("evaluate, synthetic")


def _mean(figures: list[tuple[float, dict[str, float]]]) -> tuple[float, dict[str, float]]:
    value = float(np.mean([figure for figure, _ in figures]))
    keys = figures[0][1]
    return value, {key: float(np.mean([detail[key] for _, detail in figures])) for key in keys}


def _size(pairs: list[tuple[WindowSet, WindowSet]]) -> int:
    return min(len(held) for _, held in pairs)


def _finite(measurement: Measurement) -> Measurement:
    """A figure that came out as NaN or infinity is no figure: say so instead."""
    value, floor = measurement.value, measurement.floor
    bad = [
        what
        for what, figure in (("value", value), ("floor", floor))
        if figure is not None and not math.isfinite(figure)
    ]
    if not bad:
        return measurement
    return Measurement(
        measurement.name,
        None if "value" in bad else value,
        None if "floor" in bad else floor,
        measurement.n,
        f"the {' and the '.join(bad)} came out as NaN or infinity: a side without any variation?",
        {k: v for k, v in measurement.detail.items() if math.isfinite(v)},
    )
