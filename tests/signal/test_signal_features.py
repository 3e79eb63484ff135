"""Order, process, hydraulic and statistical features, and the contract of every registered one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.signal
import scipy.stats

from faultsyn.errors import InputError
from faultsyn.signal.bearing import orders
from faultsyn.signal.features import FEATURES, feature
from faultsyn.signal.hydraulic_features import hydraulic_features
from faultsyn.signal.order_features import (
    BANDS,
    fault_lines,
    order_feature_names,
    order_features,
)
from faultsyn.signal.process_features import process_features
from faultsyn.signal.statistics import KINDS, time_statistics
from faultsyn.windows import WindowSet

RATE = 12000.0


def windows(n: int = 6, n_samples: int = 600, scale: float = 1.0, seed: int = 0) -> WindowSet:
    """Noise that every feature accepts (hydraulics at 10 Hz, orders with rpm and bearing)."""
    x = scale * np.random.default_rng(seed).normal(size=(n, 2, n_samples)).astype(np.float32)
    table = {
        "label": np.full(n, "normal"),
        "rpm": np.linspace(1700.0, 1800.0, n),
        "bearing": np.where(np.arange(n) % 2 == 0, "6205", "6203"),
    }
    return WindowSet(x, table, RATE, ("FS1", "FS2"))


def hydraulic(ws: WindowSet, name: str) -> WindowSet:
    return ws.with_x(ws.x, rate=10.0) if name == "hydraulic" else ws


def struck(label: str, n: int, n_samples: int, rpm: np.ndarray, designation: str) -> np.ndarray:
    """Noise and a 3 kHz resonance struck at the fault order, at each window's own speed."""
    rng = np.random.default_rng(5)
    ring = np.exp(-np.arange(200) / 25) * np.sin(2 * np.pi * 3000 * np.arange(200) / RATE)
    x = rng.normal(0, 0.2, (n, n_samples))
    for row, speed in zip(x, rpm, strict=True):
        period = RATE / (orders(designation).of(label) * speed / 60)
        train = np.zeros(n_samples)
        train[np.arange(rng.uniform(0, period), n_samples, period).astype(int)] = 1
        row += np.convolve(train, ring)[:n_samples]
    return x


@pytest.mark.parametrize("designation", ["6205", "6203"])
@pytest.mark.parametrize("label", ["outer", "inner", "ball"])
def test_each_fault_raises_its_own_lines(label: str, designation: str) -> None:
    rpm = np.linspace(1500, 2400, 8)
    x = struck(label, 8, 8192, rpm, designation)
    rows = order_features(x, RATE, rpm, np.full(8, designation))
    names = order_feature_names()
    best = {f: rows[:, names.index(f"best {f}")].mean() for f in ("outer", "inner", "ball")}
    assert max(best, key=lambda f: best[f]) == label
    # 3 BPFO and 2 BPFI of a 6205 are 0.7 % apart, so each fault lifts one line of the other
    assert best[label] > 1.5 + sorted(best.values())[1]
    assert rows[:, names.index(f"2000-3500Hz 1x{label}")].min() > 2


def test_order_features_are_their_definition() -> None:
    ws = windows(3, 2000)
    got = order_features(ws.x[:, 0], RATE, ws.column("rpm"), ws.column("bearing"))
    assert got.shape == (3, 75)
    assert len(set(order_feature_names())) == 75
    for window, rpm, designation, row in zip(
        ws.x[:, 0].astype(float), ws.column("rpm"), ws.column("bearing"), got, strict=True
    ):
        np.testing.assert_allclose(row, loop_orders(window, rpm / 60, designation), atol=1e-4)


def loop_orders(window: np.ndarray, shaft: float, designation: str) -> np.ndarray:
    """One window, one line at a time, filters by transfer function."""
    found, scores = [], []
    n = len(window)
    for low, high in BANDS:
        sos = scipy.signal.butter(3, (low, high), "bandpass", fs=RATE, output="sos")
        e = np.abs(scipy.signal.hilbert(scipy.signal.sosfiltfilt(sos, window))) ** 2
        e = e / e.mean() - 1
        spectrum = np.abs(np.fft.rfft(e * scipy.signal.windows.hann(n, sym=False), 4 * n))
        freqs = np.fft.rfftfreq(4 * n, 1 / RATE)
        heights = []
        for order in fault_lines(orders(designation)).values():
            line = order * shaft
            near = np.abs(freqs - line) <= max(0.012 * line, 0.6 * RATE / n)
            wide = np.abs(freqs - line) <= max(0.5 * shaft, 4 * RATE / n)
            heights.append(np.log(spectrum[near].max() / np.median(spectrum[wide])))
        found += [*heights, np.log((e**2).mean())]
        scores.append(np.reshape(heights[:9], (3, 3)).mean(axis=1))
    return np.array([*found, *np.max(scores, axis=0)])


def test_order_features_refuse_what_they_cannot_read() -> None:
    ws = windows(2)
    with pytest.raises(InputError, match="rpm"):
        order_features(ws.x[:, 0], RATE, np.array([1700.0, np.nan]), ws.column("bearing"))
    with pytest.raises(InputError, match="6999"):
        order_features(ws.x[:, 0], RATE, ws.column("rpm"), np.array(["6205", "6999"]))
    with pytest.raises(InputError, match="above half"):
        order_features(ws.x[:, 0], RATE, np.full(2, 30000.0), ws.column("bearing"))
    with pytest.raises(InputError, match="low < high"):
        order_features(ws.x[:, 0], 1000.0, ws.column("rpm"), ws.column("bearing"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "key", "label"),
    [("IR/014/169_0", "X169", "inner"), ("OR/007/@6/130@6_0", "X130", "outer")],
)
def test_real_faults_raise_their_own_lines(
    recordings: Path, path: str, key: str, label: str
) -> None:
    root = recordings / "cwru" / "12k_Drive_End_Bearing_Fault_Data"
    file = scipy.io.loadmat(root / f"{path}.mat")
    x, rpm = file[f"{key}_DE_time"].ravel()[:48000].reshape(4, -1), file[f"{key}RPM"].item()
    rows = order_features(x, RATE, np.full(4, rpm), np.full(4, "6205"))
    scores = dict(zip(("outer", "inner", "ball"), rows[:, -3:].min(axis=0), strict=True))
    assert max(scores, key=lambda fault: scores[fault]) == label


def test_process_features_of_a_known_ramp() -> None:
    ramp = np.linspace(-2.0, 2.0, 24) + 1.0
    noise = np.random.default_rng(0).normal(size=24)
    rows = process_features(np.stack([ramp, noise])[None].astype(np.float32))[0]
    expected = [
        np.arcsinh([1.0, noise.mean()]),
        np.log(np.array([ramp.std(), noise.std()]) + 0.05),
        np.arcsinh(3 * np.array([2.0, np.polyfit(np.linspace(-1, 1, 24), noise, 1)[0]])),
        np.log(np.array([0.0, np.diff(noise).std()]) + 0.05),
    ]
    np.testing.assert_allclose(rows, np.concatenate(expected), rtol=1e-4, atol=1e-5)


def test_process_features_refuse_two_samples() -> None:
    with pytest.raises(InputError, match="3 samples"):
        process_features(np.zeros((1, 4, 2)))


def test_hydraulic_features_of_a_cycle() -> None:
    rng = np.random.default_rng(0)
    channels = ("PS1", "FS1", "TS1", "FS2")
    x = rng.normal(5, 2, (3, 4, 600)).astype(np.float32)
    x[:, 2] = np.repeat(rng.normal(size=(3, 60)), 10, axis=-1)  # a 1 Hz sensor, held
    rows = hydraulic_features(x, 10.0, channels)
    assert rows.shape == (3, 4 * 12 + 4 + 2 * 12)
    wide = x.astype(float)
    np.testing.assert_allclose(rows[1, 12 + 3], wide[1, 1, 150:200].mean(), rtol=1e-5)
    np.testing.assert_allclose(rows[:, 48 + 2], np.log(wide[:, 2, ::10].std(axis=1) + 1e-3), 1e-4)
    np.testing.assert_allclose(rows[2, 52 + 12 + 5], np.log(wide[2, 3, 250:300].std() + 1e-3), 1e-4)


def test_a_hydraulic_cycle_has_245_features() -> None:
    channels = (*(f"S{i}" for i in range(15)), "FS1", "FS2")
    x = np.zeros((2, 17, 600), np.float32)
    ws = WindowSet(x, {"label": np.full(2, "normal")}, 10.0, channels)
    rows = FEATURES["hydraulic"](ws)
    assert rows.shape == (2, 245)
    assert np.isfinite(rows).all()


def test_hydraulic_features_refuse_other_windows() -> None:
    with pytest.raises(InputError, match="FS2"):
        hydraulic_features(np.zeros((1, 1, 600)), 10.0, ("FS1",))
    with pytest.raises(InputError, match="whole number"):
        hydraulic_features(np.zeros((1, 2, 590)), 10.0, ("FS1", "FS2"))


def test_statistics_against_scipy() -> None:
    x = np.random.default_rng(0).gamma(2.0, size=(4, 2, 500)).astype(np.float32)
    rows = time_statistics(x).reshape(4, 2, len(KINDS))
    wide = x.astype(float)
    for kind, expected in {
        "rms": np.sqrt((wide**2).mean(axis=-1)),
        "kurtosis": scipy.stats.kurtosis(wide, axis=-1, fisher=False),
        "skewness": scipy.stats.skew(wide, axis=-1),
        "crest": np.abs(wide).max(axis=-1) / np.sqrt((wide**2).mean(axis=-1)),
        "peak-to-peak": np.ptp(wide, axis=-1),
    }.items():
        np.testing.assert_allclose(rows[..., KINDS.index(kind)], expected, rtol=1e-4)


@pytest.mark.parametrize("name", FEATURES)
def test_contract_shape_names_and_purity(name: str) -> None:
    ws = hydraulic(windows(), name)
    before = ws.x.copy()
    rows = FEATURES[name](ws)
    assert rows.dtype == np.float32
    assert rows.shape == (len(ws), len(FEATURES[name].names(ws)))
    assert len(set(FEATURES[name].names(ws))) == rows.shape[1]
    np.testing.assert_array_equal(ws.x, before)
    np.testing.assert_array_equal(rows, FEATURES[name](ws))


@pytest.mark.parametrize("name", FEATURES)
def test_contract_each_window_stands_alone(name: str) -> None:
    ws = hydraulic(windows(), name)
    np.testing.assert_allclose(
        FEATURES[name](ws.take([4, 1])), FEATURES[name](ws)[[4, 1]], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("level", [0.0, 0.1, -3e4])
def test_contract_constant_channels_give_finite_rows(name: str, level: float) -> None:
    ws = hydraulic(windows(), name)
    x = ws.x.copy()
    x[:, 0] = level
    with np.errstate(all="raise", under="ignore"):
        rows = FEATURES[name](ws.with_x(x))
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("name", ["log-spectrum", "envelope", "spectrum", "orders", "wavelet"])
def test_amplitude_free_features_ignore_gain(name: str) -> None:
    ws = windows()
    np.testing.assert_allclose(
        FEATURES[name](ws.with_x(2 * ws.x)), FEATURES[name](ws), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", ["log-spectrum", "envelope", "spectrum", "orders", "wavelet"])
def test_amplitude_free_features_of_constant_windows_are_equal(name: str) -> None:
    ws = windows(3)
    x = np.empty_like(ws.x)
    x[:] = np.array([0.0, 0.1, -3e4], np.float32)[:, None, None]
    table = {**ws.table, "bearing": np.full(3, "6205"), "rpm": np.full(3, 1750.0)}
    rows = FEATURES[name](WindowSet(x, table, RATE, ws.channels))
    np.testing.assert_allclose(rows, rows[[0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("name", ["raw", "statistics", "process", "hydraulic"])
def test_other_features_see_gain(name: str) -> None:
    ws = hydraulic(windows(), name)
    assert np.abs(FEATURES[name](ws.with_x(2 * ws.x)) - FEATURES[name](ws)).max() > 0.1


@pytest.mark.parametrize("name", FEATURES)
def test_contract_nan_is_refused(name: str) -> None:
    ws = hydraulic(windows(), name)
    x = ws.x.copy()
    x[3, 1, 7] = np.nan
    with pytest.raises(InputError, match=rf"'{name}'.*window 3.*FS2"):
        FEATURES[name](ws.with_x(x))


@pytest.mark.parametrize("name", FEATURES)
def test_contract_no_windows_give_no_rows(name: str) -> None:
    ws = hydraulic(windows(), name)
    rows = FEATURES[name](ws.take(slice(0, 0)))
    assert rows.shape == (0, len(FEATURES[name].names(ws)))


def test_unknown_names_and_parameters_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'orders'"):
        feature("order")
    with pytest.raises(InputError, match="did you mean 'bands'"):
        FEATURES["log-spectrum"](windows(), band=64)


def test_orders_name_the_missing_column() -> None:
    ws = windows()
    table = {k: v for k, v in ws.table.items() if k != "rpm"}
    with pytest.raises(InputError, match="'rpm'"):
        FEATURES["orders"](WindowSet(ws.x, table, ws.rate, ws.channels))
