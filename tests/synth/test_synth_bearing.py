"""Generators that know the fault's rate: what they write at it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.stats import kurtosis
from synth_sets import RATE, RPM, make, vibration

from faultsyn.errors import InputError
from faultsyn.signal.bearing import orders
from faultsyn.signal.envelope import line_to_background, squared_envelope_spectrum
from faultsyn.signal.spectrum import welch_psd
from faultsyn.synth import build_generator
from faultsyn.synth.cycle_bootstrap import comb
from faultsyn.synth.equaliser import apply_gain, matching_gain, mean_psd, minimum_phase
from faultsyn.windows import NORMAL, WindowSet

BPFO = orders("6205").bpfo * RPM / 60
BPFI = orders("6205").bpfi * RPM / 60
PHYSICAL = ["cycle-bootstrap", "physics-injection", "domain-randomised"]


def sampled(name: str, shots: WindowSet, n: int = 30, **config: object) -> WindowSet:
    normal = vibration(24, NORMAL, 0, shots.n_samples)
    normal = normal.with_x(normal.x[:, : len(shots.channels)], channels=shots.channels)
    rng = np.random.default_rng(0)
    return build_generator(name, **config).pretrain(normal, rng).adapt(shots, rng).sample(n, rng)


@pytest.mark.parametrize("name", PHYSICAL)
def test_the_outer_race_line_stands_where_the_shots_have_it(name: str) -> None:
    shots = vibration(5, "outer", 1, 2048)
    made = sampled(name, shots)
    line = line_to_background(made.x[:, 0], RATE, BPFO)
    elsewhere = line_to_background(made.x[:, 0], RATE, BPFO * 1.43)
    assert line > 2.5
    assert line > 1.8 * elsewhere


def test_the_bootstrap_keeps_the_line_that_a_surrogate_loses() -> None:
    shots = vibration(5, "inner", 1, 1024)
    real = line_to_background(vibration(30, "inner", 2, 1024).x[:, 0], RATE, BPFI)
    redrawn = line_to_background(sampled("cycle-bootstrap", shots).x[:, 0], RATE, BPFI)
    scattered = line_to_background(sampled("surrogate", shots, iterations=20).x[:, 0], RATE, BPFI)
    assert redrawn > 0.75 * real
    assert scattered < 0.5 * real


def test_domain_randomised_windows_peak_at_bpfo() -> None:
    shots = vibration(3, "outer", 1, 4096)
    made = sampled("domain-randomised", shots, snr_db=[10, 12], slip=[0.001, 0.003])
    freqs, spectrum = squared_envelope_spectrum(made.x[:, 0], RATE)
    range_ = (freqs > 20) & (freqs < 300)
    peaks = freqs[range_][spectrum[:, range_].argmax(axis=1)]
    # The fundamental or, where a resonance rings into the next strike, a harmonic.
    order = peaks / BPFO
    assert (np.abs(order - order.round()) < 0.03).mean() > 0.9


def test_domain_randomised_windows_hold_no_sample_of_the_shots() -> None:
    first = make("vibration")
    second = replace(first.shots, x=first.shots.x[::-1] * np.float32(3))
    made = [
        build_generator("domain-randomised")
        .adapt(shots, np.random.default_rng(0))
        .sample(4, np.random.default_rng(1), label="inner")
        for shots in (first.shots, second)
    ]
    assert np.array_equal(made[0].x, made[1].x)


def test_the_bootstrap_follows_the_speed_of_its_source() -> None:
    slow = vibration(3, "outer", 1, 2048)
    rng = np.random.default_rng(0)
    fast = slow.with_columns(rpm=RPM * 1.5)
    generator = build_generator("cycle-bootstrap", tolerance=0.0).adapt(fast, rng)
    assert np.allclose(generator.period_, RATE / BPFO / 1.5)
    assert set(generator.sample(5, rng).column("rpm").tolist()) == {RPM * 1.5}


def test_the_comb_finds_phase_and_period() -> None:
    curve = np.zeros(4096)
    curve[np.round(31.0 + 74.4 * np.arange(54)).astype(int)] = 1.0
    phase, period = comb(curve, 74.0, 0.01)
    assert abs(phase - 31.0) <= 1.0
    assert abs(period - 74.4) < 0.02


def test_longer_runs_keep_more_of_the_order() -> None:
    shots = vibration(1, "outer", 1, 2048)
    generator = build_generator("cycle-bootstrap", run=8.0)
    generator.adapt(shots, np.random.default_rng(0))
    cuts = generator.starts_
    rng = np.random.default_rng(0)
    for run, expected in ((1.0, 1 / len(cuts)), (8.0, 7 / 8)):
        generator.run = run
        drawn = generator._drawn(cuts, (200, 40), rng)
        assert np.mean(np.diff(drawn, axis=1) == 1) == pytest.approx(expected, abs=0.08)


def test_the_equaliser_matches_the_density_and_keeps_the_mean() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal((40, 2, 2048)) + 5.0
    red = rng.standard_normal((40, 2, 2048))
    red = red + 0.7 * np.roll(red, 1, axis=-1)
    gain = matching_gain(mean_psd(red, RATE), mean_psd(white, RATE))
    made = apply_gain(white, gain)
    ratio = mean_psd(made, RATE)[:, 1:-1] / mean_psd(red, RATE)[:, 1:-1]
    assert np.abs(10 * np.log10(ratio)).max() < 1.0
    assert np.allclose(made.mean(axis=(0, 2)), 5.0, atol=0.02)


def test_the_minimum_phase_filter_has_the_amplitude_and_least_delay() -> None:
    wanted = 1 + np.linspace(0, 1, 129)[None] ** 2
    response = minimum_phase(wanted, 512)
    assert np.allclose(np.abs(np.fft.rfft(response[0], 256)), wanted[0], rtol=2e-3)
    energy = np.cumsum(response[0] ** 2) / (response[0] ** 2).sum()
    assert energy[4] > 0.99


def test_injected_windows_have_the_shots_kurtosis_and_spectrum() -> None:
    shots = vibration(8, "outer", 1, 2048)
    made = sampled("physics-injection", shots, 60)
    wanted = np.median(kurtosis(shots.x[:, 0], axis=-1, fisher=False))
    assert np.median(kurtosis(made.x[:, 0], axis=-1, fisher=False)) == pytest.approx(
        wanted, rel=0.2
    )
    real, generated = (welch_psd(s.x[:, 0], RATE)[1].mean(axis=0)[1:-1] for s in (shots, made))
    assert np.median(np.abs(10 * np.log10(generated / real))) < 1.5


@pytest.mark.parametrize("name", PHYSICAL)
def test_windows_shorter_than_a_fault_period_are_refused(name: str) -> None:
    sets = make("vibration")
    short = [s.with_x(np.ascontiguousarray(s.x[..., :60])) for s in sets]
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"windows of 60 samples .* expected >= \d+ samples"):
        build_generator(name).pretrain(short[0], rng).adapt(short[1], rng)


def test_the_shortest_window_that_the_bootstrap_takes_works() -> None:
    shots = vibration(2, "outer", 1, 255)
    assert np.isfinite(sampled("cycle-bootstrap", shots, 5).x).all()


@pytest.mark.parametrize("name", PHYSICAL)
def test_orders_come_from_the_bearing_or_from_the_settings(name: str) -> None:
    sets = make("vibration")
    rng = np.random.default_rng(0)
    table = {k: v for k, v in sets.shots.table.items() if k != "bearing"}
    bare = replace(sets.shots, table=table)
    generator = build_generator(name).pretrain(sets.normal, rng)
    with pytest.raises(InputError, match=r"lack the column 'bearing'.*'inner'.*set orders"):
        generator.adapt(bare, rng)
    given = build_generator(name, orders={"inner": 5.4, "outer": 3.6}).pretrain(sets.normal, rng)
    assert len(given.adapt(bare, rng).sample(3, rng, label="outer")) == 3
    cage = sets.shots.with_columns(label="cage")
    with pytest.raises(InputError, match=r"no fault order for 'cage'.*set orders: \{cage"):
        generator.adapt(cage, rng)
    with pytest.raises(InputError, match="positive order for 'inner', got -1"):
        build_generator(name, orders={"inner": -1.0})
    still = sets.shots.with_columns(rpm=0.0)
    with pytest.raises(InputError, match=r"expected rpm > 0, got 0\.0 in row 0"):
        generator.adapt(still, rng)


@pytest.mark.data
def test_cwru_lines_and_kurtosis(recordings: Path) -> None:
    """IR021, drive end, load 0: five windows of the first half, judged on the second."""
    path = next((recordings / "cwru").rglob("209_0.mat"))
    signal = scipy.io.loadmat(path)["X209_DE_time"].ravel()
    windows = signal[: len(signal) // 1024 * 1024].reshape(-1, 1, 1024).astype(np.float32)
    rows = np.full(len(windows), "inner")
    table = {
        "label": rows,
        "rpm": np.full(len(rows), 1797.0),
        "bearing": np.full(len(rows), "6205"),
    }
    every = WindowSet(windows, table, RATE, ("DE",))
    half = len(every) // 2
    shots = every.take(np.random.default_rng(0).choice(half, 5, replace=False))
    real = line_to_background(every.x[half:, 0], RATE, BPFI)
    assert real == pytest.approx(3.1, abs=0.3)
    redrawn = sampled("cycle-bootstrap", shots, 60)
    assert line_to_background(redrawn.x[:, 0], RATE, BPFI) == pytest.approx(3.0, abs=0.35)
    assert np.median(kurtosis(redrawn.x[:, 0], axis=-1, fisher=False)) == pytest.approx(7.2, abs=1)
    assert line_to_background(sampled("surrogate", shots, iterations=20).x[:, 0], RATE, BPFI) < 1.5
