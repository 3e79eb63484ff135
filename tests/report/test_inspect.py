"""`inspect`: a store's counts, conditions and gaps; a page with figures that need no network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from faultsyn import api
from faultsyn.cli.store import condition_text
from faultsyn.report.inspect_figures import example_rows, excerpt, store_figures
from faultsyn.store import Recording, Store, StoreWriter, StreamData


def stream(name: str, rate: float, channels: tuple[str, ...], n: int, seed: int) -> StreamData:
    x = np.random.default_rng(seed).standard_normal((n, len(channels)))
    units = ("m/s²",) * len(channels)
    return StreamData(name, x, rate, channels, ("acceleration",) * len(channels), units)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspect") / "plant.h5"
    rows = [
        ("a0", "normal", "pump1", 1480.0, "", "6205"),
        ("a1", "normal", "pump2", float("nan"), "", ""),
        ("b0", "inner", "pump1", 1490.0, "clipped:x;flat:y", "6205"),
        ("b1", "inner", "pump1", 1490.0, "", "6205"),
        ("c0", "<script>", "pump3", 1490.0, "", "no such bearing"),
    ]
    with StoreWriter(path) as writer:
        for seed, (name, label, asset, rpm, flags, bearing) in enumerate(rows):
            streams = [stream("vibration", 8000, ("x",) if seed == 3 else ("x", "y"), 16_000, seed)]
            if seed < 3:
                streams.append(stream("slow", 1, ("T",), 30, seed))
            columns = {"asset": asset, "rpm": rpm, "flags": flags, "bearing": bearing}
            writer.add(Recording(name, label, tuple(streams), "made", "0" * 64, columns))
    return path


def test_the_summary_counts_what_is_there_and_what_is_not(store: Path) -> None:
    found = api.inspect(store)
    assert found["labels"]["inner"] == {"recordings": 2, "assets": 1, "seconds": 32.0}
    assert {"asset": "pump2", "label": "normal", "recordings": 1, "seconds": 30.0} in found[
        "assets"
    ]
    assert found["conditions"]["rpm"]["values"] == {"1480": 1, "1490": 3}
    assert condition_text(found["conditions"]["rpm"]) == "1480 (1), 1490 (3); 1 without"
    assert found["streams"]["vibration"]["missing"] == {"stream": 0, "y": 1}
    assert found["streams"]["slow"]["missing"] == {"stream": 2}
    assert found["streams"]["slow"]["longest"] == 30.0
    assert found["flags"] == {"clipped": 1, "flat": 1}
    assert found["flagged"] == [{"recording": "b0", "flags": "clipped:x;flat:y"}]
    assert "page" not in found


def test_examples_lead_with_normal_and_avoid_flags(store: Path) -> None:
    with Store(store) as opened:
        rows = example_rows(opened)
        assert next(iter(rows)) == "normal"
        assert opened.recordings["id"][rows["inner"]] == "b1"
        samples, channels = excerpt(opened, "vibration", rows["inner"])
        assert channels == (0,)
        np.testing.assert_array_equal(samples.T, opened.recording(3).streams[0].samples)


def test_the_page_stands_alone(store: Path, tmp_path: Path) -> None:
    found = api.inspect(store, plot=tmp_path)
    page = Path(found["page"]).read_text()
    names = [Path(path).name for path in found["figures"]]
    assert names == ["recordings.png", "stream-slow.png", "stream-vibration.png"]
    assert all(Path(path).read_bytes()[:4] == b"\x89PNG" for path in found["figures"])
    assert page.count('src="data:image/png;base64,') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script>" not in page  # a label is text, whatever it says
    assert "&lt;script&gt;" in page
    parser = HTMLParser()
    parser.feed(page)
    assert "clipped:x;flat:y" in page


def test_many_values_become_a_range() -> None:
    assert condition_text({"distinct": 40, "missing": 0, "range": [1.0, 2.5]}) == "1 to 2.5"
    assert condition_text({"distinct": 40, "missing": 0}) == "40 different"


def test_tooth_mesh_and_fault_orders_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "gears.h5"
    with StoreWriter(path) as writer:
        for seed, (gear, teeth) in enumerate((("17/41+20/60", 0), ("no train", 0))):
            columns = {"rpm": 1500.0, "bearing": "6205", "gear": gear, "teeth": teeth}
            x = (stream("vibration", 8000, ("x",), 16_000, seed),)
            writer.add(Recording(f"r{seed}", f"label{seed}", x, "made", f"{seed:064x}", columns))
    with Store(path) as opened:
        summary = api.inspect(path)
        figures = {name: figure for name, _, figure in store_figures(opened, summary)}
    panels = figures["stream-vibration"].axes
    marks = panels[1].lines[1:]
    tall = [float(line.get_xdata()[0]) for line in marks if line.get_ydata()[1] == 1]
    expected = [k * z * 25 / 1000 for z in (17, 20 * 17 / 41) for k in (1, 2, 3)]  # kHz
    assert tall == pytest.approx(expected)
    short = sorted(float(line.get_xdata()[0]) for line in marks if line.get_ydata()[1] < 1)
    first, second, third = 25.0, 25 * 17 / 41, 25 * 17 / 41 * 20 / 60  # shafts [Hz]
    sides = [
        (k * mesh + side * shaft) / 1000
        for mesh, shafts in ((17 * first, (first, second)), (20 * second, (second, third)))
        for k in (1, 2, 3)
        for shaft in shafts
        for side in (-2, -1, 1, 2)
    ]
    assert short == pytest.approx(sorted(sides))
    assert len(panels[4].lines) == 1  # an unknown train marks nothing
    marks = sorted(float(line.get_xdata()[0]) for line in panels[2].lines[1:])
    assert marks == pytest.approx([0.39828, 3.5848, 4.7135, 5.4152], rel=1e-3)
    assert panels[2].get_title() == "FTF 0.40, BPFO 3.58, 2BSF 4.71, BPFI 5.42"
