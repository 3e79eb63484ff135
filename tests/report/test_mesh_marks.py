"""Tooth mesh wherever a spectrum is drawn: passport, quality page, verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from faultsyn.evaluate.views import make_views
from faultsyn.experiment.made import ClassMade
from faultsyn.report.passport_figures import passport_figure
from faultsyn.report.quality_figures import quality_figures
from faultsyn.report.verdict_figures import Shown, verdict_figure
from faultsyn.signal.mesh import mesh_of, mesh_of_all
from faultsyn.windows import WindowSet

RATE, RPM, TEETH = 12000.0, 1500.0, 40


def geared(n: int, seed: int, **over: Any) -> WindowSet:
    """A mesh of 40 teeth at 25 Hz, 1 kHz, with noise."""
    rng = np.random.default_rng(seed)
    at = np.arange(4096) / RATE
    x = np.sin(2 * np.pi * TEETH * RPM / 60 * at + rng.uniform(0, 6, (n, 1, 1)))
    x = x + 0.1 * rng.standard_normal((n, 1, 4096))
    table = {"label": "gear", "rpm": RPM, "teeth": TEETH, "recording": "r", **over}
    return WindowSet(
        x.astype(np.float32), {k: np.full(n, v) for k, v in table.items()}, RATE, ("a",), ("g",)
    )


def tall(panel: Axes) -> list[float]:
    """Places of lines over the whole height."""
    lines = [line for line in panel.lines if len(line.get_xdata()) == 2]
    return [float(line.get_xdata()[0]) for line in lines if line.get_ydata()[1] == 1]


def test_the_passport_marks_the_mesh_where_the_density_has_its_line() -> None:
    made = ClassMade("gear", 4, 4, {}, geared(4, 1), geared(4, 2), {})
    figure, caption = passport_figure(made, None, "g")
    panel = figure.axes[1]
    assert tall(panel) == pytest.approx([1.0, 2.0, 3.0])  # kHz
    curve = panel.lines[0]
    peak = np.asarray(curve.get_xdata())[np.argmax(curve.get_ydata())]
    assert abs(float(peak) - 1.0) < 0.03
    assert panel.get_title() == "mesh at order 40 (40 teeth)"
    assert "tooth mesh" in caption


def test_the_quality_page_marks_it_where_all_windows_share_gears_and_speed() -> None:
    rng = np.random.default_rng(0)
    for over, expected in (({}, [1.0, 2.0, 3.0]), ({"rpm": np.array([1500.0, 1600.0] * 3)}, [])):
        real = geared(6, 3)
        table = {**real.table, **over}
        real = WindowSet(real.x, table, RATE, ("a",), ("g",))
        views = make_views(real, geared(6, 4), rng)
        drawn = {name: figure for name, _, figure in quality_figures(views, RATE, ("a",), ("g",))}
        assert tall(drawn["spectra"].axes[0]) == pytest.approx(expected)


def test_a_verdict_shows_the_density_of_a_geared_machine() -> None:
    verdict = {
        "columns": {"rpm": RPM, "gear": "40/20"}, "label": "gear", "evidence": {},
    }  # fmt: skip
    figure, caption = verdict_figure(Shown(verdict, geared(2, 5)), None)
    assert len(figure.axes) == 3
    assert tall(figure.axes[1]) == pytest.approx([1000.0, 2000.0, 3000.0])
    assert "sidebands" in caption
    plain = {**verdict, "columns": {"rpm": RPM}}
    assert len(verdict_figure(Shown(plain, geared(2, 5)), None)[0].axes) == 2


def test_what_names_no_gears_has_none() -> None:
    nothing: list[dict[str, Any]] = [
        {}, {"gear": ""}, {"gear": "no train"}, {"teeth": 0}, {"teeth": float("nan")},
        {"teeth": "many"}, {"gear": None, "teeth": None},
    ]  # fmt: skip
    assert [mesh_of(columns) for columns in nothing] == [()] * len(nothing)
    assert mesh_of_all({"teeth": np.array([20, 21])}) == ()
    (one,) = mesh_of_all({"gear": np.array(["", ""]), "teeth": np.array([20, 20])})
    assert (one.order, one.shafts) == (20, (1.0,))
