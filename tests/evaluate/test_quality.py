from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.quality import evaluate_quality, quality_by_class
from faultsyn.evaluate.registry import METRICS
from faultsyn.evaluate.views import make_views
from faultsyn.windows import WindowSet, concat

FEW = ("line", "mmd", "kurtosis", "memorisation", "diversity", "normal-components")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def generated(windows: WindowSet) -> WindowSet:
    return windows.with_columns(synthetic=True, recording="", start=0.0)


@pytest.fixture(scope="module")
def sets(bearing) -> dict[str, WindowSet]:
    return {
        "real": bearing(0, 60),
        "shots": bearing(1, 5),
        "normal": bearing(2, 40, label="normal", gain=0.0),
        "good": generated(bearing(3, 40)),
    }


def test_good_windows_are_reported_near_their_floors(sets):
    report = evaluate_quality(
        sets["real"], sets["good"], sets["shots"], sets["normal"], rng(), metrics=FEW
    )
    assert report.label == "inner"
    assert (report.n_real, report.n_synthetic, report.n_shots) == (60, 40, 5)
    assert set(report.measurements) == set(FEW)
    assert report.left_out == {}
    assert report.warnings == ()
    line = report.measurements["line"]
    assert line.value == pytest.approx(line.floor, rel=0.25)
    said = json.loads(json.dumps(report.to_dict()))
    assert {row["name"] for row in said["measurements"]} == set(FEW)
    assert said["measurements"][0]["direction"] == "closer-to-floor"


def test_copies_and_collapse_are_the_first_thing_said(sets):
    copies = sets["shots"].take(np.resize(np.arange(5), 30))
    shifted = generated(copies.with_x(np.roll(copies.x, 100, axis=-1)))
    report = evaluate_quality(
        sets["real"], shifted, sets["shots"], sets["normal"], rng(), metrics=FEW
    )
    assert report.warnings[0].startswith("30 synthetic windows are copies of shots")
    found = report.views.suspects
    assert found is not None
    assert found.copied == 30
    np.testing.assert_allclose(found.synthetic, found.nearest, atol=1e-6)
    one = generated(sets["good"].take(np.zeros(30, int)))
    report = evaluate_quality(sets["real"], one, None, None, rng(), metrics=["diversity"])
    assert "collapse" in report.warnings[0]


def test_a_measure_that_fails_its_controls_is_left_out_and_named(sets, monkeypatch):
    class Blind(Metric):
        """Gives every set the same figure."""

        name, direction, blind = "blind", "lower", ""
        sees: ClassVar[tuple[str, ...]] = ("iaaft", "white noise")

        def _measure(self, reference, judged, given, rng):
            return 1.0, {}

    monkeypatch.setitem(METRICS, "blind", Blind)
    report = evaluate_quality(
        sets["real"], sets["good"], sets["shots"], None, rng(), metrics=["blind", "kurtosis"]
    )
    assert list(report.measurements) == ["kurtosis"]
    assert report.left_out == {"blind": "failed its control: iaaft, white noise"}
    assert "1 measures are left out: blind" in report.warnings[-1]


def test_figures_that_cannot_be_computed_keep_their_reason(sets):
    report = evaluate_quality(
        sets["real"], sets["good"], None, None, rng(), metrics=["memorisation", "envelope-line"]
    )
    assert "shots" in report.measurements["memorisation"].reason
    assert "1024 samples" in report.measurements["envelope-line"].reason


def test_without_enough_real_windows_nothing_is_claimed(sets):
    report = evaluate_quality(
        sets["real"].take([0]), sets["good"], sets["shots"], None, rng(), metrics=["line", "mmd"]
    )
    assert "needs 4 real windows" in report.measurements["line"].reason
    report = evaluate_quality(
        sets["real"].take(slice(0, 5)), sets["good"], sets["shots"], None, rng(), metrics=["mmd"]
    )
    assert report.measurements == {}
    assert "no controls could be run" in report.left_out["mmd"]


def test_classes_are_judged_one_by_one_with_the_others_as_controls(sets, bearing):
    outer = bearing(5, 40, label="outer", gain=0.0)
    real = concat([sets["real"], outer])
    made = concat([sets["good"], generated(bearing(6, 20, label="outer", gain=0.0))])
    reports = quality_by_class(real, made, None, None, rng(), metrics=["kurtosis", "mmd"])
    assert list(reports) == ["inner", "outer"]
    assert "another fault" in reports["inner"].controls["mmd"].values
    with pytest.raises(InputError, match="one class"):
        evaluate_quality(real, made, None, None, rng())
    with pytest.raises(InputError, match="no real windows of class 'ball'"):
        quality_by_class(real, made.with_columns(label="ball"), None, None, rng())
    with pytest.raises(InputError, match="expected real and synthetic windows"):
        evaluate_quality(sets["real"], made.take([]), None, None, rng())


def test_views_hold_what_a_figure_needs(sets):
    views = make_views(sets["real"], sets["good"], rng(), sets["shots"], sets["normal"])
    assert views.spectrum is not None
    assert views.spectrum.real.shape == (1, len(views.spectrum.freqs))
    assert views.envelope is not None
    assert views.envelope.freqs[-1] == pytest.approx(4.2, abs=0.02)
    assert views.fault_hz == pytest.approx((5.4152 * 29.95,) * 2, rel=1e-3)
    peak = views.envelope.freqs[views.envelope.real[0][20:].argmax() + 20]
    assert min(abs(peak - k) for k in (1, 2, 3)) < 0.05

    assert {k: v.shape for k, v in views.embedding.items()} == {
        "real": (60, 2),
        "synthetic": (40, 2),
        "shots": (5, 2),
        "normal": (40, 2),
    }
    assert set(views.features) == {"rms", "kurtosis"}
    assert views.suspects is not None
    assert (np.diff(views.suspects.score) <= 0).all()
    assert views.suspects.copied == 0


def test_lines_of_machines_at_other_speeds_fall_on_each_other(bearing):
    """A modulation of depth 1/2: the squared envelope's line is (2 m) / (1 + m^2 / 2)."""
    base = bearing(0, 8, 4096)
    rpm = np.linspace(1200, 2400, 8)
    seconds = np.arange(4096) / base.rate
    hz = 5.4152 * rpm[:, None] / 60
    x = (1 + 0.5 * np.cos(2 * np.pi * hz * seconds)) * np.cos(2 * np.pi * 3000 * seconds)
    real = base.with_x(x[:, None].astype(np.float32)).with_columns(rpm=rpm)
    views = make_views(real, generated(real), rng())
    assert views.envelope is not None
    assert views.fault_hz == pytest.approx((hz.min(), hz.max()), rel=1e-3)
    curve = views.envelope.real[0]
    assert views.envelope.freqs[curve.argmax()] == pytest.approx(1.0, abs=0.011)
    assert curve.max() == pytest.approx(1.0 / 1.125, rel=0.03)
    unknown = make_views(real.with_columns(label="loose"), generated(real), rng())
    assert unknown.fault_hz is None
    assert unknown.envelope is not None
    assert unknown.envelope.freqs[-1] == pytest.approx(750, abs=2)


def test_views_of_feature_rows_have_no_spectra():
    x = np.random.default_rng(0).standard_normal((20, 1, 9)).astype(np.float32)
    rows = WindowSet(x, {"label": np.full(20, "inner")}, float("nan"), ("features",))
    views = make_views(rows, rows, rng())
    assert views.spectrum is None
    assert views.envelope is None
    assert views.fault_hz is None
    assert views.embedding["real"].shape == (20, 2)
