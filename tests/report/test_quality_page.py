"""The page on synthetic windows: complete by itself, and the two verbs that lead to it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from faultsyn import api
from faultsyn.cli.app import main
from faultsyn.cli.judge import show_quality
from faultsyn.evaluate.quality import QualityReport, evaluate_quality
from faultsyn.experiment.quality import StoreQuality
from faultsyn.report import write_quality
from faultsyn.report.quality_figures import quality_figures
from faultsyn.windows import WindowSet

CHANNELS, UNITS = ("DE", "FE"), ("g", "m/s²")
FIGURES = ("spectra", "distributions", "suspects")


def windows(n: int, seed: int, label: str = "inner", **columns: float | str) -> WindowSet:
    x = np.random.default_rng(seed).standard_normal((n, 2, 512)).astype(np.float32)
    table = {
        "label": np.full(n, label),
        "recording": np.array([f"r{i % 4}" for i in range(n)]),
        "start": np.arange(n) * 512 / 12000,
    }
    made = WindowSet(x, table, 12000.0, CHANNELS, UNITS)
    return made.with_columns(**columns)


@pytest.fixture(scope="module")
def report() -> QualityReport:
    """Five copies and five new windows of a class."""
    about = {"rpm": 1800.0, "bearing": "6205"}
    real, shots = windows(24, 0, **about), windows(2, 1, **about).with_columns(recording="other")
    copies = np.concatenate([np.roll(shots.x[[0]], 40, axis=2)] * 5 + [windows(5, 2).x])
    synthetic = real.take(slice(0, 10)).with_x(copies).with_columns(synthetic=True)
    return evaluate_quality(
        real, synthetic, shots, windows(8, 3, "normal"), np.random.default_rng(0),
        metrics=("diversity", "kurtosis", "envelope-line"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(report: QualityReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    quality = StoreQuality(
        {"inner": report}, "<odd> & task", ("wavelet",), 12000.0, CHANNELS, UNITS
    )
    out = tmp_path_factory.mktemp("quality") / "out"
    write_quality(quality, "real.h5", "made.h5", out)
    return out


def test_the_page_is_one_file_that_loads_nothing(folder: Path) -> None:
    text = (folder / "quality.html").read_text()
    assert not re.search(r"<script|@import|url\(|https?://", text)
    sources = re.findall(r'<img[^>]*? src="([^"]{0,30})', text)
    assert len(sources) == len(FIGURES)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert re.findall(r'<link[^>]*href="([^"]*)"', text) == ["data:,"]
    anchors = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= anchors
    assert "&lt;odd&gt; &amp; task" in text
    assert "<odd>" not in text


def test_every_figure_is_there_as_png_and_svg(folder: Path) -> None:
    for name in FIGURES:
        for suffix in ("png", "svg"):
            assert (folder / "figures" / f"{name}-inner.{suffix}").stat().st_size > 1000


def test_axes_carry_units_and_fault_orders_are_marked(folder: Path) -> None:
    def comments(name: str) -> set[str]:  # an SVG keeps each text as a comment beside its glyphs
        return set(re.findall(r"<!-- (.*?) -->", (folder / "figures" / name).read_text()))

    spectra = comments("spectra-inner.svg")
    multiples = {"frequency / fault frequency [-]", "sq. envelope [-]", "1x", "2x", "3x"}
    assert multiples | {"frequency [kHz]"} <= spectra
    assert any("dB re g²/Hz" in text for text in spectra)
    assert any("dB re (m/s²)²/Hz" in text for text in spectra)
    distributions = comments("distributions-inner.svg")
    assert {"RMS [mixed units]", "kurtosis [-]", "share of windows [-]"} <= distributions
    assert {"component 1 [-]", "component 2 [-]", "real", "synthetic", "shots", "normal"} <= (
        distributions
    )
    suspects = comments("suspects-inner.svg")
    assert {"DE [g]", "time [s]"} <= suspects
    assert any(text.endswith(": a copy") for text in suspects)
    assert "shot 0, rotated by 40 samples" in suspects


def test_warnings_come_first_and_the_json_says_the_same(folder: Path) -> None:
    text = (folder / "quality.html").read_text()
    warning = "5 synthetic windows are copies of shots"
    assert text.index(warning) < text.index("<table")
    found = json.loads((folder / "quality.json").read_text(), parse_constant=pytest.fail)
    assert any(warning in line for line in found["classes"]["inner"]["warnings"])
    rows = {row["name"]: row for row in found["classes"]["inner"]["measurements"]}
    assert f"{rows['diversity']['value']:.3g}" in text
    # Half the synthetic windows are one window.
    assert rows["diversity"]["value"] < 0.95 * rows["diversity"]["floor"]
    assert rows["envelope-line"]["value"] is None
    assert f"not computed: {rows['envelope-line']['reason']}" in text
    # Noise and surrogates share the kurtosis of these windows: a measure that is blind is left out.
    left_out = found["classes"]["inner"]["left_out"]
    assert "failed its control: " in left_out["kurtosis"]
    assert left_out["kurtosis"] in text


def test_a_class_without_a_fault_order_has_nothing_marked(report: QualityReport) -> None:
    for views, marks in ((report.views, 3), (replace(report.views, fault_hz=None), 0)):
        drawn = {name: figure for name, _, figure in quality_figures(views, 12e3, CHANNELS, UNITS)}
        envelope = drawn["spectra"].axes[1]
        assert len(envelope.texts) == marks
        assert len(envelope.lines) == marks + 2


def verb(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["faultsyn", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_the_verbs_make_and_judge_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = yaml.safe_load(Path("experiments/tasks/rig-bearing.yaml").read_text())
    task |= {"cap": {"columns": ["recording"], "n": 2}, "name": "small"}
    task["window"]["samples"] = 1024
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(yaml.safe_dump(task))
    api.simulate("rig.h5", assets=2, seconds=1.0)
    capsys.readouterr()

    made = ("synthesize", "small.yaml", "--store", "rig.h5", "--out", "y.h5", "--n", "6")
    assert (
        verb(
            monkeypatch,
            *made,
            "--generator",
            "oversample",
            "--no-gate",
            "--label",
            "ball",
            "--json",
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["windows"] == {"ball": 6}
    judge = ("evaluate", "--real", "rig.h5", "--synthetic", "y.h5", "--metric", "kurtosis")
    assert verb(monkeypatch, *judge) == 0
    said = capsys.readouterr().out
    assert said.index("6 synthetic windows are copies") < said.index("measure")
    assert "kurtosis" in said
    assert Path("runs/quality/y/quality.html").is_file()
    found = json.loads(Path("runs/quality/y/quality.json").read_text())
    assert found["report"] == "runs/quality/y/quality.html"
    show_quality(found, as_json=True)
    assert json.loads(capsys.readouterr().out) == found

    for arguments, says in (
        ((*made, "--generator", "oversampel"), "did you mean 'oversample'"),
        ((*made, "--generator", "smote"), "makes feature rows"),
        (("evaluate", "--real", "rig.h5", "--synthetic", "rig.h5"), "holds no synthetic windows"),
        ((*judge, "--task", "small"), "small"),
        ((*judge, "--metric", "mmmd"), "did you mean 'mmd'"),
    ):
        assert verb(monkeypatch, *arguments) == 2
        errors = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error:")]
        assert len(errors) == 1
        assert says in errors[0]
