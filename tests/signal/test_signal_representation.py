"""Scalings learnt from normals, and the representation that composes them with features."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from faultsyn.errors import InputError
from faultsyn.signal.representation import Representation
from faultsyn.signal.whitening import Affine, residual, standardiser, whitener
from faultsyn.windows import WindowSet


def correlated(n: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) + 5.0


def process(n: int = 12, seed: int = 0, label: str = "normal") -> WindowSet:
    x = np.moveaxis(correlated(n * 24, 6, seed).reshape(n, 24, 6), 1, 2).astype(np.float32)
    return WindowSet(x, {"label": np.full(n, label)}, 1 / 180, tuple("ABCDEF"))


def test_standardiser_is_sklearns() -> None:
    rows = correlated(30, 5)
    expected = StandardScaler().fit(rows).transform(rows[:7])
    np.testing.assert_allclose(standardiser(rows)(rows[:7]), expected, rtol=1e-5)


def test_whitener_is_the_symmetric_root_of_ledoit_wolf() -> None:
    rows = correlated(60, 5)
    z = StandardScaler().fit_transform(rows)
    covariance = LedoitWolf(assume_centered=True).fit(z).covariance_
    root = np.linalg.inv(np.real(_sqrtm(covariance)))
    np.testing.assert_allclose(whitener(rows)(rows), z @ root, atol=1e-4)


def _sqrtm(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_many_rows_become_white(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    mixing = np.eye(width) + 0.2 * rng.uniform(-1, 1, (width, width))
    rows = rng.normal(size=(3000, width)) @ mixing * rng.uniform(1, 1e4, width)
    assert np.abs(np.cov(whitener(rows)(rows).T) - np.eye(width)).max() < 0.1


def test_residual_drops_the_leading_direction() -> None:
    rng = np.random.default_rng(0)
    load = rng.normal(size=(400, 1))
    rows = load @ np.ones((1, 6)) + 0.4 * rng.normal(size=(400, 6))
    left = residual(rows, 1)(rows)
    assert left.shape == (400, 5)
    assert np.abs(np.corrcoef(left.T, load.T)[-1, :-1]).max() < 0.05
    np.testing.assert_allclose(left.var(axis=0), 1, rtol=0.2)
    kept = residual(rows, 0)(rows)
    assert abs(np.corrcoef(kept[:, 0], load[:, 0])[0, 1]) > 0.97


def test_residual_of_fewer_rows_than_columns_stays_bounded() -> None:
    rows = correlated(20, 50)
    other = correlated(20, 50, seed=0)[:5] + 0.1
    assert np.abs(residual(rows, 3)(other)).max() < 100


@pytest.mark.parametrize("learn", [standardiser, whitener, lambda rows: residual(rows, 1)])
def test_constant_columns_do_no_harm(learn: Any) -> None:
    rows = correlated(40, 4)
    rows[:, 2] = 0.1
    scaled = learn(rows)
    out = scaled(rows + 3.0)
    assert np.isfinite(out).all()
    moved = rows.copy()
    moved[:, 2] = 1e6
    np.testing.assert_allclose(scaled(moved), scaled(rows), atol=1e-6)


def test_transforms_refuse_what_they_cannot_learn_from() -> None:
    with pytest.raises(InputError, match="NaN"):
        standardiser(np.array([[1.0, np.nan], [0.0, 1.0]]))
    with pytest.raises(InputError, match="rows"):
        whitener(np.zeros((1, 3)))
    with pytest.raises(InputError, match="drop 4 of 4"):
        residual(correlated(9, 4), 4)
    with pytest.raises(InputError, match="varies"):
        whitener(np.ones((5, 3)))
    with pytest.raises(InputError, match="expected 4 values, got 3"):
        standardiser(correlated(9, 4))(np.zeros((1, 3)))


def test_channels_are_scaled_by_normals_only() -> None:
    normal, fault = process(), process(seed=1, label="fault01")
    learnt = Representation("process", channels="zscore").fit(normal, fault)
    samples = learnt.window_transform(normal).x
    np.testing.assert_allclose(samples.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(samples.std(axis=(0, 2)), 1, atol=1e-5)
    assert np.abs(learnt.window_transform(fault).x.mean(axis=(0, 2))).max() > 0.01


def test_rows_are_standardised_on_the_training_rows() -> None:
    train = process(20)
    rows = Representation("process").fit(None, train).transform(train)
    assert rows.x.shape == (20, 1, 24)
    assert rows.channels == ("features",)
    np.testing.assert_allclose(rows.rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.rows.std(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {"features": "process", "channels": "whiten"},
        {"features": "process", "channels": "zscore", "rows": "residual", "drop": 3},
        {"features": "log-spectrum", "params": {"bands": 8}, "rows": "none"},
    ],
)
def test_split_forms_and_state_agree_with_the_whole(config: dict[str, Any]) -> None:
    normal, train, test = process(30), process(8, 1, "fault01"), process(5, 2, "fault01")
    whole = Representation(**config).fit(normal, train)
    expected = whole.transform(test)

    parts = Representation(**config).fit_channels(normal)
    parts.fit_rows(parts.extract(normal), parts.extract(train))
    np.testing.assert_array_equal(parts.row_transform(parts.extract(test)).x, expected.x)

    arrays, info = whole.state()
    again = Representation.restore(arrays, json.loads(json.dumps(info)))
    np.testing.assert_array_equal(again.transform(test).x, expected.x)
    assert again.config() == whole.config()
    assert list(expected.labels) == list(test.labels)


def test_test_windows_change_nothing() -> None:
    normal, train = process(), process(seed=1, label="fault01")
    learnt = Representation("process", channels="whiten").fit(normal, train)
    alone = learnt.transform(train.take([0]))
    together = learnt.transform(train)
    np.testing.assert_allclose(alone.x[0], together.x[0], rtol=1e-4, atol=1e-5)


def test_bad_configurations_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'process'"):
        Representation("proces")
    with pytest.raises(InputError, match="unknown parameter 'band'"):
        Representation("log-spectrum", {"band": 3})
    with pytest.raises(InputError, match="channels = 'white'"):
        Representation("process", channels="white")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="drop = 3"):
        Representation("process", drop=3)


def test_steps_before_their_fit_are_refused() -> None:
    whiten = Representation("process", channels="whiten")
    with pytest.raises(InputError, match="fit_channels"):
        whiten.extract(process())
    with pytest.raises(InputError, match="needs normal windows"):
        whiten.fit(None, process())
    with pytest.raises(InputError, match="fit_rows"):
        Representation("process").transform(process())
    with pytest.raises(InputError, match="needs normal windows"):
        Representation("process", rows="residual").fit(process().take([]), process())


def test_feature_names_come_through() -> None:
    assert Representation("process").names(process())[:2] == ("A level", "B level")


def test_affine_takes_any_leading_shape() -> None:
    scale = Affine(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    assert scale(np.ones((2, 4, 3))).shape == (2, 4, 3)


@pytest.mark.parametrize("features", ["statistics", "spectrum", "wavelet", "process", "raw"])
@pytest.mark.parametrize("channels", ["none", "whiten"])
def test_blocks_of_windows_change_no_bit(
    features: str, channels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = process(23).with_x(np.random.default_rng(0).standard_normal((23, 6, 64), np.float32))
    windows = replace(windows, rate=2000.0)
    made = Representation(features, channels=channels).fit_channels(windows)
    whole = made.extract(windows)
    monkeypatch.setattr("faultsyn.signal.representation._BLOCK", 5 * windows.x[:1].nbytes)
    np.testing.assert_array_equal(made.extract(windows).x, whole.x)


def test_rows_of_a_map_larger_than_the_memory_allowed(tmp_path: Path) -> None:
    """Windows on disk, 25 MB; what is held at once is a fraction of that."""
    n, samples = 1500, 4096
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (n, 1, samples))
    for first in range(0, n, 500):
        x[first : first + 500] = np.random.default_rng(first).standard_normal((500, 1, samples))
    windows = WindowSet(x, {"label": np.full(n, "normal")}, 12e3, ("a",))
    made = Representation("statistics")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("faultsyn.signal.representation._BLOCK", 1 << 18)
        tracemalloc.start()
        try:
            rows = made.extract(windows)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 0.3 * x.nbytes
    assert len(rows) == n
