"""Envelopes against scipy and hand-made fault signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.signal

from faultsyn.errors import InputError
from faultsyn.signal.bearing import orders
from faultsyn.signal.envelope import (
    bandpass,
    envelope_bands,
    hilbert_envelope,
    line_to_background,
    squared_envelope,
    squared_envelope_spectrum,
)

RATE = 12000.0


def struck(
    fault_hz: float, n: int, n_samples: int, seed: int = 0, noise: float = 0.3
) -> np.ndarray:
    """Windows of a 3 kHz resonance struck at `fault_hz`, in white noise; random phase."""
    rng = np.random.default_rng(seed)
    ring = np.exp(-np.arange(200) / 25) * np.sin(2 * np.pi * 3000 * np.arange(200) / RATE)
    out = rng.normal(0, noise, (n, n_samples))
    for row in out:
        train = np.zeros(n_samples)
        train[
            np.arange(rng.uniform(0, RATE / fault_hz), n_samples, RATE / fault_hz).astype(int)
        ] = 1
        row += np.convolve(train, ring)[:n_samples]
    return out


def test_bandpass_is_forward_backward_butterworth() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 2000)).astype(np.float32)
    b, a = scipy.signal.butter(3, (500, 2000), "bandpass", fs=RATE)
    expected = scipy.signal.filtfilt(b, a, x.astype(float), padtype="odd", padlen=21)
    np.testing.assert_allclose(bandpass(x, RATE, 500, 2000), expected, atol=1e-6)


@pytest.mark.parametrize("band", [(0.0, 100.0), (200.0, 100.0), (100.0, 6000.0)])
def test_bandpass_refuses_impossible_bands(band: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="low < high"):
        bandpass(np.zeros((1, 500)), RATE, *band)


def test_bandpass_refuses_windows_shorter_than_its_padding() -> None:
    with pytest.raises(InputError, match="21 samples"):
        bandpass(np.zeros((1, 21)), RATE, 500, 2000)


def test_envelope_of_a_modulated_tone() -> None:
    t = np.arange(6000) / RATE
    modulation = 1 + 0.5 * np.cos(2 * np.pi * 50 * t)
    x = modulation * np.sin(2 * np.pi * 2000 * t)
    np.testing.assert_allclose(hilbert_envelope(x), modulation, atol=1e-6)
    freqs, spectrum = squared_envelope_spectrum(x, RATE)
    assert freqs[spectrum.argmax()] == pytest.approx(50, abs=0.6)


def test_squared_envelope_has_zero_mean_and_no_amplitude() -> None:
    x = np.random.default_rng(0).normal(size=(4, 1000))
    e = squared_envelope(x)
    np.testing.assert_allclose(e.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(squared_envelope(7 * x), e, atol=1e-9)
    assert not squared_envelope(np.zeros((1, 100))).any()


def test_zero_padding_keeps_a_line_between_bins() -> None:
    t = np.arange(1000) / 1000.0

    def height(freq: float, pad: int) -> float:
        x = (1 + 0.3 * np.cos(2 * np.pi * freq * t)) * np.sin(2 * np.pi * 300 * t)
        _, spectrum = squared_envelope_spectrum(x, 1000.0, pad)
        return float(spectrum.max())

    assert height(20.5, 4) / height(20.0, 4) > 0.97
    assert height(20.5, 1) / height(20.0, 1) < 0.9


def test_envelope_bands_peak_at_the_fault() -> None:
    fault = 107.3
    bands = envelope_bands(struck(fault, 6, 4096), RATE).mean(axis=0)
    assert bands.shape == (64,)
    assert int(bands.argmax()) in {int(k * fault // (750 / 64)) for k in (1, 2)}
    with pytest.raises(InputError, match="top"):
        envelope_bands(np.zeros((1, 100)), 1000.0)


def test_line_stands_out_only_at_the_fault() -> None:
    x = struck(107.5, 20, 4096)
    assert line_to_background(x, RATE, 107.5) > 4
    assert line_to_background(x, RATE, 107.5 * 1.3) < 2
    noise = np.random.default_rng(0).normal(size=(20, 4096))
    assert 0.7 < line_to_background(noise, RATE, 107.5) < 1.7
    assert line_to_background(9 * x, RATE, 107.5) == pytest.approx(
        line_to_background(x, RATE, 107.5)
    )


def test_line_refuses_windows_that_cannot_show_it() -> None:
    with pytest.raises(InputError, match="2 periods"):
        line_to_background(np.ones((3, 128)), RATE, 107.0)


@pytest.mark.data
def test_line_of_real_faults(recordings: Path) -> None:
    """Windows of 1024: about 3.1 for the 21 mil inner race, 1.8 for the outer, unloaded."""
    root = recordings / "cwru" / "12k_Drive_End_Bearing_Fault_Data"
    figures = {}
    for label, path, key in (
        ("inner", root / "IR/021/209_0.mat", "X209"),
        ("outer", root / "OR/021/@6/234_0.mat", "X234"),
    ):
        found = path if path.is_file() else path.with_name(path.name.replace("@6", ""))
        file = scipy.io.loadmat(found)
        x, shaft = file[f"{key}_DE_time"].ravel(), float(file[f"{key}RPM"].item()) / 60
        windows = x[: len(x) // 1024 * 1024].reshape(-1, 1024)
        fault = orders("6205").of(label) * shaft
        figures[label] = line_to_background(windows[:60], RATE, fault)
    assert figures["inner"] == pytest.approx(3.1, abs=0.15)
    assert figures["outer"] == pytest.approx(1.8, abs=0.1)
