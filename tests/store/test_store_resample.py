from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import decimate
from store_recordings import noise, recording, stream, write

from faultsyn.errors import InputError
from faultsyn.store import Store, WindowSpec
from faultsyn.store import samples as samples_module
from faultsyn.store.resample import describe, rate_ratio, resample, resampled_length


def _sine(frequency: float, rate: float, n: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(n) / rate).astype(np.float32)[None]


@pytest.mark.parametrize(("rate", "wanted"), [(48000, 12000), (25600, 12000), (51200, 12000)])
def test_passes_what_the_new_rate_can_hold(rate: int, wanted: int) -> None:
    ratio = rate_ratio(rate, wanted, "test")
    for share in (0.01, 0.3, 0.7):
        y = resample(_sine(share * wanted / 2, rate, rate), ratio)[0]
        expected = _sine(share * wanted / 2, wanted, wanted)[0]
        assert_allclose(y[100:-100], expected[100:-100], atol=3e-3)


@pytest.mark.parametrize(("rate", "wanted"), [(48000, 12000), (25600, 12000)])
def test_removes_what_would_alias(rate: int, wanted: int) -> None:
    ratio = rate_ratio(rate, wanted, "test")
    for frequency in np.linspace(1.01 * wanted / 2, 0.99 * rate / 2, 7):
        y = resample(_sine(float(frequency), rate, rate), ratio)[0]
        assert np.abs(y[100:-100]).max() < 2e-3


def test_agrees_with_scipy_decimate_in_the_pass_band() -> None:
    rng = np.random.default_rng(0)
    spectrum = rng.standard_normal(2001) * (np.arange(2001) < 150)  # below 0.3 of new Nyquist
    x = np.fft.irfft(spectrum, 4000).astype(np.float32)
    y = resample(x[None], Fraction(1, 4))[0]
    expected = decimate(x.astype(float), 4, ftype="fir", zero_phase=True)
    assert_allclose(y[50:-50], expected[50:-50], atol=0.01 * np.abs(expected).max())


def test_constant_stays_constant_to_the_ends() -> None:
    y = resample(np.full((1, 6000), 160.0, np.float32), Fraction(1, 100))
    assert y.shape == (1, 60)
    assert_allclose(y, 160.0, rtol=1e-6)


def test_hold_keeps_block_means_and_causes_no_future() -> None:
    x = noise(0, 50, 2).T
    y = resample(x, Fraction(10))
    assert_array_equal(y.reshape(2, 50, 10), np.repeat(x[:, :, None], 10, axis=2))
    odd = resample(np.arange(6, dtype=np.float32)[None], Fraction(5, 2))[0]
    assert odd.tolist() == [np.floor(i / 2.5) for i in range(15)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 12), st.integers(1, 12))
def test_length(n: int, up: int, down: int) -> None:
    ratio = Fraction(up, down)
    found = resample(np.zeros((1, n), np.float32), ratio).shape[1] if n else 0
    assert found == n * up // down == resampled_length(np.array([n]), ratio)[0]


def test_ratio() -> None:
    assert rate_ratio(48000, 12000, "") == Fraction(1, 4)
    assert rate_ratio(1 / 180, 1 / 180, "") == 1
    assert rate_ratio(1 / 180, 1 / 60, "") == 3
    with pytest.raises(InputError, match="stream 's': cannot bring 1000 Hz to 1000"):
        rate_ratio(1000, 1000.0001, "stream 's'")


def test_filter_is_on_record() -> None:
    found = describe(48000.0, Fraction(1, 4))
    assert found["method"] == "polyphase FIR"
    assert found["from_hz"] == 48000.0
    assert found["cutoff_hz"] == pytest.approx(0.88 * 6000)
    assert found["taps"] == 129
    assert describe(1.0, Fraction(10))["method"] == "zero-order hold"


@pytest.mark.parametrize("buffer", [1, 1 << 20])
@pytest.mark.parametrize("budget", [1 << 30, 0])
def test_store_resamples_whole_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: int, buffer: int
) -> None:
    """No edge within a recording, whichever way it is read."""
    monkeypatch.setattr(samples_module, "_BUFFER_SAMPLES", buffer)
    lengths = [6001, 6001, 300, 9000, 6001]
    items = [
        recording(
            f"r{i}",
            stream(noise(i, n, 1), name="fast", rate=100.0, channels=("PS1",)),
            stream(noise(i, n // 100, 1), name="slow", rate=1.0, channels=("TS1",)),
        )
        for i, n in enumerate(lengths)
    ]
    path = write(tmp_path / "x.h5", *items)
    with Store(path, memory_budget=budget) as store:
        index = store.windows(WindowSpec(40, 10.0, ("PS1", "TS1"), stride=20))
        chosen = np.random.default_rng(0).permutation(len(index))
        found = index.read(chosen)
        assert index.too_short == ("r2",)
        assert set(index.resampling) == {"fast/PS1", "slow/TS1"}
    for x, row, start in zip(found.x, index.row[chosen], index.start_sample[chosen], strict=True):
        whole = resample(noise(row, lengths[row], 1).T, Fraction(1, 10))[0]
        assert_array_equal(x[0], whole[start : start + 40])
        held = np.repeat(noise(row, lengths[row] // 100, 1)[:, 0], 10)
        assert_array_equal(x[1], held[start : start + 40])
    assert index.start_sample.max() + 40 <= 900
