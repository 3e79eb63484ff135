"""Wavelet transforms: against PyWavelets' own packets, inversion, energy."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError
from faultsyn.signal.wavelet import (
    discrete_inverse,
    discrete_transform,
    packet_inverse,
    packet_transform,
    scalogram,
    wavelet_energies,
)


def test_packets_are_pywavelets_in_frequency_order() -> None:
    x = np.random.default_rng(0).normal(size=256)
    tree = pywt.WaveletPacket(x, "db4", mode="periodization", maxlevel=3)
    expected = np.stack([node.data for node in tree.get_level(3, order="freq")])
    np.testing.assert_allclose(packet_transform(x, "db4", 3), expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(64, 300),
    st.integers(1, 5),
    st.sampled_from(["haar", "db4", "sym8", "coif2"]),
)
def test_inverses_give_the_window_back(seed: int, n: int, level: int, wavelet: str) -> None:
    x = np.random.default_rng(seed).normal(size=(2, 3, n))
    packets = packet_transform(x, wavelet, level)
    assert packets.shape[:3] == (2, 3, 2**level)
    np.testing.assert_allclose(packet_inverse(packets, n, wavelet), x, atol=1e-8)
    parts = discrete_transform(x, wavelet, level)
    assert len(parts) == level + 1
    np.testing.assert_allclose(discrete_inverse(parts, n, wavelet), x, atol=1e-8)


def test_orthogonal_packets_keep_energy() -> None:
    x = np.random.default_rng(1).normal(size=(4, 512))
    energy = (packet_transform(x, "db4", 4) ** 2).sum(axis=(-2, -1))
    np.testing.assert_allclose(energy, (x**2).sum(axis=-1), rtol=1e-9)


@pytest.mark.parametrize("band", [0, 5, 10, 15])
def test_a_tone_lands_in_its_band(band: int) -> None:
    rate, bands = 1600.0, 16
    t = np.arange(1600) / rate
    tone = np.sin(2 * np.pi * (band + 0.5) * (rate / 2 / bands) * t)
    shares = wavelet_energies(tone, "db20", 4)
    assert int(shares.argmax()) == band
    assert np.exp(shares).sum() == pytest.approx(1, abs=1e-3)


def test_discrete_energies_are_approximation_first() -> None:
    t = np.arange(1024) / 1024
    slow, fast = np.sin(2 * np.pi * 4 * t), np.sin(2 * np.pi * 400 * t)
    assert wavelet_energies(slow, level=4, kind="discrete").argmax() == 0
    assert wavelet_energies(fast, level=4, kind="discrete").argmax() == 4


def test_a_constant_window_is_spread_evenly() -> None:
    shares = wavelet_energies(np.full((2, 64), 0.3), level=3)
    np.testing.assert_allclose(np.exp(shares), 1 / 8, rtol=1e-5)


def test_scalogram_peaks_at_the_tone() -> None:
    freqs = np.array([20.0, 40.0, 80.0, 160.0])
    x = np.sin(2 * np.pi * 80 * np.arange(1000) / 1000)
    picture = scalogram(np.stack([x, x]), 1000.0, freqs)
    assert picture.shape == (2, 4, 1000)
    assert (picture[0, :, 300:700].mean(axis=1).argmax()) == 2
    with pytest.raises(InputError, match="500 Hz"):
        scalogram(x, 1000.0, np.array([600.0]))


def test_impossible_transforms_are_refused() -> None:
    with pytest.raises(InputError, match="db99"):
        packet_transform(np.zeros(64), "db99")
    with pytest.raises(InputError, match="level 6"):
        packet_transform(np.zeros(64), level=6)
