"""Whitening by spectrum and by covariance: exact in both directions, and white."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from faultsyn.synth.scaling import ChannelScaler, SpectrumScaler, WhiteningScaler, widened


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


@given(bend=st.sampled_from([None, 0.5, 3.0]), factor=st.floats(0.5, 3), far=st.floats(-1e4, 1e4))
def test_an_excursion_is_widened_in_its_own_units(
    bend: float | None, factor: float, far: float
) -> None:
    scaler = ChannelScaler(np.array([5.0]), np.array([2.0]), bend)
    z = scaler.apply(np.full((1, 1, 1), 5.0 + far, np.float32))
    back = scaler.undo(np.asarray(widened(z, factor, bend), np.float32))
    assert np.isclose(back.item() - 5.0, factor * far, rtol=1e-3, atol=1e-3)


def test_channels_that_move_together_are_whitened_and_come_back() -> None:
    rng = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.99, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 1e4]])
    x = np.einsum("nct,cd->ndt", rng.standard_normal((300, 3, 24)), mixing) + 5.0
    x = np.concatenate([x, np.full((300, 1, 24), 7.0)], axis=1).astype(np.float32)
    scaler = WhiteningScaler.fit(x)
    rows = scaler.apply(x).transpose(0, 2, 1).reshape(-1, 4)
    assert np.allclose(np.cov(rows.T)[:3, :3], np.eye(3), atol=0.1)
    moved = x[:20] * 3 + np.array([3.0, 0.0, 0.0, 2.0], np.float32)[:, None]
    of_class = scaler.of_class(moved)
    z = of_class.apply(moved)
    assert np.allclose(z.mean(axis=(0, 2)), 0, atol=1e-4)
    assert np.allclose(z.std(axis=(0, 2))[:3], 1, atol=1e-4)
    again = WhiteningScaler.restore(of_class.state("s."), "s.")
    assert np.allclose(again.undo(z), moved, rtol=1e-4, atol=1e-3)
