"""What every learner must keep beside the contract: controls, impossible episodes."""

from __future__ import annotations

import numpy as np
import pytest
from diagnose_sets import features, quick, windows
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.diagnose import CLASSIFIERS, build_classifier
from faultsyn.diagnose.episodes import EpisodeSampler
from faultsyn.diagnose.meta_network import MetaNetwork
from faultsyn.diagnose.tasks import draw_tasks
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

META = [name for name, made in CLASSIFIERS.items() if issubclass(made, MetaNetwork)]
LEARNERS = (*META, "fine-tuned-cnn", "baseline-plus")
learners = pytest.mark.parametrize("name", LEARNERS)

_PLAIN = {"encoder": "features", "width": 8, "dim": 8}


def _learner(name: str) -> MetaNetwork:
    steps = 20 if name in META else 60
    config = {**quick(name).config(), **_PLAIN, "base_steps": 15, "steps": steps}
    made = build_classifier(name, **config)
    assert isinstance(made, CLASSIFIERS[name])
    return made  # type: ignore[return-value]  # narrowed by the registry


def _classes(n: int, of_each: int, rng: np.random.Generator, shift: float = 0.0) -> WindowSet:
    """Classes a, b, ... of rows around centres that depend on `shift` only."""
    centres = np.random.default_rng(int(shift * 10)).normal(0, 3, (n, 20))
    labels = np.repeat([chr(97 + i) for i in range(n)], of_each)
    rows = np.repeat(centres, of_each, axis=0) + rng.standard_normal((len(labels), 20))
    blank = WindowSet(
        np.zeros((len(labels), 1, 4), np.float32),
        {"label": labels, "recording": np.array([f"r{i}" for i in range(len(labels))])},
        100.0,
        ("a",),
    )
    return blank.as_features(rows)


@learners
def test_learns_novel_classes_after_a_base_set_and_chance_from_shuffled_labels(name: str) -> None:
    rng = np.random.default_rng(0)
    base = _classes(6, 12, rng)
    scores: dict[str, list[float]] = {"right": [], "shuffled": []}
    made = _learner(name).meta_fit(base, rng)
    for seed in range(5):
        draw = np.random.default_rng(seed)
        support, query = _classes(4, 5, draw, 0.5), _classes(4, 20, draw, 0.5)
        scores["right"].append(
            float((made.fit(support, draw).predict(query) == query.labels).mean())
        )
        shuffled = support.with_columns(label=draw.permutation(support.labels))
        guess = made.fit(shuffled, draw).predict(query)
        scores["shuffled"].append(float((guess == query.labels).mean()))
    assert np.mean(scores["right"]) > 0.8
    # Shuffling leaves 5 shots a class that name the classes at random: 0.25 +- 0.09 over 5 draws.
    assert np.mean(scores["shuffled"]) < 0.25 + 3 * 0.09


@learners
def test_names_of_classes_carry_nothing(name: str) -> None:
    """With names that sort alike, renaming changes no number; with others, no decision."""
    rng = np.random.default_rng(3)
    base, support, query = _classes(4, 8, rng), _classes(3, 4, rng, 0.5), _classes(3, 6, rng, 0.5)

    def proba(base: WindowSet, support: WindowSet) -> np.ndarray:
        draw = np.random.default_rng(1)
        return _learner(name).meta_fit(base, draw).fit(support, draw).predict_proba(query)

    renamed = [s.with_columns(label=np.char.add("class ", s.labels)) for s in (base, support)]
    plain = proba(base, support)
    np.testing.assert_array_equal(proba(*renamed), plain)
    other = {"a": "z", "b": "y", "c": "x"}
    turned = support.with_columns(label=np.array([other[label] for label in support.labels]))
    back = proba(base, turned)[:, ::-1]
    assert (back.argmax(axis=1) == plain.argmax(axis=1)).mean() > 0.8


@learners
def test_a_base_set_of_one_class_is_no_error(name: str) -> None:
    rng = np.random.default_rng(0)
    normals, support = windows(0, 6, rng), windows(2, 4, rng)
    one = normals.take([0])
    for base in (normals, one):
        for view in (lambda made: made, features):
            config = {**quick(name).config(), "base_steps": 2, "steps": 2}
            if view is features:
                config["encoder"] = "features"
            if name in META:
                config["pseudo"] = 2
            made = build_classifier(name, **config).meta_fit(view(base), rng)
            assert np.isfinite(made.fit(view(support), rng).predict_proba(view(support))).all()


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    way=st.integers(2, 6),
    shot=st.none() | st.integers(1, 5),
    recordings=st.integers(1, 3),
)
def test_no_set_of_two_classes_is_refused(
    sizes: list[int], way: int, shot: int | None, recordings: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    groups = np.arange(len(labels)) % recordings
    rng = np.random.default_rng(0)
    made = draw_tasks(labels, groups, 4, way=way, batch=2 * way + 3, shot=shot, rng=rng)
    assert made.support.shape[:2] == (4, min(way, len(sizes)))
    assert made.query.shape[2] >= 1
    single = {int(np.flatnonzero(labels == c)[0]) for c, n in enumerate(sizes) if n == 1}
    for support, query in zip(made.support, made.query, strict=True):
        both = set(support.ravel().tolist()) & set(query.ravel().tolist())
        assert both <= single
        assert (labels[support] == labels[query][:, :1]).all()


def test_impossible_episodes_are_refused_by_name() -> None:
    labels = np.repeat(["a", "b"], [6, 3])
    with pytest.raises(InputError, match="class 'b' has 3 windows, 5 support and 1 query"):
        EpisodeSampler(labels, way=2, shot=5, query=1)
    with pytest.raises(InputError, match="2 classes asked for, the set has 1"):
        EpisodeSampler(labels[:6], way=2, shot=1, query=1)
    rng = np.random.default_rng(0)
    one = _classes(1, 4, rng)
    for name in LEARNERS:
        with pytest.raises(InputError, match="needs at least two classes"):
            _learner(name).fit(one, rng)


def test_a_query_of_a_class_without_shots_is_one_of_the_known_ones() -> None:
    """Probabilities are over the support's classes; the study scores such a query as an error."""
    rng = np.random.default_rng(0)
    support, query = _classes(2, 4, rng), _classes(3, 2, rng)
    made = _learner("prototypical").fit(support, rng)
    assert made.predict_proba(query).shape == (6, 2)
    assert set(made.predict(query)) <= {"a", "b"}
