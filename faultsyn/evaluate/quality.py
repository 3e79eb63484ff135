"""The quality of synthetic windows: measures beside their floors, none that fails its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Measurement, Metric, check_pair
from faultsyn.evaluate.controls import ControlResult, run_controls
from faultsyn.evaluate.registry import METRICS, build_metrics
from faultsyn.evaluate.remember import remembering
from faultsyn.evaluate.views import Views, make_views
from faultsyn.windows import WindowSet


@dataclass(frozen=True)
class QualityReport:
    """Synthetic windows of one class against real ones.

    - `label`: the class.
    - `n_real`, `n_synthetic`, `n_shots`: windows of each kind.
    - `measurements`: what may be reported, by name; a figure that could not be computed is among
      them with its reason.
    - `left_out`: measures that may not be reported, with the control they failed or why none was
      run.
    - `controls`: how each measure ranked the controls on these real windows.
    - `warnings`: what a reader must know first (copies found, variance out of bounds).
    - `views`: arrays for the figures.
    """

    label: str
    n_real: int
    n_synthetic: int
    n_shots: int
    measurements: Mapping[str, Measurement]
    left_out: Mapping[str, str]
    controls: Mapping[str, ControlResult]
    warnings: tuple[str, ...]
    views: Views

    def to_dict(self) -> dict[str, Any]:
        """Everything but the arrays, ready for JSON."""
        rows = [
            {
                **asdict(m),
                "detail": dict(m.detail),
                "unit": METRICS[m.name].unit,
                "direction": METRICS[m.name].direction,
                "required": METRICS[m.name].required,
                "blind": METRICS[m.name].blind,
            }
            for m in self.measurements.values()
        ]
        return {
            "label": self.label,
            "n_real": self.n_real,
            "n_synthetic": self.n_synthetic,
            "n_shots": self.n_shots,
            "warnings": list(self.warnings),
            "measurements": rows,
            "left_out": dict(self.left_out),
            "controls": {
                name: {
                    "values": dict(c.values),
                    "failed": list(c.failed),
                    "unchecked": dict(c.unchecked),
                    "reason": c.reason,
                }
                for name, c in self.controls.items()
            },
        }


def evaluate_quality(
    real: WindowSet,
    synthetic: WindowSet,
    shots: WindowSet | None,
    normal: WindowSet | None,
    rng: np.random.Generator,
    *,
    metrics: Sequence[str] | None = None,
    others: Mapping[str, WindowSet] | None = None,
) -> QualityReport:
    """Measure synthetic windows of one class, after checking each measure on the real ones.

    - `real`: windows of the class that the generator has not seen.
    - `shots`: what it was adapted to; without them nothing can be said about copying.
    - `normal`: healthy windows, for the variance in their principal components.
    - `metrics`: names; all but the costly ones when None.
    - `others`: real windows of "another fault" and "another bearing", as further controls.

    Raises `InputError` on no windows, several classes, sets that differ in shape or rate, NaN or
    infinity, or an unknown measure.
    """
    label = _one_label(real, synthetic)
    check_pair(real, synthetic)
    chosen = build_metrics(metrics)
    with remembering():
        measured = {m.name: m(real, synthetic, rng, shots, normal) for m in chosen}
        computed = [m for m in chosen if measured[m.name].value is not None]
        controls, left_out = _check(computed, real, shots, normal, others, rng)
        views = make_views(real, synthetic, rng, shots, normal)
    return QualityReport(
        label,
        len(real),
        len(synthetic),
        0 if shots is None else len(shots),
        {name: m for name, m in measured.items() if name not in left_out},
        left_out,
        controls,
        _warnings(measured, views, left_out),
        views,
    )


def quality_by_class(
    real: WindowSet,
    synthetic: WindowSet,
    shots: WindowSet | None,
    normal: WindowSet | None,
    rng: np.random.Generator,
    *,
    metrics: Sequence[str] | None = None,
) -> dict[str, QualityReport]:
    """`evaluate_quality` for each class that has synthetic windows; other classes are controls.

    Raises `InputError` when a synthetic class has no real windows.
    """
    reports = {}
    for label in dict.fromkeys(synthetic.labels.tolist()):
        mine = real.of(label)
        if len(mine) == 0:
            raise InputError(
                f"evaluate: no real windows of class '{label}' to judge its synthetic ones by; "
                f"the real classes are {', '.join(sorted(set(real.labels.tolist())))}"
            )
        others = real.take(real.labels != label)
        reports[label] = evaluate_quality(
            mine,
            synthetic.of(label),
            None if shots is None else shots.of(label),
            normal,
            rng,
            metrics=metrics,
            others={"another fault": others} if len(others) else None,
        )
    return reports


def _check(
    metrics: Sequence[Metric],
    real: WindowSet,
    shots: WindowSet | None,
    normal: WindowSet | None,
    others: Mapping[str, WindowSet] | None,
    rng: np.random.Generator,
) -> tuple[dict[str, ControlResult], dict[str, str]]:
    """Control results, and the measures that they bar from the report, with the reason."""
    seeds = shots if shots is not None and len(shots) else None
    try:
        results = run_controls(metrics, real, rng, shots=seeds, normal=normal, others=others)
    except InputError as error:
        return {}, {m.name: f"no controls could be run: {error}" for m in metrics}
    barred = {}
    for name, result in results.items():
        if result.failed:
            barred[name] = f"failed its control: {', '.join(result.failed)}"
        elif result.reason:
            barred[name] = f"no controls could be run: {result.reason}"
    return results, barred


def _warnings(
    measured: Mapping[str, Measurement], views: Views, left_out: Mapping[str, str]
) -> tuple[str, ...]:
    found = []
    if views.suspects is not None and views.suspects.copied:
        found.append(
            f"{views.suspects.copied} synthetic windows are copies of shots (circular "
            f"cross-correlation above {views.suspects.limit:.3f})"
        )
    diversity = measured.get("diversity")
    if diversity is not None and diversity.value is not None and diversity.value < 0.5:
        found.append(f"diversity is {diversity.value:.2f} of that of real windows: collapse?")
    variance = measured.get("normal-components")
    limit = 2.0 if variance is None or variance.floor is None else max(2.0, 1.5 * variance.floor)
    if variance is not None and variance.value is not None and variance.value > limit:
        found.append(
            f"a block of normal components has {variance.value:.1f} times too much or too little "
            "variance: linear classifiers will suffer"
        )
    if left_out:
        found.append(f"{len(left_out)} measures are left out: {', '.join(left_out)}")
    return tuple(found)


def _one_label(real: WindowSet, synthetic: WindowSet) -> str:
    if len(real) == 0 or len(synthetic) == 0:
        raise InputError(
            f"evaluate: expected real and synthetic windows, got {len(real)} and {len(synthetic)}"
        )
    labels = sorted({*real.labels.tolist(), *synthetic.labels.tolist()})
    if len(labels) > 1:
        raise InputError(
            f"evaluate: expected one class, got {', '.join(labels)}", "use quality_by_class"
        )
    return str(labels[0])
