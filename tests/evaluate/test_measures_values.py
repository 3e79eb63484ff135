"""Figures of the measures against independent implementations and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel

from faultsyn.errors import InputError
from faultsyn.evaluate.context_fid import frechet_distance
from faultsyn.evaluate.correlation import channel_correlation
from faultsyn.evaluate.discriminative import patches
from faultsyn.evaluate.diversity import spread
from faultsyn.evaluate.features import fine_features
from faultsyn.evaluate.kurtosis import window_kurtosis
from faultsyn.evaluate.memorisation import same_windows, similarity
from faultsyn.evaluate.mmd import mmd_test, squared_distances
from faultsyn.evaluate.normal_components import block_ratios, normal_components
from faultsyn.evaluate.psd_distance import PSDDistance, band_levels
from faultsyn.evaluate.two_sample import grouped_auc
from faultsyn.windows import WindowSet

RATE = 12000.0


def noise(
    seed: int, n: int = 10, channels: int = 1, length: int = 512, rate: float = RATE
) -> WindowSet:
    x = np.random.default_rng(seed).standard_normal((n, channels, length)).astype(np.float32)
    names = tuple(f"c{i}" for i in range(channels))
    return WindowSet(x, {"label": np.full(n, "inner")}, rate, names)


def test_mmd_matches_a_float64_loop_over_an_sklearn_kernel():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 3)), rng.standard_normal((9, 3)) + 0.4
    value, p = mmd_test(x, y, np.random.default_rng(1), permutations=60)
    median = np.median(pdist(x))
    both = np.concatenate([x, y])
    kernel = np.mean([rbf_kernel(both, gamma=1 / (2 * (w * median) ** 2)) for w in (1, 2, 4)], 0)

    def plain(first: np.ndarray, second: np.ndarray) -> float:
        within = sum(kernel[i, j] for i in first for j in first if i != j) / (12 * 11)
        within += sum(kernel[i, j] for i in second for j in second if i != j) / (9 * 8)
        return within - 2 * sum(kernel[i, j] for i in first for j in second) / (12 * 9)

    assert value == pytest.approx(plain(np.arange(12), np.arange(12, 21)), rel=1e-9)
    shuffle, larger = np.random.default_rng(1), 0
    for _ in range(60):
        first = shuffle.permutation(21)[:12]
        larger += plain(first, np.setdiff1d(np.arange(21), first)) >= value
    assert p == pytest.approx((1 + larger) / 61)


def test_mmd_p_value_is_uniform_for_equal_distributions_and_small_for_others():
    rng = np.random.default_rng(3)
    same = [
        mmd_test(rng.standard_normal((15, 4)), rng.standard_normal((15, 4)), rng, 50)[1]
        for _ in range(120)
    ]
    assert scipy.stats.kstest(same, "uniform").pvalue > 0.001
    assert mmd_test(rng.standard_normal((30, 4)), rng.standard_normal((30, 4)) + 1.5, rng)[1] < 0.01


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(1, 8), st.integers(2, 9))
def test_distances_match_scipy(seed, width, n):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, width)), rng.standard_normal((4, width))
    np.testing.assert_allclose(squared_distances(x, y), cdist(x, y, "sqeuclidean"), atol=1e-9)
    mean, nearest = spread(x)
    table = cdist(x, x)
    assert mean == pytest.approx(pdist(x).mean())
    np.fill_diagonal(table, np.inf)
    assert nearest == pytest.approx(table.min(axis=1).mean())


def test_kurtosis_matches_scipy_and_leaves_out_constant_windows():
    windows = noise(0, channels=2)
    windows.x[3, 1] = 2.0
    with np.errstate(invalid="ignore"):
        expected = scipy.stats.kurtosis(windows.x[:3].astype(float), axis=-1, fisher=False)
    found = window_kurtosis(windows)
    np.testing.assert_allclose(found[:3], expected, rtol=1e-9)
    assert np.isnan(found[3, 1])
    assert np.isfinite(found[3, 0])


def test_psd_distance_of_twice_the_amplitude_is_six_decibel():
    windows = noise(1, n=20)
    value, detail = PSDDistance()._measure(
        windows, windows.with_x(2 * windows.x), None, np.random.default_rng(0)
    )
    assert value == pytest.approx(20 * np.log10(2), abs=1e-4)
    assert detail["worst"] == pytest.approx(value, abs=1e-4)


def test_band_levels_match_scipy_welch():
    windows = noise(2, n=6, channels=2)
    _, density = scipy.signal.welch(windows.x.astype(float), RATE, nperseg=256)
    expected = 10 * np.log10(density.mean(axis=0)[:, 1:].reshape(2, 32, 4).sum(axis=2))
    np.testing.assert_allclose(band_levels(windows), expected, atol=1e-6)


def test_channel_correlation_matches_numpy():
    windows = noise(3, channels=3)
    windows.x[:, 1] += windows.x[:, 0]
    flat = windows.x.transpose(1, 0, 2).reshape(3, -1).astype(float)
    np.testing.assert_allclose(channel_correlation(windows), np.corrcoef(flat), atol=1e-9)


def test_frechet_distance_matches_scipy_sqrtm():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((60, 6)), rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6))
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(cov_x @ cov_y).real
    gap = x.mean(0) - y.mean(0)
    assert frechet_distance(x, y) == pytest.approx(gap @ gap + np.trace(cov_x + cov_y - 2 * root))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_with_fewer_rows_than_columns_is_finite():
    rng = np.random.default_rng(5)
    assert 0 < frechet_distance(rng.standard_normal((4, 20)), rng.standard_normal((5, 20))) < 100


def test_similarity_matches_a_plain_loop_over_shifts():
    windows, shots = noise(6, 4, 2, 48), noise(7, 3, 2, 48)
    found = similarity(windows, shots, windows)
    scale = windows.x.std(axis=(0, 2), dtype=float)[:, None]

    def unit(x: np.ndarray) -> np.ndarray:
        x = x / scale
        x = x - x.mean(axis=1, keepdims=True)
        return x / np.linalg.norm(x)

    for i, window in enumerate(windows.x):
        table = [
            [float((unit(window) * np.roll(unit(shot), s, axis=1)).sum()) for s in range(48)]
            for shot in shots.x
        ]
        assert found.best[i] == pytest.approx(np.max(table), abs=1e-6)
        assert (found.shot[i], found.shift[i]) == np.unravel_index(np.argmax(table), (3, 48))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(0, 63), st.floats(0.01, 100))
def test_a_shifted_scaled_copy_has_similarity_one(seed, shift, gain):
    shots = noise(seed, 3, 2, 64)
    copy = shots.with_x(np.float32(gain) * np.roll(shots.x, shift, axis=-1))
    found = similarity(copy, shots, shots)
    np.testing.assert_allclose(found.best, 1.0, atol=1e-5)
    np.testing.assert_array_equal(found.shot, np.arange(3))
    np.testing.assert_array_equal(found.shift, shift)


def test_feature_rows_are_not_shifted_and_constant_windows_are_handled():
    rows = noise(8, 4, 1, 64, rate=float("nan"))
    rolled = rows.with_x(np.roll(rows.x, 5, axis=-1))
    assert similarity(rolled, rows, rows).best.max() < 0.9
    np.testing.assert_allclose(similarity(rows, rows, rows).best, 1.0, atol=1e-6)
    flat = rows.with_x(np.full_like(rows.x, 3.0))
    np.testing.assert_allclose(similarity(flat, rows, rows).best, 0.0, atol=1e-6)
    np.testing.assert_allclose(similarity(flat, flat, rows).best, 1.0)


def test_real_windows_that_overlap_a_shot_are_known():
    base = noise(9, 6, 1, 100, rate=100.0)
    whole = base.with_columns(recording="r", start=np.arange(6) * 1.0)
    shots = whole.take([2])
    half = whole.with_columns(start=np.array([0.0, 1.4, 2.6, 3.1, 4.0, 5.0]))
    moved = half.with_x(half.x + 1)
    np.testing.assert_array_equal(same_windows(whole, shots), np.arange(6) == 2)
    np.testing.assert_array_equal(
        same_windows(moved, shots), [False, True, True, False, False, False]
    )
    np.testing.assert_array_equal(same_windows(base, shots), np.arange(6) == 2)


def test_block_ratios_are_those_of_sklearn_components():
    normal, real, made = (noise(i, 60, 1, 40) for i in (10, 11, 12))
    scale, components = normal_components(normal)
    pca = PCA(40, svd_solver="full").fit(normal.rows / scale)
    ratio = block_ratios(
        *((s.rows / scale[0, 0]) @ components.T for s in (real, made.with_x(2 * made.x)))
    )
    mine, theirs = (pca.transform(s.rows / scale) for s in (real, made.with_x(2 * made.x)))
    assert list(ratio) == ["0-10", "10-30", "30-40"]
    for block, (low, high) in zip(ratio.values(), ((0, 10), (10, 30), (30, 40)), strict=True):
        expected = theirs[:, low:high].var(0).sum() / mine[:, low:high].var(0).sum()
        assert block == pytest.approx(expected, rel=1e-4)
        assert 2.5 < block < 6


def test_normals_that_do_not_vary_are_refused():
    same = noise(0, 5)
    with pytest.raises(InputError, match="all the same"):
        normal_components(same.with_x(np.repeat(same.x[:1], 5, axis=0)))


def test_auc_is_half_for_equal_sets_and_one_for_others_and_keeps_groups_together():
    rng = np.random.default_rng(13)
    x, y = rng.standard_normal((80, 5)), rng.standard_normal((80, 5))
    alone = np.arange(80)
    assert grouped_auc(x, y, alone, alone, rng) == pytest.approx(0.5, abs=0.15)
    assert grouped_auc(x, y + 4, alone, alone, rng) > 0.99
    # Every group has its own place: only a split that parts groups could tell the sets apart.
    centres = 5 * rng.standard_normal((16, 5))
    groups = np.repeat(np.arange(8), 10)
    x, y = centres[groups] + 0.1 * x, centres[groups + 8] + 0.1 * y
    together = np.mean([grouped_auc(x, y, groups, groups, rng) for _ in range(6)])
    apart = grouped_auc(x, y, alone, alone, rng)
    assert together < 0.8 < 0.99 < apart


def test_patches_keep_every_sample_of_short_windows():
    x = np.arange(2 * 3 * 20, dtype=np.float32).reshape(2, 3, 20)
    np.testing.assert_array_equal(patches(x), x.transpose(0, 2, 1))
    assert patches(np.zeros((2, 1, 1000), np.float32)).shape == (2, 31, 32)


def test_fine_features_see_level_spectrum_and_envelope():
    windows = noise(14)
    blocks = fine_features(windows)
    assert {name: block.shape[1] for name, block in blocks.items()} == {
        "level": 3,
        "spectrum": 128,
        "envelope": 64,
    }
    louder = fine_features(windows.with_x(3 * windows.x))
    np.testing.assert_allclose(louder["spectrum"], blocks["spectrum"], atol=1e-4)
    np.testing.assert_allclose(louder["level"][:, 1] - blocks["level"][:, 1], np.log(3), atol=1e-5)
