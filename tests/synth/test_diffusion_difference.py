"""The difference generator: denoiser, choices and gate against other ways to compute them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from faultsyn.errors import InputError
from faultsyn.signal.normal_blocks import block_components
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.diffusion.difference import (
    FALLBACK,
    STRENGTHS,
    TOLERANCE,
    FaultDiffusionDifference,
)
from faultsyn.synth.diffusion.difference_checks import (
    grades,
    grades_agree,
    neighbours_explain,
    variance_fault,
)
from faultsyn.synth.diffusion.difference_denoiser import NormalDenoiser
from faultsyn.windows import NORMAL, WindowSet, concat

P, MODES = 40, 6


def feature_set(rows: np.ndarray, label: str, **columns: float) -> WindowSet:
    x = np.ascontiguousarray(rows, np.float32)[:, None]
    made = WindowSet(x, {"label": np.full(len(x), label)}, float("nan"), ("features",))
    return made.with_columns(**columns)


def machine(n: int, rng: np.random.Generator, minor: float = 0.3) -> np.ndarray:
    """Healthy rows: a few operating conditions far apart, small noise everywhere."""
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((P, P)))[0][:MODES]
    return rng.standard_normal((n, MODES)) @ (3 * axes) + minor * rng.standard_normal((n, P))


def fault_axis() -> np.ndarray:
    """A direction in which the healthy rows of `machine` hardly vary, unit length."""
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((P, P)))[0]
    return axes[MODES]


def small_problem(k: int = 4, seed: int = 0) -> tuple[WindowSet, WindowSet]:
    rng = np.random.default_rng(seed)
    shots = machine(k, rng) + 6 * fault_axis()
    return feature_set(machine(80, rng), NORMAL), feature_set(shots, "inner")


def fitted(normal: WindowSet, shots: WindowSet, **config: object) -> FaultDiffusionDifference:
    generator = build_generator("faultdiffusion-difference", **config)
    assert isinstance(generator, FaultDiffusionDifference)
    rng = np.random.default_rng(1)
    return generator.pretrain(normal, rng).adapt(shots, rng)


@pytest.mark.parametrize("n", [12, 90])
@pytest.mark.parametrize("variance", [0.05, 2.0])
def test_differences_are_posterior_means_under_the_shrunk_covariance(
    n: int, variance: float
) -> None:
    rng = np.random.default_rng(n)
    rows, shots = machine(n, rng), machine(3, rng) + fault_axis()
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    covariance, _ = ledoit_wolf((rows - mean) / std, assume_centered=True)
    expected = (shots - mean) / std @ np.linalg.inv(covariance + variance * np.eye(P)) * variance
    got = NormalDenoiser.fit(rows).differences(shots, variance)
    assert got == pytest.approx(expected * std, rel=1e-6, abs=1e-9)


def test_denoising_at_sigma_is_what_most_reduces_error_among_linear_maps() -> None:
    rng = np.random.default_rng(2)
    denoiser = NormalDenoiser.fit(machine(3000, rng))
    clean, sigma = machine(3000, rng), 0.7
    noisy = clean + sigma / denoiser.scale * rng.standard_normal(clean.shape)

    def error(variance: float) -> float:
        denoised = noisy - denoiser.differences(noisy, variance)
        return float((((denoised - clean) * denoiser.scale) ** 2).mean())

    best = error(sigma**2)
    assert best < 0.5 * sigma**2
    assert best < min(error(sigma**2 * 0.3), error(sigma**2 * 3.0))


def test_size_of_the_fault_is_the_most_probable_one() -> None:
    rng = np.random.default_rng(3)
    rows = machine(30, rng)
    shots = machine(6, rng) + rng.standard_normal((6, P))
    denoiser = NormalDenoiser.fit(rows)
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    covariance, _ = ledoit_wolf((rows - mean) / std, assume_centered=True)
    grid = np.geomspace(1e-3, 10, 400)
    density = [
        multivariate_normal(np.zeros(P), covariance + v * np.eye(P)).logpdf((shots - mean) / std)
        for v in grid
    ]
    best = grid[np.sum(density, axis=1).argmax()]
    assert denoiser.fault_variance(shots) == pytest.approx(best, rel=0.03)


def test_surprise_is_the_mahalanobis_distance() -> None:
    rng = np.random.default_rng(4)
    rows, some = machine(25, rng), rng.standard_normal((5, P))
    std = rows.std(axis=0)
    covariance, _ = ledoit_wolf((rows - rows.mean(axis=0)) / std, assume_centered=True)
    expected = [row / std @ np.linalg.solve(covariance, row / std) for row in some]
    assert NormalDenoiser.fit(rows).surprises(some) == pytest.approx(np.array(expected))


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-4, 1e4), shift=st.floats(-100, 100))
def test_units_do_not_matter(scale: float, shift: float) -> None:
    rng = np.random.default_rng(5)
    rows, shots = machine(20, rng), machine(2, rng) + fault_axis()
    gain = np.where(np.arange(P) == 3, scale, 1.0)
    plain = NormalDenoiser.fit(rows).differences(shots, 0.3)
    other = NormalDenoiser.fit(rows * gain + shift).differences(shots * gain + shift, 0.3)
    assert other / gain == pytest.approx(plain, rel=1e-3, abs=1e-5)


def test_with_the_model_off_it_is_matched_difference_transfer() -> None:
    normal, shots = small_problem()
    plain = build_generator("matched-difference")
    plain.pretrain(normal, np.random.default_rng(1)).adapt(shots, np.random.default_rng(1))
    made = fitted(normal, shots, model="matched").sample(30, np.random.default_rng(2))
    expected = plain.sample(30, np.random.default_rng(2))
    assert np.array_equal(made.x, expected.x)
    assert np.array_equal(made.column("source"), expected.column("source"))


def test_it_recovers_mean_and_covariance_of_differences_better_than_subtraction() -> None:
    rng = np.random.default_rng(6)
    axis, errors = fault_axis(), np.zeros((8, 2, 2))
    for trial in errors:
        normal = feature_set(machine(60, rng), NORMAL)
        size = 6 + rng.standard_normal((5, 1))  # d ~ N(6, 1) along one axis
        shots = feature_set(machine(5, rng) + size * axis, "inner")
        generator = fitted(normal, shots, strength=1.0)
        raw = build_generator("matched-difference").pretrain(normal, rng).adapt(shots, rng)
        for kind, d in enumerate((generator.differences_[:, 0], raw.differences_[:, 0])):
            trial[kind] = (
                np.linalg.norm(d.mean(axis=0) - 6 * axis),
                np.linalg.norm(np.cov(d.T) - np.outer(axis, axis)),
            )
    denoised, subtracted = errors.mean(axis=0)
    assert denoised[0] < 0.95 * subtracted[0]
    assert denoised[1] < 0.75 * subtracted[1]


def test_strength_is_chosen_by_predicting_left_out_shots() -> None:
    rng = np.random.default_rng(12)
    normal, shots = machine(60, rng, minor=1.0), machine(5, rng, minor=1.0) + 4 * fault_axis()
    generator = fitted(feature_set(normal, NORMAL), feature_set(shots, "inner"))
    std = normal.std(axis=0)
    covariance, _ = ledoit_wolf((normal - normal.mean(axis=0)) / std, assume_centered=True)
    precision = np.linalg.inv(covariance)
    size = generator.denoiser_.fault_variance(shots)
    scores = []
    for strength in STRENGTHS[:-1]:
        keep = np.linalg.inv(covariance + strength * size * np.eye(P)) * strength * size
        score = 0.0
        for i in range(5):
            left = (shots[i] - normal.mean(axis=0)) / std
            others = (np.delete(shots, i, axis=0) - normal.mean(axis=0)) / std
            error = left - (others @ keep).mean(axis=0)
            score += np.log(error @ precision @ error) / 5
        scores.append(score)
    enough = [i for i, score in enumerate(scores) if score <= min(scores) + TOLERANCE]
    assert enough[0] > 0 or max(scores) <= min(scores) + TOLERANCE
    assert generator.variance_ == pytest.approx(STRENGTHS[enough[0]] * size, rel=1e-3)


def test_differences_that_all_shots_share_are_kept() -> None:
    rng = np.random.default_rng(7)
    normal = machine(80, rng)
    fault = 3 * machine(1, rng)  # as large as operating conditions, and along them
    same = fault + 0.02 * rng.standard_normal((5, P))
    apart = 3 * machine(5, rng)
    kept, dropped = (
        fitted(feature_set(normal, NORMAL), feature_set(shots, "inner")) for shots in (same, apart)
    )
    size = kept.denoiser_.fault_variance(same), dropped.denoiser_.fault_variance(apart)
    assert kept.variance_ >= size[0] > 0.3 * size[1] >= dropped.variance_


def test_hosts_take_the_differences_of_shots_like_them() -> None:
    rng = np.random.default_rng(8)
    state = np.repeat([0.0, 30.0], 40)  # two operating states
    normal = machine(80, rng) + state[:, None]
    fault = np.stack([fault_axis(), -fault_axis()])  # another difference in each of them
    shots = machine(2, rng) + np.array([[0.0], [30.0]]) + 2 * fault
    config = {"strength": 0.1, "locality": 0.05}
    generator = fitted(feature_set(normal, NORMAL), feature_set(shots, "inner"), **config)
    assert generator.explains_
    made = generator.sample(100, np.random.default_rng(0))
    far = made.rows[:, 0] > 15
    assert (made.column("source") == far.astype(int)).mean() > 0.95


def test_neighbours_explain_against_a_loop() -> None:
    rng = np.random.default_rng(9)
    rows = machine(30, rng).astype(np.float32)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    error = alone = 0.0
    for i, row in enumerate(scaled):
        others = np.delete(scaled, i, axis=0)
        near = np.argsort(((others - row) ** 2).sum(axis=1))[:5]
        error += ((row - others[near].mean(axis=0)) ** 2).sum()
        alone += ((row - others.mean(axis=0)) ** 2).sum()
    assert neighbours_explain(rows, 5) == pytest.approx(1 - error / alone, rel=1e-4)
    assert neighbours_explain(rng.standard_normal((20, 200)).astype(np.float32), 5) < 0.1
    assert neighbours_explain(np.repeat(rows[:5], 6, axis=0), 5) == pytest.approx(1.0)


def graded(k: int, milder: float = 0.5, named: bool = True) -> tuple[WindowSet, WindowSet]:
    """Two grades at severities 5 and 10 from healthy 0; the milder is `milder` times the worse."""
    rng = np.random.default_rng(10)
    normal = feature_set(machine(80, rng), NORMAL, severity=0.0)
    names = ("5", "10") if named else ("mild", "bad")
    parts = [
        feature_set(machine(k, rng) + size * fault_axis(), name, severity=severity)
        for name, severity, size in zip(names, (5.0, 10.0), (6 * milder, 6.0), strict=True)
    ]
    return normal, concat(parts)


def test_grades_lend_from_worse_to_milder_only() -> None:
    normal, shots = graded(4)
    generator = fitted(normal, shots, strength=np.inf)
    assert generator.borrows_
    mild = generator.sample(200, np.random.default_rng(0), label="5")
    bad = generator.sample(50, np.random.default_rng(0), label="10")
    assert set(mild.column("severity").tolist()) == {5.0}
    assert set(bad.column("severity").tolist()) == {10.0}
    assert set(mild.column("source").tolist()) == {-1, 0, 1, 2, 3}
    assert -1 not in bad.column("source")
    along = (mild.rows - normal.rows.mean(axis=0)) @ fault_axis()
    assert along.mean() == pytest.approx(3.0, abs=0.3)


def test_grades_need_names_that_are_severities_or_a_column() -> None:
    normal, shots = graded(3, named=False)
    assert grades(normal, shots, "auto") is None
    assert not fitted(normal, shots).borrows_
    assert grades(normal, shots, "severity").tolist() == [5.0] * 3 + [10.0] * 3
    with pytest.raises(InputError, match="column 'depth' is missing"):
        fitted(normal, shots, severity="depth")
    same = shots.with_columns(severity=0.0)
    with pytest.raises(InputError, match="must differ from healthy"):
        fitted(normal, same, severity="severity")


def test_grades_that_do_not_predict_left_out_shots_are_not_used() -> None:
    normal, shots = graded(6, milder=-1.0)  # the milder fault points the other way
    distance = grades(normal, shots, "auto")
    assert distance is not None
    generator = fitted(normal, shots, strength=0.1)
    assert not generator.borrows_
    assert not grades_agree(generator.differences_[:, 0], shots.labels, distance)


def test_the_gate_is_the_ratio_of_component_variances() -> None:
    rng = np.random.default_rng(11)
    normal = machine(60, rng)[:, None].astype(np.float32)
    made = machine(200, rng)[:, None]
    matched = machine(200, rng)[:, None]
    assert variance_fault(normal, matched, made) is None
    scale, components = block_components(normal)
    wild = made[:, 0] / scale[0]
    wild = wild + 2.0 * ((wild - wild.mean(axis=0)) @ components[30:].T) @ components[30:]
    told = variance_fault(normal, matched, wild[:, None] * scale)
    model = PCA().fit(normal[:, 0] / scale[0])
    expected = (
        model.transform(wild)[:, 30:P].var(axis=0).sum()
        / model.transform(matched[:, 0] / scale[0])[:, 30:P].var(axis=0).sum()
    )
    assert expected > 2
    assert told == f"components 30-{P} have {expected:.2g} times its variance"
    told = variance_fault(normal, matched, 0.5 * made)
    assert told is not None
    assert "components 0-10 have" in told
    assert "times the normals' variance" in told


def test_a_class_that_fails_the_gate_falls_back_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    normal, shots = small_problem()
    noise = np.random.default_rng(0).standard_normal(shots.rows.shape)
    monkeypatch.setattr(NormalDenoiser, "differences", lambda *_: 5 * noise)
    with caplog.at_level(logging.WARNING):
        generator = fitted(normal, shots, strength=0.1)
    assert "class 'inner': matched: components" in caplog.text
    assert generator.routes_["inner"].startswith("matched: components")
    loaded = load_generator(generator.save(tmp_path / "fallen"))
    assert isinstance(loaded, FaultDiffusionDifference)
    assert loaded.routes_ == generator.routes_
    plain = build_generator("matched-difference")
    plain.pretrain(normal, np.random.default_rng(1)).adapt(shots, np.random.default_rng(1))
    for made in (generator, loaded):
        got = made.sample(20, np.random.default_rng(2))
        assert np.array_equal(got.x, plain.sample(20, np.random.default_rng(2)).x)
    assert fitted(normal, shots, strength=0.1, gate=False).routes_ == {"inner": "denoised"}


def test_one_shot_a_class_takes_the_fallback_strength() -> None:
    normal, shots = small_problem(k=1)
    generator = fitted(normal, shots)
    size = generator.denoiser_.fault_variance(shots.rows)
    assert generator.variance_ == pytest.approx(FALLBACK * size)


@pytest.mark.parametrize(
    ("setting", "value"), [("strength", 0.0), ("strength", "loo"), ("raw", 1.5), ("locality", 0.0)]
)
def test_settings_out_of_range_are_named(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"expected {setting} .* got {value!r}"):
        build_generator("faultdiffusion-difference", **{setting: value})
