"""Whitening by the mean spectrum: exact in both directions, and white."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from faultsyn.synth.scaling import SpectrumScaler


def coloured(n: int, channels: int, samples: int, seed: int) -> np.ndarray:
    white = np.random.default_rng(seed).standard_normal((n, channels, samples + 200))
    return lfilter([1.0], [1.0, -1.6, 0.9], white)[..., 200:].astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(
    channels=st.integers(1, 3),
    samples=st.integers(8, 300),
    seed=st.integers(0, 10**6),
    level=st.sampled_from([1e-4, 1.0, 1e4]),
)
def test_it_is_undone(channels: int, samples: int, seed: int, level: float) -> None:
    x = np.float32(level) * (coloured(5, channels, samples, seed) + 3.0)
    scaler = SpectrumScaler.fit(x[:3])
    again = SpectrumScaler.restore(scaler.state("s."), "s.")
    assert np.allclose(again.undo(again.apply(x)), x, rtol=0, atol=2e-5 * np.abs(x).max())


def test_what_it_knows_becomes_white() -> None:
    x = coloured(200, 2, 512, 0)
    z = SpectrumScaler.fit(x[:100]).apply(x[100:])
    power = (np.abs(np.fft.rfft(z, norm="ortho")) ** 2).mean(axis=(0, 1))
    before = (np.abs(np.fft.rfft(x, norm="ortho")) ** 2).mean(axis=(0, 1))
    assert before.max() / before.min() > 100
    assert power[2:-2].min() > 0.6
    assert power[2:-2].max() < 1.6
    assert np.isclose(z.std(), 1.0, atol=0.05)


def test_a_channel_without_a_signal_is_left_alone() -> None:
    x = np.full((3, 1, 64), 2.0, np.float32)
    scaler = SpectrumScaler.fit(x)
    assert not scaler.apply(x).any()
    assert np.allclose(scaler.undo(scaler.apply(x)), 2.0)
