"""The page: whole, self-contained, escaped, readable by a parser and by a browser."""

from __future__ import annotations

import base64
import html
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_rows import result_row, study_rows, write_example

from faultsyn.errors import InputError
from faultsyn.experiment.results import write_rows
from faultsyn.report import write_report

VOID = {"meta", "link", "img", "br"}


class _Page(HTMLParser):
    """Checks that tags nest, and collects what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.stack.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "img":
            self.images.append(given)
        self.links += [str(v) for k, v in attrs if k in ("src", "href", "srcset", "action")]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in ("h1", "h2", "h3"):
            self.headings[-1] += data
        if {"td", "th"} & set(self.stack[-2:]):
            self.rows[-1][-1] += data
        if "style" not in self.stack:
            self.words += data


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One report with everything in it, drawn once."""
    folder = tmp_path_factory.mktemp("whole")
    rows = study_rows(seeds=3, groups=5, ks=("1", "5"), classifiers=("ncm", "lda", "rocket"))
    rows.append(
        result_row(status="flow: <needs> a GPU", generator="flow", balanced_accuracy=float("nan"))
    )
    write_rows(folder / "results.csv", rows)
    (folder / "study.yaml").write_text("name: my-study\nabout: Rig <b>bearings</b> & more.\n")
    (folder / "environment.json").write_text('{"python": "3.11", "packages": {"numpy": "2"}}')
    write_example(folder, rate=12000.0, shape=(1, 2048), rpm=1772.0, bearing="6205")
    return write_report(folder)


def test_the_page_is_whole_and_in_order(report: Path) -> None:
    page = _Page(report.read_text())
    assert page.headings[0] == "my-study"
    order = [h for h in page.headings if h in ("Findings", "Tables", "Figures", "Trace")]
    assert order == ["Findings", "Tables", "Figures", "Trace"]
    assert "Rig <b>bearings</b> & more." in page.words
    assert "flow: <needs> a GPU" in page.words
    assert "budget: normal and K shots" in page.words
    assert "packages.numpy" in page.words


def test_nothing_is_loaded_from_anywhere(report: Path) -> None:
    text = report.read_text()
    page = _Page(text)
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert not re.search(r"<script|@import|url\(|https?://", text)


def test_images_are_png_with_a_text_and_also_lie_in_the_folder(report: Path) -> None:
    page = _Page(report.read_text())
    figures = report.parent / "figures"
    stems = {path.stem for path in figures.glob("*.png")}
    assert stems == {path.stem for path in figures.glob("*.svg")}
    assert {"score-rig", "gain-rig", "leak-gap", "confusion-rig", "ranks"} <= stems
    assert "windows-rig-outer" in stems
    assert len(page.images) == len(stems)
    for image in page.images:
        kind, data = str(image["src"]).split(",", 1)
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert image["alt"]


def test_every_fold_is_printed(report: Path) -> None:
    page = _Page(report.read_text())
    heads = [row for row in page.rows if row[:2] == ["classifier", "generator"]]
    folds = [row for row in heads if row[2:] == [f"bearing-{i}" for i in range(1, 6)]]
    assert len(folds) == 2  # one for each K


def test_the_same_results_give_the_same_page_and_figures(report: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(report.parent, copy, ignore=shutil.ignore_patterns("figures", "*.html"))
    again = write_report(copy)
    assert again.read_bytes() == report.read_bytes()
    for path in (report.parent / "figures").iterdir():
        assert (again.parent / "figures" / path.name).read_bytes() == path.read_bytes()


def test_results_alone_are_enough(results_folder: Callable[..., Path]) -> None:
    folder = results_folder([result_row()], bare=True)
    page = _Page(write_report(folder).read_text())
    assert page.headings[0] == "results"
    assert "No negative controls were run." in page.headings


def test_bad_folders_are_one_clear_error(results_folder: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"no row has a score \(too short\)"):
        write_report(results_folder([result_row(status="too short")]))
    folder = results_folder([result_row()])
    (folder / "study.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"study\.yaml: not YAML"):
        write_report(folder)
    (folder / "study.yaml").unlink()
    (folder / "environment.json").write_text("{")
    with pytest.raises(InputError, match=r"environment\.json: not JSON"):
        write_report(folder)
    (folder / "environment.json").unlink()
    (folder / "examples").mkdir()
    (folder / "examples" / "a__b__c.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a__b__c\.npz: not an example"):
        write_report(folder)
    np.savez(folder / "examples" / "a__b__c.npz", real=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"a__b__c\.npz: not an example"):
        write_report(folder)


def _browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.mark.skipif(_browser() is None, reason="no Chromium on the PATH to open the page with")
def test_a_browser_renders_it_offline(report: Path, tmp_path: Path) -> None:
    """Every image decodes, nothing is logged, nothing is fetched, the findings are on screen."""
    seen = tmp_path / "seen.html"
    probe = (
        "<script>addEventListener('load', () => { const images = [...document.images];"
        "document.title = 'rendered ' + images.filter(i => i.naturalWidth > 0).length + '/' +"
        "images.length + ' fetched ' + performance.getEntriesByType('resource')"
        ".filter(r => !r.name.startsWith('data:')).length; });</script></body>"
    )
    text = report.read_text()
    seen.write_text(text.replace("</body>", probe))
    command = [
        str(_browser()), "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--no-first-run",
        "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=5000", "--dump-dom", seen.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    n = len(_Page(text).images)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    assert title[1] == f"rendered {n}/{n} fetched 0"
    assert "CONSOLE" not in done.stderr
    shown = html.unescape(done.stdout)
    assert "No synthesis method is shown to beat the cheap methods." in shown
    assert "The negative controls give chance, as they should." in shown
