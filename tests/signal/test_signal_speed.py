"""Speed: tacho pulses, angles, order lines and averages against closed forms; speed by ear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from faultsyn.errors import InputError
from faultsyn.signal.angular import angular_resample, order_spectrum
from faultsyn.signal.speed_estimate import estimate_speed
from faultsyn.signal.tacho import angle_from_pulses, angle_from_rpm, pulse_times, rpm_from_pulses
from faultsyn.signal.tsa import synchronous_average

RATE = 4000.0


def run_up(seconds: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Times and exact shaft angle of a shaft that goes from 10 to 30 turns a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    return t, 10 * t + 20 / seconds * t**2 / 2


def test_pulses_give_the_speed_of_a_run_up() -> None:
    t, angle = run_up()
    tacho = (angle * 4 % 1 < 0.3).astype(float) * 5 + 0.05 * np.random.default_rng(0).random(len(t))
    times = pulse_times(tacho, RATE)
    at, rpm = rpm_from_pulses(times, 4)
    # A pulse is known to a sample: a revolution of 1/30 s to some 2 in 133.
    np.testing.assert_allclose(rpm, 60 * (10 + 2.5 * at), rtol=0.012)
    assert np.mean(rpm / (60 * (10 + 2.5 * at))) == pytest.approx(1, abs=5e-4)
    found = angle_from_pulses(times, t, 4)
    known = np.isfinite(found)
    assert known.mean() > 0.97
    offset = np.median(found[known] - angle[known])
    assert np.abs(found[known] - angle[known] - offset).max() < 0.01


def test_a_noisy_edge_is_one_pulse() -> None:
    t = np.arange(8000) / RATE
    wave = np.sin(2 * np.pi * 5 * t) + 0.1 * np.random.default_rng(1).standard_normal(len(t))
    assert len(pulse_times(wave, RATE)) in (9, 10, 11)
    assert len(pulse_times(wave, RATE, hysteresis=0.0)) > 20


def test_jitter_of_pulses_spreads_the_speed_as_it_should() -> None:
    rng = np.random.default_rng(2)
    period, jitter = 0.04, 5e-5
    times = np.arange(4000) * period + jitter * rng.standard_normal(4000)
    _, rpm = rpm_from_pulses(times)
    assert rpm.std() / rpm.mean() == pytest.approx(np.sqrt(2) * jitter / period, rel=0.06)
    # Marks that are unevenly spaced on the disc cancel over a revolution.
    uneven = np.sort(np.add.outer(np.arange(200), [0, 0.27, 0.49, 0.76]).ravel()) * period
    _, rpm = rpm_from_pulses(uneven, 4)
    np.testing.assert_allclose(rpm, 60 / period, rtol=1e-9)


def test_a_column_of_speeds_integrates_to_the_angle() -> None:
    t, angle = run_up()
    stamps = np.array([0.0, 1.0, 4.0, 8.0])
    found = angle_from_rpm(stamps, 60 * (10 + 2.5 * stamps), t)
    np.testing.assert_allclose(found, angle, atol=1e-9)
    assert np.isnan(angle_from_rpm(stamps, 60 * stamps + 1, np.array([-1.0, 9.0]))).all()


@pytest.mark.parametrize("order", [1.0, 5.4152, 21.66])
def test_a_chirp_becomes_a_line(order: float) -> None:
    _, angle = run_up()
    x = 1.5 * np.cos(2 * np.pi * order * angle)
    turned = angular_resample(x, angle, 64)
    orders, lines = order_spectrum(turned, 64)
    peak = lines.argmax()
    assert orders[peak] == pytest.approx(order, abs=orders[1])
    assert lines[peak] == pytest.approx(1.5, rel=0.16)  # scalloping of the Hann window
    assert lines[np.abs(orders - order) > 4 * orders[1]].max() < 0.01 * lines[peak]
    # At equal times the same signal is spread over two thirds of its top frequency.
    _, smeared = order_spectrum(x, 64)
    assert smeared.max() < 0.3 * lines[peak]


def test_angular_samples_are_exact_and_nothing_folds() -> None:
    t, angle = run_up()
    x = np.cos(2 * np.pi * 3 * angle + 0.3)
    turned = angular_resample(np.stack([x, 2 * x]), angle, 32)
    ideal = np.cos(2 * np.pi * 3 * np.arange(turned.shape[1]) / 32 + 0.3)
    inner = slice(64, -64)
    np.testing.assert_allclose(turned[0, inner], ideal[inner], atol=2e-3)
    np.testing.assert_allclose(turned[1], 2 * turned[0], atol=1e-9)
    hiss = np.cos(2 * np.pi * 1500 * t)  # far above order 16 all the way
    assert np.abs(angular_resample(hiss, angle, 32)[inner]).max() < 0.01


def test_the_average_gains_the_root_of_its_periods() -> None:
    rng = np.random.default_rng(3)
    n, per_turn = 400, 128
    gear = np.cos(2 * np.pi * 17 * np.arange(n * per_turn) / per_turn)
    noise = rng.standard_normal(n * per_turn)
    found = synchronous_average(gear + noise, per_turn)
    assert found.n == n
    error = found.average - gear[:per_turn]
    assert error.std() == pytest.approx(1 / np.sqrt(n), rel=0.2)
    assert found.residual.std() == pytest.approx(1.0, rel=0.02)
    # What does not repeat with the shaft stays in the residual.
    bearing = np.cos(2 * np.pi * 3.585 * np.arange(n * per_turn) / per_turn)
    assert synchronous_average(bearing, per_turn).average.std() < 0.02


def test_bad_speeds_are_refused() -> None:
    t, angle = run_up()
    for wrong in (
        lambda: pulse_times(np.ones(100), RATE),
        lambda: rpm_from_pulses(np.array([0.0, 1.0, 0.5])),
        lambda: angle_from_rpm(np.array([0.0, 1.0]), np.array([100.0, 0.0]), t),
        lambda: angular_resample(t, angle[::-1].copy(), 32),
        lambda: angular_resample(t[:100], angle[:100], 32),
        lambda: synchronous_average(np.zeros(100), 64),
        lambda: estimate_speed(t, RATE, 2000, 1000),
        lambda: estimate_speed(t[:100], RATE, 600, 1200),
    ):
        with pytest.raises(InputError):
            wrong()


def test_speed_by_ear_is_right_and_knows_its_error() -> None:
    rng = np.random.default_rng(4)
    errors, found = [], []
    t = np.arange(round(6 * RATE)) / RATE
    for _ in range(12):
        rpm = rng.uniform(1200, 1700)
        level = 0.12 * rng.lognormal(0, 0.5, (5, 1))
        phase = 2 * np.pi * (rpm / 60 * np.arange(1, 6)[:, None] * t + rng.random((5, 1)))
        x = (level * np.sin(phase)).sum(axis=0) + rng.standard_normal(len(t))
        x += 0.3 * np.sin(2 * np.pi * 50 * t)  # mains hum is no shaft
        found.append(estimate_speed(x, RATE, 1000, 2000))
        errors.append((found[-1].rpm - rpm) / found[-1].std)
    assert np.mean(np.abs(errors) < 2) >= 0.8
    assert max(one.std for one in found) < 15


def test_noise_has_no_speed() -> None:
    rng = np.random.default_rng(5)
    found = [estimate_speed(rng.standard_normal(24_000), RATE, 1000, 2000) for _ in range(4)]
    assert np.median([one.confidence for one in found]) < 0.7


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "key", "rpm"),
    [("IR/014/169_0", "X169", 1797), ("OR/007/@6/130@6_0", "X130", 1797)],
)
def test_speed_by_ear_of_real_machines(recordings: Path, path: str, key: str, rpm: int) -> None:
    file = recordings / "cwru" / "12k_Drive_End_Bearing_Fault_Data" / f"{path}.mat"
    x = loadmat(file)[f"{key}_DE_time"][:, 0]
    found = estimate_speed(x[:60_000], 12_000, 1500, 2100)
    assert abs(found.rpm / rpm - 1) < 0.01
    assert abs(found.rpm - rpm) < 3 * found.std
