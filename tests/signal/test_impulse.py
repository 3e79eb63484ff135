"""Impulse trains land where they should, and ring like a convolution."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.signal.impulse import impulse_train, resonance, ring

RATE = 12_000.0


def test_impacts_come_at_the_asked_frequency() -> None:
    train = impulse_train(120_000, RATE, [50.0, 107.3], np.random.default_rng(0), slip=0.0)
    spectrum = np.abs(np.fft.rfft(train - train.mean(axis=1, keepdims=True)))
    lines = np.fft.rfftfreq(120_000, 1 / RATE)
    band = lines < 130  # the first line alone
    peaks = lines[band][spectrum[:, band].argmax(axis=1)]
    np.testing.assert_allclose(peaks, [50.0, 107.3], atol=0.1)
    np.testing.assert_allclose(train.sum(axis=1), [500, 1073], atol=1.5)


def test_fractional_positions_keep_the_amplitude() -> None:
    train = impulse_train(1000, RATE, [700.3], np.random.default_rng(1), slip=0.0)
    n_impacts = 1000 / (RATE / 700.3)
    assert abs(train.sum() - n_impacts) < 1.5


def test_slip_widens_high_harmonics_only_with_slip() -> None:
    rng = np.random.default_rng(2)
    clean = impulse_train(60_000, RATE, [100.0], rng, slip=0.0)[0]
    slipping = impulse_train(60_000, RATE, [100.0], rng, slip=0.02)[0]

    def line(x: np.ndarray, harmonic: int) -> float:
        spectrum = np.abs(np.fft.rfft(x - x.mean())) / x.sum()
        return float(spectrum[5 * 100 * harmonic - 2 : 5 * 100 * harmonic + 3].max())

    assert line(slipping, 10) < 0.3 * line(clean, 10)


def test_modulation_appears_as_sidebands() -> None:
    train = impulse_train(
        120_000, RATE, [160.0], np.random.default_rng(3), slip=0.0,
        modulation_frequency=30.0, modulation_depth=0.8,
    )[0]  # fmt: skip
    spectrum = np.abs(np.fft.rfft(train))
    at = {f: spectrum[round(f * 10) - 1 : round(f * 10) + 2].max() for f in (130, 145, 160, 190)}
    assert at[130] == pytest.approx(0.4 * at[160], rel=0.1)
    assert at[190] == pytest.approx(0.4 * at[160], rel=0.1)
    assert at[145] < 0.05 * at[160]


def test_ring_is_convolution() -> None:
    rng = np.random.default_rng(4)
    train = impulse_train(500, RATE, [200.0, 300.0], rng)
    response = resonance(200, RATE, [[3000.0], [1800.0]], 0.05)
    expected = [np.convolve(a, b)[:500] for a, b in zip(train, response, strict=True)]
    np.testing.assert_allclose(ring(train, response), expected, atol=1e-12)


def test_modes_have_unit_energy_and_their_frequency() -> None:
    response = resonance(4096, RATE, [[2500.0]], 0.02)[0]
    assert np.sum(response**2) == pytest.approx(1.0)
    peak = np.fft.rfftfreq(4096, 1 / RATE)[np.abs(np.fft.rfft(response)).argmax()]
    assert peak == pytest.approx(2500.0, abs=5)


@pytest.mark.parametrize("frequency", [0.0, -3.0, 6000.0, 9000.0])
def test_impossible_frequencies_are_refused(frequency: float) -> None:
    with pytest.raises(InputError, match="expected frequencies in"):
        impulse_train(100, RATE, [frequency], np.random.default_rng(0))
