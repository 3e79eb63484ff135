from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from faultsyn.errors import InputError
from faultsyn.signal.surrogates import iaaft, phase_randomise


def _coloured(
    rng: np.random.Generator, n: int = 4, channels: int = 2, length: int = 256
) -> np.ndarray:
    white = rng.standard_normal((n, channels, length))
    white[:, 1:] += white[:, :1]
    spectrum = np.fft.rfft(white) / (1 + np.arange(length // 2 + 1)) ** 0.7
    x = np.fft.irfft(spectrum, length)
    return x + 0.3 * x**3 / x.std() ** 2


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 65), st.integers(1, 3))
def test_phase_randomised_windows_keep_amplitudes_cross_spectra_and_mean(seed, length, channels):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((3, channels, length)) + 2.0
    made = phase_randomise(x, rng)
    before, after = np.fft.rfft(x), np.fft.rfft(made)
    np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-9)
    cross = before[:, :1] * before[:, -1:].conj()
    np.testing.assert_allclose(after[:, :1] * after[:, -1:].conj(), cross, atol=1e-8)
    np.testing.assert_allclose(made.mean(-1), x.mean(-1), atol=1e-12)


def test_phase_randomised_phases_are_uniform_and_differ_between_windows():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.standard_normal((1, 1, 64)), 400, axis=0)
    turn = np.angle(np.fft.rfft(phase_randomise(x, rng)) / np.fft.rfft(x))[:, 0, 1:-1]
    assert stats.kstest(turn.ravel(), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_iaaft_keeps_the_values_exactly_and_the_spectrum_nearly():
    x = _coloured(np.random.default_rng(1))
    made = iaaft(x, np.random.default_rng(2))
    np.testing.assert_array_equal(np.sort(made, -1), np.sort(x, -1))
    before, after = np.abs(np.fft.rfft(x)), np.abs(np.fft.rfft(made))
    assert np.linalg.norm(after - before) < 0.1 * np.linalg.norm(before)
    assert np.abs(made - x).mean() > 0.5 * x.std()


def test_iaaft_keeps_the_correlation_between_channels():
    x = _coloured(np.random.default_rng(3), n=3, length=1024)
    made = iaaft(x, np.random.default_rng(4))
    for window, copy in zip(x, made, strict=True):
        assert abs(np.corrcoef(window)[0, 1] - np.corrcoef(copy)[0, 1]) < 0.05


def test_iaaft_matches_a_plain_single_window_loop():
    x = _coloured(np.random.default_rng(5), n=1, channels=1, length=128)
    made = iaaft(x, np.random.default_rng(6), iterations=40)[0, 0]
    values, amplitude = np.sort(x[0, 0]), np.abs(np.fft.rfft(x[0, 0]))
    order = np.argsort(np.random.default_rng(6).random((1, 1, 128)))[0, 0]
    plain = np.empty(128)
    plain[order] = values
    for _ in range(40):
        shaped = np.fft.irfft(amplitude * np.exp(1j * np.angle(np.fft.rfft(plain))), 128)
        plain[np.argsort(shaped)] = values
    np.testing.assert_allclose(np.abs(np.fft.rfft(made)), np.abs(np.fft.rfft(plain)), atol=0.5)
    np.testing.assert_allclose(made, plain, atol=1e-9)


def test_iaaft_repeating_impulses_lose_their_period():
    rng = np.random.default_rng(7)
    x = 0.1 * rng.standard_normal((30, 1, 1024))
    ring = np.exp(-np.arange(24) / 6) * np.sin(np.arange(24))
    for window in x[:, 0]:
        # Slip of a few samples: the ringing has no fixed phase, only its envelope repeats.
        for at in range(0, 1000, 64):
            at += int(rng.integers(0, 5))
            window[at : at + 24] += ring[: 1024 - at] * rng.choice([-1, 1])
    period = 1024 // 64

    def line(windows: np.ndarray) -> float:
        envelope = windows**2 - (windows**2).mean(-1, keepdims=True)
        power = np.abs(np.fft.rfft(envelope)).mean((0, 1))
        return float(power[period] / np.median(power[period // 2 : 3 * period]))

    assert line(x) > 3 * line(iaaft(x, rng))


@pytest.mark.parametrize("make", [phase_randomise, iaaft])
def test_surrogates_are_deterministic_and_keep_the_float_type(make):
    x = _coloured(np.random.default_rng(8)).astype(np.float32)
    first, again = make(x, np.random.default_rng(9)), make(x, np.random.default_rng(9))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, make(x, np.random.default_rng(10)))


@pytest.mark.parametrize("make", [phase_randomise, iaaft])
def test_surrogates_of_a_constant_channel_are_that_channel(make):
    x = np.full((2, 1, 32), 3.0)
    np.testing.assert_allclose(make(x, np.random.default_rng(0)), x, atol=1e-12)


@pytest.mark.parametrize("make", [phase_randomise, iaaft])
def test_surrogates_refuse_what_they_cannot_shuffle(make):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="expected an array"):
        make(np.zeros((3, 8)), rng)
    with pytest.raises(InputError, match="NaN or infinity"):
        make(np.full((1, 1, 8), np.nan), rng)
