"""Spectra against scipy, float64 loops and properties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError
from faultsyn.signal.spectrum import band_energies, log_spectrum, welch_psd, zscore_windows


def loop_log_spectrum(window: np.ndarray, n_bands: int) -> np.ndarray:
    """The definition, one window and one band at a time, in float64."""
    z = (window - window.mean()) / window.std()
    lines = np.log1p(np.abs(np.fft.rfft(z * scipy.signal.windows.hann(len(z), sym=False))))
    first = [b * (len(lines) - 1) // n_bands for b in range(n_bands)] + [len(lines)]
    return np.array([lines[a:b].mean() for a, b in itertools.pairwise(first)])


def test_log_spectrum_is_its_definition() -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, (5, 2, 1024)).astype(np.float32)
    got = log_spectrum(x)
    assert got.shape == (5, 2, 128)
    assert got.dtype == np.float32
    expected = [[loop_log_spectrum(c.astype(float), 128) for c in window] for window in x]
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5)


def test_log_spectrum_shows_a_tone_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1500 * np.arange(2048) / 12000).astype(np.float32)
    bands = log_spectrum(tone[None], 64)[0]
    assert int(bands.argmax()) == 1500 // (6000 // 64) == 15 or int(bands.argmax()) == 16


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.floats(0.01, 100.0), st.floats(-10.0, 10.0), st.integers(16, 400)
)
def test_log_spectrum_ignores_gain_and_offset(
    seed: int, gain: float, offset: float, n_samples: int
) -> None:
    x = np.random.default_rng(seed).normal(size=(2, n_samples))
    np.testing.assert_allclose(
        log_spectrum(gain * (x + offset), 8), log_spectrum(x, 8), rtol=1e-3, atol=1e-4
    )


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=(7, 256))
    whole = log_spectrum(x, 32)
    monkeypatch.setattr("faultsyn.signal.spectrum.BLOCK", 600)
    np.testing.assert_array_equal(log_spectrum(x, 32), whole)


@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_a_constant_window_gives_zeros(level: float) -> None:
    x = np.full((2, 300), level, np.float32)
    assert not zscore_windows(x).any()
    assert not log_spectrum(x, 16).any()


def test_log_spectrum_refuses_nothing_to_analyse() -> None:
    with pytest.raises(InputError, match="samples"):
        log_spectrum(np.zeros((3, 1)))


def test_short_windows_are_padded_to_one_line_a_band() -> None:
    x = np.random.default_rng(0).normal(size=(3, 24))
    assert np.isfinite(log_spectrum(x, 128)).all()


def test_welch_power_is_the_variance() -> None:
    x = np.random.default_rng(0).normal(0, 2.0, (3, 20000))
    freqs, psd = welch_psd(x, 100.0)
    np.testing.assert_allclose(psd.sum(axis=-1) * freqs[1], x.var(axis=-1), rtol=0.05)


def test_band_energies_find_the_tone() -> None:
    t = np.arange(8192) / 1000.0
    x = 3.0 * np.sin(2 * np.pi * 130 * t)
    energies = band_energies(x, 1000.0, np.array([0.0, 100.0, 200.0, 400.0]))
    assert energies[1] == pytest.approx(4.5, rel=0.01)
    assert energies[[0, 2]].max() < 0.01


@pytest.mark.parametrize("edges", [[0.0, 0.0], [10.0], [0.0, 1.0, 1.5]])
def test_band_energies_refuse_empty_bands(edges: list[float]) -> None:
    with pytest.raises(InputError, match="edges"):
        band_energies(np.zeros((1, 512)), 1000.0, np.array(edges))
