"""Tables of a quality report: each figure beside its floor, and what may not be reported."""

from __future__ import annotations

from faultsyn.evaluate.quality import QualityReport
from faultsyn.evaluate.registry import METRICS
from faultsyn.report.arms import counted
from faultsyn.report.tables import MISSING, Cell, Table

_FLOOR = "floor "
"""What `Measurement.detail` calls a detail of the floor."""


def figure_text(value: float | None) -> str:
    """Three significant digits."""
    return MISSING if value is None else f"{value:.3g}"


def measure_table(report: QualityReport) -> Table:
    """What was measured: value, floor, which way is better, windows on the judged side."""
    rows = [
        (
            Cell(named(m.name), METRICS[m.name].required, METRICS[m.name].blind),
            Cell(METRICS[m.name].direction.replace("-", " ")),
            Cell(figure_text(m.value)),
            Cell(figure_text(m.floor), note=m.reason),
            Cell(str(m.n)),
        )
        for m in report.measurements.values()
        if m.value is not None
    ]
    shots = f" and {counted(report.n_shots, 'shot')}" if report.n_shots else ""
    caption = (
        f"Class {report.label}: {report.n_synthetic} synthetic windows, {report.n_real} real ones"
        f"{shots}. Floor: the same measure of held-out real windows, as many. Bold: measures that "
        "every evaluation prints."
    )
    return Table(caption, ("measure", "better", "value", "floor", "n"), tuple(rows))


def missing_table(report: QualityReport) -> Table | None:
    """Measures without a figure: left out because of their controls, or not to be computed."""
    rows = [(Cell(named(name)), Cell(why)) for name, why in report.left_out.items()]
    rows += [
        (Cell(named(m.name)), Cell(f"not computed: {m.reason}"))
        for m in report.measurements.values()
        if m.value is None
    ]
    return Table("No figure, and why.", ("measure", "reason"), tuple(rows)) if rows else None


def detail_table(report: QualityReport) -> Table | None:
    """Further figures of the measures: p-values, shares, ratios per block."""
    rows = [
        (
            Cell(m.name),
            Cell(key),
            Cell(figure_text(value)),
            Cell(figure_text(m.detail.get(_FLOOR + key))),
        )
        for m in report.measurements.values()
        for key, value in m.detail.items()
        if not key.startswith(_FLOOR)
    ]
    head = ("measure", "detail", "value", "floor")
    return Table("Further figures.", head, tuple(rows)) if rows else None


def control_table(report: QualityReport) -> Table | None:
    """How each measure read what is certainly worse than held-out real windows."""
    arms = list(dict.fromkeys(arm for c in report.controls.values() for arm in c.values))
    if not arms:
        return None
    rows = []
    for name, result in report.controls.items():
        cells = [Cell(name), Cell("passed" if result.passed else "failed", not result.passed)]
        for arm in arms:
            failed = any(arm in text for text in result.failed)
            cells.append(Cell(figure_text(result.values.get(arm)), failed))
        rows.append(tuple(cells))
    caption = (
        "Mean figure of each control on these real windows; bold: it did not come behind held-out "
        "real windows, as it must."
    )
    return Table(caption, ("measure", "verdict", *arms), tuple(rows))


def named(measure: str) -> str:
    """A measure with its unit."""
    unit = METRICS[measure].unit
    return f"{measure} [{unit}]" if unit else measure
