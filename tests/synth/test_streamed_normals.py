"""Pretraining on a memory map: the numbers of windows in memory, without bringing them there."""

from __future__ import annotations

import statistics
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from synth_sets import process, vibration
from test_synth_contract import TINY

from faultsyn import windows as contract
from faultsyn.synth import GENERATORS, build_generator
from faultsyn.synth.diffusion.reading import Readable, read
from faultsyn.synth.scaling import ChannelScaler, Scaled
from faultsyn.windows import NORMAL, WindowSet

WHOLE = {"faultdiffusion", "faultdiffusion-difference"}
"""Where windows are slow these decompose the normals' covariance: all windows at once."""
SHAPES = [(50, 1, 1024), (33, 17, 60), (200, 3, 100), (40, 52, 20), (10, 1, 5), (20, 2, 9000)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "_BLOCK", 1 << 12)


def on_disk(windows: WindowSet, folder: Path, times: int) -> WindowSet:
    """The windows over and over, as a read-only map of a file."""
    rows = np.tile(np.arange(len(windows)), times)
    path = folder / "x.npy"
    np.save(path, windows.x[rows])
    table = {name: column[rows] for name, column in windows.table.items()}
    x = np.asarray(np.load(path, mmap_mode="r"))
    return WindowSet(x, table, windows.rate, windows.channels, windows.units)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("small_blocks")
def test_blocks_change_no_bit(shape: tuple[int, int, int]) -> None:
    level = np.linspace(-50, 50, shape[1])[:, None]
    x = (np.random.default_rng(0).standard_normal(shape) * 3 + level).astype(np.float32)
    scaler = ChannelScaler.fit(x)
    np.testing.assert_array_equal(scaler.mean, x.mean(axis=(0, 2), dtype=np.float64))
    deviation = x.std(axis=(0, 2), dtype=np.float64)
    if shape[1] > 1:
        np.testing.assert_array_equal(scaler.deviation, deviation)
    np.testing.assert_allclose(scaler.deviation, deviation, rtol=1e-14)
    z = (x.astype(np.float64) - scaler.mean[:, None]) / scaler.deviation[:, None]
    bent = np.float32(3 * np.arcsinh(z / 3))
    np.testing.assert_array_equal(scaler.apply(x), bent)
    pool, rows = Scaled(x, scaler), np.array([[3, 1], [7, 3]])
    np.testing.assert_array_equal(pool[rows], bent[rows])
    np.testing.assert_array_equal(pool.peaks(), np.abs(bent).max(axis=(0, 2)))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_block_changes_no_bit(shape: tuple[int, int, int]) -> None:
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    deviation = x.std(axis=(0, 2), dtype=np.float64)
    np.testing.assert_array_equal(ChannelScaler.fit(x).deviation, deviation)


@pytest.mark.usefixtures("small_blocks")
def test_a_large_offset_costs_no_digits() -> None:
    """The deviation is that about the mean, not a difference of large squares."""
    x = (1e4 + np.random.default_rng(1).standard_normal((400, 2, 64))).astype(np.float32)
    exact = [statistics.pstdev(Fraction(float(v)) for v in x[:, c].ravel()) for c in (0, 1)]
    np.testing.assert_allclose(ChannelScaler.fit(x).deviation, exact, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(GENERATORS) - WHOLE))
@pytest.mark.usefixtures("small_blocks")
def test_pretraining_holds_a_part_of_the_windows(name: str, tmp_path: Path) -> None:
    told = dict(TINY.get(name, {}))
    if len(GENERATORS[name].spaces) > 1:
        told["space"] = "signal"
    if "rpm" in GENERATORS[name].needs:
        normal = on_disk(vibration(100, NORMAL, 0), tmp_path, 60)
        if name == "faultdiffusion-vibration":
            told |= {"pretrain_on": "normal", "pretrain_steps": 2}
    else:
        normal = on_disk(process(1000, NORMAL, 0), tmp_path, 80)
    generator = build_generator(name, **told)
    tiny = normal.take(slice(0, 50))
    generator.pretrain(tiny, np.random.default_rng(0))  # what is imported is not counted
    tracemalloc.start()
    try:
        build_generator(name, **told).pretrain(normal, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < normal.x.nbytes / 2


def test_windows_read_one_by_one_say_what_all_say() -> None:
    windows = vibration(40, NORMAL, 3)
    whole = read(windows, None, 0.01, "test")
    rows = np.array([7, 30, 7, 0])
    some = Readable(windows, None, 0.01, "test").read(rows)
    expected = whole.take(rows)
    for name, array in some.arrays().items():
        np.testing.assert_array_equal(array, expected.arrays()[name], err_msg=name)
    np.testing.assert_array_equal(some.x, expected.x)
    np.testing.assert_array_equal(some.told(), expected.told())
