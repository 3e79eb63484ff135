"""The page beside a store of synthetic windows: what it says and shows, on its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn.experiment.made import ClassMade, Made
from faultsyn.report import write_passport
from faultsyn.report.passport_figures import passport_figure
from faultsyn.report.style import styled
from faultsyn.windows import WindowSet


def windows(n: int, label: str, *, slow: bool = False, rpm: float = 1800.0) -> WindowSet:
    rng = np.random.default_rng(len(label) + n)
    channels = tuple(f"T{i}" for i in range(8)) if slow else ("DE",)
    x = rng.standard_normal((n, len(channels), 48 if slow else 1024)).astype(np.float32)
    table: dict[str, Any] = {
        "label": np.full(n, label),
        "recording": np.array([f"{label}-{i}" for i in range(n)]),
    }
    if not slow:
        table |= {"rpm": np.full(n, rpm), "bearing": np.full(n, "6205-2RS JEM SKF")}
    units = ("°C",) * 8 if slow else ("g",)
    return WindowSet(x, table, 1 / 180 if slow else 12e3, channels, units)


def class_made(label: str, n: int, *, slow: bool = False, **rejected: int) -> ClassMade:
    shots = windows(3, label, slow=slow)
    made = windows(n, label, slow=slow)
    limits = {"copy": (-1.0, 0.9)}
    return ClassMade(label, n + sum(rejected.values()), n, rejected, shots, made, limits)


def made(
    path: Path, *classes: ClassMade, slow: bool = False, messages: tuple[str, ...] = ()
) -> Made:
    seen = {"recordings": [f"r{i}" for i in range(20)], "columns": {"asset": ["<a&b>"] * 20}}
    step = {
        "task": "rig", "store": "data/rig.h5", "data_hash": "d1", "fold": None, "seed": 4,
        "windows": 20, "seconds": 1.0, "code": "v1", "seen": seen,
    }  # fmt: skip
    facts = {
        "generator": "diff-aug", "config_hash": "c1", "weights_hash": "w1", "task": "rig",
        "data_hash": "d1", "seed": 7, "code": "v1",
    }  # fmt: skip
    provenance = {"pretrain": step, "adapt": {**step, "k": 3, "fold": "fold 1: a"}}
    normals = windows(30, "normal", slow=slow)
    by_label = {one.label: one for one in classes}
    return Made(path, by_label, normals, facts, {"scale": 0.7}, provenance, messages)


def test_the_page_stands_alone_and_says_where_the_windows_come_from(tmp_path: Path) -> None:
    message = "ball: 0 of 5 windows after 15 draws; rejected: level 15"
    done = made(
        tmp_path / "y.h5", class_made("inner", 5, kurtosis=2), class_made("ball", 0, level=15),
        messages=(message,),
    )  # fmt: skip
    told = write_passport(done)
    page = (tmp_path / "y.html").read_text()
    assert told["page"] == str(tmp_path / "y.html")
    assert told["windows"] == {"inner": 5}
    assert told["classes"]["ball"] == {"drawn": 15, "accepted": 0, "rejected": {"level": 15}}
    assert told["figures"] == [str(tmp_path / "y-inner.png")]
    assert Path(told["figures"][0]).read_bytes().startswith(b"\x89PNG")
    for text in (
        "diff-aug",
        "K = 3",
        "fold 1: a",
        "w1",
        "c1",
        "d1",
        "kurtosis 2",
        message,
        "scale",
    ):
        assert text in page, text
    assert "&lt;a&amp;b&gt;" in page
    assert "and 8 more" in page  # twelve of twenty recordings are named
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count("data:image/png;base64,") == 1


def test_many_classes_are_counted_and_a_few_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faultsyn.report.passport_page._MOST_DRAWN", 1)
    told = write_passport(made(tmp_path / "y.h5", *(class_made(f"f{i}", 2) for i in range(4))))
    assert len(told["figures"]) == 1
    page = (tmp_path / "y.html").read_text()
    assert "3 more classes" in page
    assert all(f'<td class="text">f{i}</td>' in page for i in range(4))


def test_slow_signals_are_drawn_over_time_with_the_healthy_band() -> None:
    one, normals = class_made("leak", 4, slow=True), windows(30, "normal", slow=True)
    one.shots.x[:, 6] += 9  # the channel in which the fault shows
    with styled():
        figure, caption = passport_figure(one, normals, "diff-aug")
        bare, plain = passport_figure(one, None, "diff-aug")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "T6" in titles
    assert len(titles) == 6
    assert "5 to 95 % of healthy windows" in caption
    assert "healthy" not in plain
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        "healthy", "real shots", "synthetic",
    }  # fmt: skip
    assert all("°C" in axes.get_ylabel() for axes in figure.axes)
    assert "time [h]" in {axes.get_xlabel() for axes in bare.axes}


@pytest.mark.parametrize("known", [True, False])
def test_fault_orders_are_marked_where_the_speed_is_known(known: bool) -> None:
    one = class_made("inner", 4)
    if not known:
        for part in (one.shots, one.windows):
            part.table["rpm"][:] = np.nan  # type: ignore[index]
    with styled():
        figure, caption = passport_figure(one, None, "diff-aug")
    assert len(figure.axes) == (6 if known else 4)
    assert ("1800 rpm" in caption) is known


def test_windows_at_another_speed_do_not_blur_the_orders() -> None:
    one = class_made("inner", 4)
    one.shots.table["rpm"][0] = 900.0  # type: ignore[index]
    one.windows.table["rpm"][1:] = 900.0  # type: ignore[index]
    with styled():
        _, caption = passport_figure(one, None, "diff-aug")
    assert "Windows at 1800 rpm" in caption
