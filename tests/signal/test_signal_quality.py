"""Each detector finds the defect that was planted, and nothing in sound signals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from faultsyn.signal.quality import FLAGS, Finding, Meter, Thresholds, judge

RATE = 12_000.0


def noise(seed: int, n: int = 60_000) -> np.ndarray:
    """Coloured noise with a few shaft harmonics, as 16-bit counts: a sound vibration channel."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n) + 0.5 * np.roll(rng.standard_normal(n), 1)
    t = np.arange(n) / RATE
    x += sum(0.3 * np.sin(2 * np.pi * 29.2 * k * t + k) for k in (1, 2, 3))
    return (x * 2000).round().astype(np.float32) / 2000


def flags(x: np.ndarray, rate: float = RATE, **known: object) -> list[str]:
    table = x if x.ndim == 2 else x[:, None]
    return [finding.flag for finding in judge(table.astype(np.float32), rate, **known)]


@pytest.mark.parametrize("seed", range(20))
def test_sound_signals_have_no_flag(seed: int) -> None:
    assert flags(noise(seed), zero_mean=(0,), shaft=29.2, lowest=11.0) == []


def test_slow_sensors_have_no_flag() -> None:
    """A temperature with coarse steps, and a valve that rests at its end."""
    rng = np.random.default_rng(1)
    temperature = (40 + np.cumsum(rng.standard_normal(5000)) * 0.02).round(1)
    valve = np.clip(50 + np.cumsum(rng.standard_normal(900)), 0, 60)
    assert flags(temperature, 1.0) == []
    assert flags(valve, 1.0) == []


def plant(name: str, x: np.ndarray) -> tuple[np.ndarray, dict[str, object]]:
    x = x.copy()
    if name == "nan":
        x[100] = np.nan
    elif name == "flat":
        x[:] = 1.5
    elif name == "clipped":
        x = np.clip(x, -2.0, 2.0)
    elif name == "dropout":
        x[7000:7400] = x[7000]
    elif name == "offset":
        return x + 5, {"zero_mean": (0,)}
    elif name == "bandwidth":
        x = resample_poly(x[: len(x) // 2], 2, 1)
    elif name == "hum":
        x = x + 0.4 * np.sin(2 * np.pi * 50.03 * np.arange(len(x)) / RATE)
    else:
        return x[:2000], {"lowest": 11.0}
    return x, {}


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_planted_defect_is_found_and_only_that(name: str, seed: int) -> None:
    x, known = plant(name, noise(seed))
    assert flags(x, **known) == [name]


def test_a_dropout_to_the_rail_is_no_clipping() -> None:
    x = noise(3)
    x[2000:2400] = -20
    assert flags(x) == ["dropout"]


def test_a_shaft_line_at_mains_frequency_is_no_hum() -> None:
    x = noise(4) + 0.4 * np.sin(2 * np.pi * 59.9 * np.arange(60_000) / RATE).astype(np.float32)
    assert flags(x, shaft=29.95) == []
    assert flags(x, shaft=25.0) == ["hum"]


def test_thresholds_count() -> None:
    x, _ = plant("clipped", noise(5))
    assert judge(x[:, None], RATE, Thresholds(clipped_share=0.9)) == []
    x, _ = plant("dropout", noise(5))
    assert judge(x[:, None], RATE, Thresholds(dropout_samples=500)) == []


def test_evidence_says_how_much() -> None:
    x = noise(6)
    x[10:13] = np.nan
    assert judge(x[:, None], RATE) == [Finding("nan", 0, "3 of 60000 samples")]
    short = judge(noise(6)[:1200, None], RATE, lowest=5.0)
    assert short == [Finding("short", None, "0.5 periods of 5 Hz")]


@pytest.mark.parametrize("size", [1e-30, 1e38])
def test_values_near_the_ends_of_float32(size: float) -> None:
    x = noise(7) * np.float32(size / 10)
    assert set(flags(x, zero_mean=(0,))) <= {"offset"}


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(FLAGS),
    cuts=st.lists(st.integers(1, 59_999), max_size=12),
    seed=st.integers(0, 5),
)
def test_blocks_change_nothing(name: str, cuts: list[int], seed: int) -> None:
    x, known = plant(name, noise(seed))
    other = np.round(noise(seed + 7)[: len(x)])
    table = np.stack([x, other], axis=1).astype(np.float32)
    meter = Meter(2, RATE, **known)  # type: ignore[arg-type]
    for part in np.split(table, sorted(set(cuts))):
        meter.add(part)
    whole = judge(table, RATE, **known)
    assert [(f.flag, f.channel) for f in meter.findings()] == [(f.flag, f.channel) for f in whole]


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.integers(0, 2), min_size=2, max_size=60), cuts=st.lists(st.integers(1, 59))
)
def test_longest_run(values: list[int], cuts: list[int]) -> None:
    """Against counting one by one."""
    best = run = 1
    for a, b in pairwise(values):
        run = run + 1 if a == b else 1
        best = max(best, run)
    x = np.array(values, np.float32)[:, None]
    meter = Meter(1, 10.0)
    for part in np.split(x, sorted({c for c in cuts if c < len(x)})):
        meter.add(part)
    assert meter._runs[0].longest == best
