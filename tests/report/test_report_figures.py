"""Figures: they draw what the numbers say, for every kind of result and of signal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from report_rows import result_row, study_rows, write_example

from faultsyn.errors import InputError
from faultsyn.evaluate.statistics import Friedman, friedman
from faultsyn.experiment.results import Results
from faultsyn.report import gallery
from faultsyn.report.arms import Arms
from faultsyn.report.examples import read_examples
from faultsyn.report.gallery import draw_all
from faultsyn.report.leak import leak_gaps
from faultsyn.report.rank_figure import critical_difference
from faultsyn.report.score_figures import (
    confusion_pair,
    gain_over_none,
    leak_gap_bars,
    score_against_k,
)
from faultsyn.report.style import looks, styled
from faultsyn.report.window_figures import window_figure
from faultsyn.signal.bearing import orders


def test_every_series_has_its_own_marker_and_colour_pair() -> None:
    found = looks([f"g{i}" for i in range(12)] + ["none"], plain="none")
    assert len({(look.color, look.marker) for look in found.values()}) == 13
    assert len({(look.marker, look.linestyle) for look in found.values()}) == 13  # without colour
    assert found["none"].color == "#000000"


def test_scores_are_drawn_where_they_are() -> None:
    arms = Arms(Results.of(study_rows(seeds=3, groups=3, leak=False)))
    setting = arms.settings[0]
    with styled():
        figure = score_against_k(arms, setting, looks(arms.generators(), "none"))
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left") == "lda")
    drawn = {c.get_label(): c.lines[0].get_ydata() for c in panel.containers}
    for generator in arms.generators():
        means = [
            100 * arms.summary(arm).mean
            for k in arms.ks(setting)
            for arm in arms.of(setting, k)
            if (arm.generator, arm.classifier) == (generator, "lda")
        ]
        np.testing.assert_allclose(drawn[generator], means)


def test_gains_need_a_plain_arm() -> None:
    rows = study_rows(seeds=2, groups=2, leak=False, generators=("oversample", "diff-aug"))
    arms = Arms(Results.of(rows))
    assert gain_over_none(arms, arms.settings[0], looks(arms.generators())) is None


def test_a_single_k_and_a_single_seed_draw(tmp_path: Path) -> None:
    arms = Arms(Results.of([result_row(), result_row(generator="oversample")]))
    with styled():
        pictures = draw_all(arms, [], [], tmp_path / "figures")
    assert [picture.name for picture in pictures] == ["score-rig", "gain-rig", "confusion-rig"]


def test_tasks_that_share_few_generators_are_ranked_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(task: str) -> list[dict[str, Any]]:
        names = ("ncm", "lda", "forest")
        return study_rows(
            task=task, seeds=1, groups=5, ks=("5",), classifiers=names, leak=False, controls=False
        )

    rows = [
        row | {"generator": f"{task}-{row['generator']}", "key": f"{task}{row['key']}"}
        if row["generator"] in own
        else row
        for task, own in (
            ("pump", ()),
            ("valve", ("wavelet",)),
            ("bearing", ("diff-aug", "wavelet")),
        )
        for row in few(task)
        if task != "bearing" or row["generator"] != "oversample"
    ]
    drawn: list[tuple[str, Friedman]] = []

    def keep(found: list[tuple[str, Friedman]]) -> Figure:
        drawn.extend(found)
        return critical_difference(found)

    monkeypatch.setattr(gallery, "critical_difference", keep)
    with styled():
        draw_all(Arms(Results.of(rows)), [], [], tmp_path)
    ranked = {title: found.methods for title, found in drawn}
    assert ranked["Ranks of generators, pump, valve"] == ("diff-aug", "none", "oversample")
    own = ("bearing-diff-aug", "bearing-wavelet", "none")
    assert ranked["Ranks of generators, bearing"] == own
    assert set(ranked["Ranks of classifiers"]) == {"forest", "lda", "ncm"}


def test_leak_bars_and_confusion_show_their_numbers() -> None:
    arms = Arms(Results.of(study_rows(seeds=2, groups=2)))
    gaps = leak_gaps(arms)
    (panel,) = [axes for axes in leak_gap_bars(gaps).axes if axes.get_visible()]
    widths = sorted(bar.get_width() for bar in panel.patches)
    expected = sorted(100 * v for gap in gaps for v in (gap.window, gap.grouped))
    np.testing.assert_allclose(widths, expected)
    rows = [result_row(confusion="3 1;0 4", classes="normal|inner")]
    arms = Arms(Results.of(rows))
    best = arms.of(arms.settings[0])[0]
    texts = [text.get_text() for text in confusion_pair(arms, best, None).axes[0].texts]
    assert texts == ["75", "25", "100"]


def test_ranks_join_what_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(12, 1)) + np.array([0.0, 0.01, 5.0]) + rng.normal(0, 0.1, (12, 3))
    figure = critical_difference([("Ranks", friedman(["a", "b", "c"], scores))])
    bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert len(bars) == 1
    low, high = bars[0].get_xdata()
    assert low > 1.5  # the clear winner, rank 1, is not joined
    assert high < 3.1


@pytest.mark.parametrize(
    ("rate", "shape", "meta", "columns"),
    [
        (12000.0, (1, 2048), {"rpm": 1772.0, "bearing": "6205"}, 3),
        (12000.0, (1, 2048), {"rpm": 1772.0, "bearing": "unheard-of"}, 3),
        (12000.0, (2, 2048), {"rpm": float("nan")}, 2),
        (1 / 180, (5, 24), {}, 3),
        (1.0, (2, 60), {"units": ["", ""]}, 2),
        (None, (1, 75), {}, 1),
    ],
)
def test_windows_of_every_kind_draw(
    tmp_path: Path, rate: float | None, shape: tuple[int, int], meta: dict[str, Any], columns: int
) -> None:
    write_example(tmp_path, rate=rate, shape=shape, **meta)
    write_example(tmp_path, rate=rate, shape=shape, generator="diff-aug", **meta)
    examples = read_examples(tmp_path)
    with styled():
        figure, text = window_figure(examples)
        figure.set_layout_engine("none")  # which takes longer than all the rest
        figure.savefig(io.BytesIO(), format="png", dpi=40)
    rows = 3 if rate == 12000.0 else 2
    assert len(figure.axes) == rows * columns
    assert all(axes.get_ylabel() or shape[0] == 2 for axes in figure.axes)
    assert text.endswith(".")


def test_an_outer_race_fault_stands_at_its_order(tmp_path: Path) -> None:
    """Impulses at BPFO ring at 3 kHz: the envelope panel peaks there, in orders."""
    rate, shaft, n = 12000.0, 1772 / 60, 8192
    bpfo = orders("6205").bpfo
    strikes = np.zeros(n)
    strikes[(np.arange(int(n / rate * bpfo * shaft)) * rate / (bpfo * shaft)).astype(int)] = 1
    t = np.arange(200) / rate
    ring = np.exp(-900 * t) * np.sin(2 * np.pi * 3000 * t)
    signal = np.convolve(strikes, ring)[:n] + 0.01 * np.random.default_rng(0).normal(size=n)
    write_example(tmp_path, rate=rate, shape=(1, n), rpm=1772.0, bearing="6205")
    path = next((tmp_path / "examples").iterdir())
    with np.load(path) as data:
        meta = data["meta"]
    x = signal[None, None].astype(np.float32)
    np.savez(path, real=x, synthetic=x, meta=meta)
    figure, _ = window_figure(read_examples(tmp_path))
    order, height = figure.axes[2].lines[0].get_data()
    assert np.asarray(order)[np.argmax(height)] == pytest.approx(bpfo, rel=0.01)


def test_examples_without_windows_are_left_out_and_wrong_shapes_refused(tmp_path: Path) -> None:
    write_example(tmp_path, rate=1.0, shape=(2, 60))
    path = next((tmp_path / "examples").iterdir())
    with np.load(path) as data:
        meta = data["meta"]
    np.savez(path, real=np.zeros((0, 2, 60)), synthetic=np.zeros((3, 2, 60)), meta=meta)
    assert read_examples(tmp_path) == []
    np.savez(path, real=np.zeros((3, 2, 60)), synthetic=np.zeros((3, 2, 50)), meta=meta)
    with pytest.raises(InputError, match="of one shape, got real"):
        read_examples(tmp_path)
    np.savez(path, real=np.zeros((3, 1, 60)), synthetic=np.zeros((3, 1, 60)), meta=meta)
    with pytest.raises(InputError, match="2 channel names"):
        read_examples(tmp_path)
