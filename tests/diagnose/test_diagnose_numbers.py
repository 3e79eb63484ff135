"""Classifiers against independent implementations and plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diagnose_sets import features, windows
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf, shrunk_covariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV

from faultsyn.diagnose import build_classifier
from faultsyn.diagnose.folds import shot_folds
from faultsyn.diagnose.linear import sample_weights
from faultsyn.diagnose.ordinal_ridge import _leave_one_out, _ridge
from faultsyn.diagnose.scaling import ChannelScaler, RowWhitener
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet, concat


@pytest.fixture(scope="module")
def support() -> WindowSet:
    return features(windows(9, 9, np.random.default_rng(3)))


@pytest.fixture(scope="module")
def query() -> WindowSet:
    return features(windows(20, 20, np.random.default_rng(4)))


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("solver", ["lsqr", "eigen"])
@pytest.mark.parametrize("shrinkage", [0.003, 0.3])
def test_lda_is_scikit_learns_where_classes_have_equal_counts(
    support: WindowSet, query: WindowSet, solver: str, shrinkage: float
) -> None:
    made = build_classifier("lda", shrinkage=shrinkage, target="identity").fit(support, rng())
    theirs = LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage, priors=[1 / 3] * 3)
    theirs.fit(support.rows.astype(np.float64), support.labels)
    expected = theirs.predict_proba(query.rows.astype(np.float64))
    np.testing.assert_allclose(made.predict_proba(query), expected, atol=1e-5)


@pytest.mark.parametrize("target", ["identity", "diagonal"])
def test_lda_pools_what_is_left_around_class_means_and_shrinks_it(
    support: WindowSet, query: WindowSet, target: str
) -> None:
    """Uneven classes, a base set of normals, Ledoit-Wolf: against scikit-learn's covariances."""
    few = support.take(np.r_[0:9, 9:12, 18:20])
    base = features(windows(0, 40, np.random.default_rng(8)))
    made = build_classifier("lda", target=target).meta_fit(base, rng()).fit(few, rng())
    rows = few.rows.astype(np.float64)
    means = np.stack([rows[few.labels == c].mean(axis=0) for c in made.classes_])
    around = [base.rows.astype(np.float64) - base.rows.astype(np.float64).mean(axis=0)]
    around += [rows[few.labels == c] - means[i] for i, c in enumerate(made.classes_) if i != 1]
    left = np.concatenate(around)
    scale = np.sqrt((left**2).mean(axis=0)) if target == "diagonal" else np.ones(left.shape[1])
    covariance, shrinkage = ledoit_wolf(left / scale, assume_centered=True)
    inverse = np.linalg.inv(covariance)
    scores = np.array(
        [
            [m @ inverse @ q - 0.5 * m @ inverse @ m for m in means / scale]
            for q in query.rows / scale
        ]
    )
    assert made.shrinkage_ == pytest.approx(shrinkage)
    expected = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(made.predict_proba(query), expected, atol=1e-5)


def test_lda_does_not_change_when_a_feature_changes_its_unit(
    support: WindowSet, query: WindowSet
) -> None:
    gain = np.geomspace(1e-3, 1e3, support.rows.shape[1])
    plain = build_classifier("lda").fit(support, rng()).predict_proba(query)
    scaled = build_classifier("lda").fit(support.as_features(support.rows * gain), rng())
    other = scaled.predict_proba(query.as_features(query.rows * gain))
    np.testing.assert_allclose(other, plain, atol=1e-4)


def test_lda_chooses_its_shrinkage_on_real_shots_only(support: WindowSet) -> None:
    copies = support.with_columns(synthetic=True)
    alone = build_classifier("lda", shrinkage="cv").fit(support, rng())
    with_copies = build_classifier("lda", shrinkage="cv")
    with_copies.fit(concat([support.with_columns(synthetic=False), copies]), rng())
    assert with_copies.shrinkage_ == alone.shrinkage_


def test_fixed_shrinkage_is_shrunk_covariance(support: WindowSet) -> None:
    rows = support.rows.astype(np.float64)
    left = np.concatenate(
        [rows[support.labels == c] - rows[support.labels == c].mean(0) for c in set(support.labels)]
    )
    made = build_classifier("lda", shrinkage=0.2, target="identity").fit(support, rng())
    expected = np.linalg.inv(shrunk_covariance(left.T @ left / len(left), 0.2))
    first = rows[support.labels == made.classes_[0]].mean(axis=0)
    np.testing.assert_allclose(made.coef_[:, 0], expected @ first, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("random-forest", RandomForestClassifier), ("extra-trees", ExtraTreesClassifier)],
)
def test_trees_as_arrays_give_scikit_learns_probabilities(
    support: WindowSet, query: WindowSet, name: str, theirs: type, tmp_path: Path
) -> None:
    made = build_classifier(name, n_trees=30).fit(support, rng())
    forest = theirs(30, random_state=int(rng().integers(2**31))).fit(support.rows, support.labels)
    expected = forest.predict_proba(query.rows)
    assert expected.mean(axis=0).min() > 0.05
    np.testing.assert_allclose(made.predict_proba(query), expected, atol=1e-6)
    loaded = type(made).load(made.save(tmp_path / "forest"))
    np.testing.assert_allclose(loaded.predict_proba(query), expected, atol=1e-6)


@pytest.mark.parametrize("classes", [["normal", "severe"], ["normal", "mild", "severe"]])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_logistic_regression_is_scikit_learns(
    support: WindowSet, query: WindowSet, classes: list[str], class_weight: str | None
) -> None:
    part = support.take(np.isin(support.labels, classes)).take(slice(4, None))
    made = build_classifier("logistic-regression", class_weight=class_weight).fit(part, rng())
    theirs = LogisticRegression(class_weight=class_weight, max_iter=1000)
    theirs.fit(part.rows.astype(np.float64), part.labels)
    expected = theirs.predict_proba(query.rows.astype(np.float64))
    np.testing.assert_allclose(made.predict_proba(query), expected, atol=1e-6)


@pytest.mark.parametrize("classes", [["normal", "severe"], ["normal", "mild", "severe"]])
def test_ridge_decides_like_scikit_learn(
    support: WindowSet, query: WindowSet, classes: list[str]
) -> None:
    part = support.take(np.isin(support.labels, classes)).take(slice(4, None))
    made = build_classifier("ridge").fit(part, rng())
    theirs = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
    theirs.fit(part.rows.astype(np.float64), part.labels)
    np.testing.assert_array_equal(made.predict(query), theirs.predict(query.rows))


def test_nearest_mean_against_a_loop(support: WindowSet, query: WindowSet) -> None:
    made = build_classifier("nearest-mean", temperature=0.5).fit(support, rng())
    means, spreads = [], []
    for label in made.classes_:
        rows = support.of(label).rows.astype(np.float64)
        means.append(rows.mean(axis=0))
        spreads.append(rows.var(axis=0, ddof=1).sum())
    for row, proba in zip(query.rows[:5], made.predict_proba(query)[:5], strict=True):
        powers = [np.exp(-((row - m) ** 2).sum() / (0.5 * np.mean(spreads))) for m in means]
        np.testing.assert_allclose(proba, np.array(powers) / sum(powers), rtol=1e-6)


def test_leave_one_out_of_ordinal_ridge_against_refitting(support: WindowSet) -> None:
    rows = support.rows.astype(np.float64)
    targets = np.asarray(support.column("severity"), np.float64)
    codes = targets.astype(np.intp)
    keep = np.r_[0:9, 9:12, 18:20]
    rows, targets, codes = rows[keep], targets[keep], codes[keep]
    weights = sample_weights(codes, "balanced") / len(codes)
    alphas = np.array([1e-3, 1e-1, 10.0])
    shortcut = _leave_one_out(rows, targets, weights, alphas)
    for i in range(len(rows)):
        others = np.arange(len(rows)) != i
        for j, alpha in enumerate(alphas):
            coef, offset = _ridge(rows[others], targets[others], weights[others], float(alpha))
            assert rows[i] @ coef + offset == pytest.approx(shortcut[i, j], abs=1e-7)


def _ordered(levels: dict[str, float], made: NDArray[np.float64]) -> WindowSet:
    labels = np.repeat(list(levels), 6)
    severity = np.array([levels[label] for label in labels])
    windows = WindowSet(
        np.zeros((len(labels), 1, 4), np.float32),
        {"label": labels, "severity": severity},
        float("nan"),
        ("features",),
    )
    return windows.as_features(severity[:, None] * 0.1 + made)


@pytest.mark.parametrize("spacing", ["rank", "severity"])
def test_ordinal_ridge_reads_the_order_from_the_severity_not_the_name(spacing: str) -> None:
    """A class between two others along one direction, which one-against-rest cannot cut out."""
    levels = {"a": 130.0, "b": 90.0, "c": 100.0, "d": 115.0}
    noise = np.random.default_rng(0).normal(0, 0.1, (24, 3))
    made = build_classifier("ordinal-ridge", drop=None, spacing=spacing)
    made.fit(_ordered(levels, noise), rng())
    query = _ordered(levels, np.random.default_rng(1).normal(0, 0.1, (24, 3)))
    assert (made.predict(query) == query.labels).all()
    ridge = build_classifier("ridge").fit(_ordered(levels, noise), rng())
    assert (ridge.predict(query) == query.labels).mean() < 0.8


def test_ordinal_ridge_refuses_what_has_no_order(support: WindowSet) -> None:
    make = build_classifier
    with pytest.raises(InputError, match="no column 'wear'"):
        make("ordinal-ridge", column="wear").fit(support, rng())
    with pytest.raises(InputError, match="'recording' is not numeric"):
        make("ordinal-ridge", column="recording").fit(support, rng())
    mixed = support.with_columns(severity=np.arange(len(support), dtype=float))
    with pytest.raises(InputError, match="expected one severity for class 'mild'"):
        make("ordinal-ridge").fit(mixed, rng())
    same = support.with_columns(severity=1.0)
    with pytest.raises(InputError, match="'mild' and 'normal' have the same severity 1"):
        make("ordinal-ridge").fit(same, rng())


def test_minirocket_computes_aeons_features_after_loading(tmp_path: Path) -> None:
    pytest.importorskip("aeon", reason="needs the extra `rocket`")
    from aeon.transformations.collection.convolution_based import MiniRocket

    support = windows(4, 4, np.random.default_rng(3))
    made = build_classifier("minirocket", n_kernels=504).fit(support, rng())
    loaded = type(made).load(made.save(tmp_path / "rocket"))
    scaled = ChannelScaler.fit(support).apply(support.x)
    theirs = MiniRocket(504, random_state=int(rng().integers(2**31))).fit_transform(scaled)
    np.testing.assert_array_equal(loaded.rocket_.transform(scaled), theirs)


def test_scaler_knows_normals_and_silences_constants() -> None:
    made = windows(5, 8, np.random.default_rng(3))
    x = made.x.copy()
    x[:, 1] = 1e6 + 3.3
    scaler = ChannelScaler.fit(made.with_x(x))
    normal = made.of("normal").x[:, 0].astype(np.float64)
    np.testing.assert_allclose(scaler.mean[0], normal.mean())
    np.testing.assert_allclose(scaler.gain, [1 / normal.std(), 0.0])
    out = scaler.apply(x)
    z = (x[:, 0] - normal.mean()) / normal.std()
    np.testing.assert_allclose(out[:, 0], 3 * np.arcsinh(z / 3), rtol=1e-4, atol=1e-5)
    assert (out[:, 1] == 0).all()


def test_balanced_weights_give_every_class_the_same_total() -> None:
    codes = np.array([0, 0, 0, 0, 1, 2, 2])
    totals = np.bincount(codes, sample_weights(codes, "balanced"))
    np.testing.assert_allclose(totals, totals[0])
    np.testing.assert_array_equal(sample_weights(codes, None), 1)


def test_shot_folds_hold_out_every_shot_once_and_leave_each_class_one() -> None:
    codes = np.repeat([0, 1, 2], [7, 2, 1])
    folds = shot_folds(codes, 3, rng())
    np.testing.assert_array_equal(np.sum(folds, axis=0), [1] * 9 + [0])
    for held in folds:
        assert set(codes[~held]) == {0, 1, 2}
    assert shot_folds(np.array([0, 1, 2]), 3, rng()) == []
    assert shot_folds(np.array([0, 0, 1, 1]), 3, rng()) == []


def test_whitened_rows_have_unit_covariance_within_classes_and_keep_what_parts_them() -> None:
    draw = rng()
    mix = np.eye(6) + 0.3 * draw.normal(size=(6, 6))  # nothing near the floor of the shrinkage
    labels = np.repeat(["a", "b", "c"], 2000)
    centres = np.repeat(draw.normal(0, 5, (3, 6)), 2000, axis=0)
    blank = windows(2000, 2000, draw).with_columns(label=labels)
    rows = blank.as_features(centres + draw.normal(size=(6000, 6)) @ mix)
    made = RowWhitener.fit(rows).apply(rows.x)[:, 0]
    around = made - np.concatenate([np.tile(made[labels == c].mean(0), (2000, 1)) for c in "abc"])
    np.testing.assert_allclose(around.T @ around / 6000, np.eye(6), atol=0.05)
    assert np.abs(made[labels == "a"].mean(0) - made[labels == "b"].mean(0)).max() > 1
