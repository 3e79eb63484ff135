"""Measures and gains: planted associations are found, others are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_rows import result_row
from scipy.stats import spearmanr

from faultsyn.experiment.results import Results
from faultsyn.report.measure_figure import measure_figure
from faultsyn.report.measure_utility import EVERY, Association, associations, goodness
from faultsyn.report.style import save, styled

GENERATORS = ("a", "b", "c", "d", "e", "f")


def planted(
    groups: int = 7, noise: float = 0.3, seed: int = 0
) -> tuple[Results, list[dict[str, Any]]]:
    """Gains that follow the measure "good", run against "bad" and know nothing of "blind"."""
    rng = np.random.default_rng(seed)
    rows, figures = [], []
    for group in range(groups):
        level = 10.0 * group  # of figures and of scores: says nothing about generators
        place = {"task": "rig", "split": "asset", "k": "5", "group": f"g{group}", "seed": 0}
        for name in ("ncm", "lda"):
            rows.append(result_row(**place, classifier=name, balanced_accuracy=0.4))
        for generator in GENERATORS:
            worth = rng.standard_normal()
            for name in ("ncm", "lda"):
                gain = 0.03 * (worth + noise * rng.standard_normal()) - 0.001 * level
                rows.append(
                    result_row(
                        **place, generator=generator, classifier=name, balanced_accuracy=0.4 + gain
                    )
                )
            for measure, value in (
                ("good", -worth + level),
                ("bad", worth),
                ("blind", rng.standard_normal()),
            ):
                figures.append(
                    {
                        **place, "generator": generator, "label": "inner", "measure": measure,
                        "direction": "lower", "value": value, "floor": level, "n": 30,
                    }
                )  # fmt: skip
    return Results.of(rows), figures


def by_measure(found: list[Association], classifier: str = EVERY) -> dict[str, Association]:
    return {a.measure: a for a in found if a.classifier == classifier}


def test_what_was_planted_is_found() -> None:
    results, figures = planted()
    found = associations(results, figures, np.random.default_rng(0), draws=400)
    of = by_measure(found)
    assert of["good"].rho > 0.7
    assert of["bad"].rho < -0.7
    assert abs(of["blind"].rho) < 0.45
    good = of["good"]
    assert good.low is not None
    assert good.high is not None
    assert 0.5 < good.low < good.rho < good.high <= 1.0
    assert good.p < 0.01
    assert of["blind"].p > 0.05
    assert (good.cells, good.blocks, good.clusters) == (42, 7, 7)
    assert found[0].measure == "good"
    assert sorted(a.classifier for a in found) == sorted((EVERY, "ncm", "lda") * 3)


def test_within_one_block_it_is_spearmans() -> None:
    results, figures = planted(groups=1)
    found = by_measure(associations(results, figures, np.random.default_rng(0), draws=50), "lda")
    scores = {
        row["generator"]: row["balanced_accuracy"]
        for row in results.rows()
        if row["classifier"] == "lda"
    }
    for measure, a in found.items():
        values = [f["value"] for f in figures if f["measure"] == measure]
        gains = [scores[f["generator"]] for f in figures if f["measure"] == measure]
        expected = spearmanr(-np.array(values), gains).statistic
        assert a.rho == pytest.approx(expected)
        assert a.pooled == pytest.approx(expected)
        assert a.low is None


def test_p_values_of_nothing_are_even() -> None:
    ps = []
    for seed in range(40):
        results, figures = planted(groups=3, seed=seed)
        blind = [f for f in figures if f["measure"] == "blind"]
        ps.append(associations(results, blind, np.random.default_rng(seed), draws=60)[0].p)
    assert 0.35 < np.mean(ps) < 0.65
    assert np.mean(np.array(ps) < 0.1) < 0.25


def test_what_cannot_be_compared_is_left_out() -> None:
    results, figures = planted(groups=2)
    for figure in figures:
        if figure["generator"] in "abc" or figure["measure"] == "bad":
            figure["value"] = None
    assert associations(results, figures, np.random.default_rng(0), draws=10) == []
    assert associations(results, figures, np.random.default_rng(0), reference="x", draws=10) == []


@pytest.mark.parametrize(
    ("direction", "value", "floor", "expected"),
    [
        ("lower", 3.0, 1.0, -2.0),
        ("higher", 3.0, 1.0, 2.0),
        ("closer-to-floor", 2.0, 1.0, -np.log(2)),
        ("closer-to-floor", 0.5, 1.0, -np.log(2)),
        ("closer-to-floor", -0.5, 1.0, -1.5),
        ("lower", None, 1.0, None),
        ("lower", np.nan, 1.0, None),
    ],
)
def test_goodness(direction: str, value: Any, floor: float, expected: float | None) -> None:
    found = goodness({"direction": direction, "value": value, "floor": floor})
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_figure_has_a_line_for_each_measure(tmp_path: Path) -> None:
    results, figures = planted()
    found = associations(results, figures, np.random.default_rng(0), draws=20)
    with styled():
        drawn = measure_figure(found)
        save(drawn, tmp_path, "m")
    labels = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
    assert labels[::-1] == list(dict.fromkeys(a.measure for a in found))
    assert (tmp_path / "m.svg").stat().st_size > 5000
