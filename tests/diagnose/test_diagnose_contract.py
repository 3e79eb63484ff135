"""The contract that every registered classifier keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from diagnose_sets import SEVERITY, quick, sets, windows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from faultsyn.diagnose import CLASSIFIERS, FewShotClassifier, build_classifier, load_classifier
from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

pytest.importorskip("aeon", reason="MiniRocket needs the extra `rocket`")

every = pytest.mark.parametrize("name", CLASSIFIERS)
NETWORKS = tuple(n for n, made in CLASSIFIERS.items() if issubclass(made, NetworkClassifier))
ORDER_MATTERS = (*NETWORKS, "random-forest", "extra-trees", "minirocket")
"""Draws of batches or trees, or float32 sums, follow the order of classes."""

_fitted: dict[str, FewShotClassifier] = {}


def fitted(name: str) -> FewShotClassifier:
    """Meta-fitted on normals and fitted once; tests must not fit it again."""
    if name not in _fitted:
        base, support, _ = sets(name)
        rng = np.random.default_rng(1)
        _fitted[name] = quick(name).meta_fit(base, rng).fit(support, rng)
    return _fitted[name]


def _numpy_state() -> NDArray[np.uint32]:
    return np.random.get_state()[1].copy()  # noqa: NPY002  the test watches it


@every
def test_probabilities_are_proper_and_right_on_an_easy_problem(name: str) -> None:
    query = sets(name)[2]
    proba = fitted(name).predict_proba(query)
    assert proba.shape == (len(query), 3)
    assert proba.dtype == np.float64
    assert fitted(name).classes_ == ("mild", "normal", "severe")
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    assert proba.min() >= 0
    assert (fitted(name).predict(query) == query.labels).mean() >= 0.8


@every
def test_equal_rng_gives_equal_answers_whatever_the_global_state(name: str) -> None:
    import torch

    base, support, query = sets(name)
    rng = np.random.default_rng(1)
    torch.manual_seed(99)
    before, threads, numpy_before = torch.get_rng_state(), torch.get_num_threads(), _numpy_state()
    again = quick(name).meta_fit(base, rng).fit(support, rng).predict_proba(query)
    np.testing.assert_array_equal(again, fitted(name).predict_proba(query))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(_numpy_state(), numpy_before)


@every
def test_a_second_fit_forgets_the_first_support(name: str) -> None:
    base, support, query = sets(name)
    other = sets(name, seed=7)[1]
    rng = np.random.default_rng(3)
    twice = quick(name).meta_fit(base, np.random.default_rng(1)).fit(other, rng)
    twice.fit(support, np.random.default_rng(2))
    once = quick(name).meta_fit(base, np.random.default_rng(1))
    once.fit(support, np.random.default_rng(2))
    np.testing.assert_array_equal(twice.predict_proba(query), once.predict_proba(query))


@every
def test_saved_and_loaded_is_the_same_and_can_be_fitted_again(name: str, tmp_path: Path) -> None:
    _, support, query = sets(name)
    made = fitted(name)
    loaded = load_classifier(made.save(tmp_path / "a"))
    assert type(loaded) is type(made)
    assert loaded.config() == made.config()
    np.testing.assert_array_equal(loaded.predict_proba(query), made.predict_proba(query))
    refitted = loaded.fit(support, np.random.default_rng(2)).predict_proba(query)
    fresh = quick(name).meta_fit(sets(name)[0], np.random.default_rng(1))
    expected = fresh.fit(support, np.random.default_rng(2)).predict_proba(query)
    np.testing.assert_allclose(refitted, expected, atol=1e-6)


@every
def test_meta_training_is_saved_before_any_fit_where_it_is_costly(
    name: str, tmp_path: Path
) -> None:
    base, support, query = sets(name)
    made = quick(name).meta_fit(base, np.random.default_rng(1))
    if not made.costly:
        with pytest.raises(InputError, match="call fit"):
            made.save(tmp_path / "a")
        return
    loaded = load_classifier(made.save(tmp_path / "a"))
    with pytest.raises(InputError, match="call fit"):
        loaded.predict_proba(query)
    for shots in (sets(name, seed=7)[1], support):
        one = made.fit(shots, np.random.default_rng(2)).predict_proba(query)
        other = loaded.fit(shots, np.random.default_rng(2)).predict_proba(query)
        np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize("name", ["lda", "random-forest", "minirocket", "matching", "maml"])
def test_another_process_gives_the_same_diagnosis(name: str, tmp_path: Path) -> None:
    query = sets(name)[2]
    fitted(name).save(tmp_path / "a")
    np.save(tmp_path / "x.npy", query.x)
    script = (
        "import sys, numpy as np\n"
        "from faultsyn.diagnose import load_classifier\n"
        "from faultsyn.windows import WindowSet\n"
        "folder = sys.argv[1]\n"
        "made = load_classifier(folder + '/a')\n"
        "x = np.load(folder + '/x.npy', allow_pickle=False)\n"
        "table = {'label': np.full(len(x), '')}\n"
        "query = WindowSet(x, table, made.rate_, made.channels_)\n"
        "np.save(folder + '/p.npy', made.predict_proba(query))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=600)
    answer = np.load(tmp_path / "p.npy", allow_pickle=False)
    np.testing.assert_allclose(answer, fitted(name).predict_proba(query), atol=1e-6)


@every
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chosen=st.lists(st.integers(0, 17), min_size=1, max_size=6), gain=st.sampled_from([1, 100]))
def test_one_query_does_not_depend_on_the_others(name: str, chosen: list[int], gain: int) -> None:
    query = sets(name)[2]
    together = fitted(name).predict_proba(query)[chosen]
    crowd = query.take(chosen)
    crowd = crowd.with_x(np.concatenate([crowd.x[:1], gain * crowd.x[1:]]).astype(np.float32))
    among_others = fitted(name).predict_proba(crowd)
    np.testing.assert_allclose(among_others[0], together[0], atol=1e-5)


@every
def test_permuted_class_names_permute_the_answer(name: str) -> None:
    base, support, query = sets(name)
    renamed = {"normal": "normal", "mild": "severe", "severe": "mild"}
    swapped = support.with_columns(label=np.array([renamed[label] for label in support.labels]))
    rng = np.random.default_rng(1)
    made = quick(name).meta_fit(base, rng).fit(swapped, rng)
    plain, other = fitted(name).predict_proba(query), made.predict_proba(query)
    back = other[:, [made.classes_.index(renamed[c]) for c in fitted(name).classes_]]
    if name in ORDER_MATTERS:
        assert (back.argmax(axis=1) == plain.argmax(axis=1)).mean() >= 0.8
    else:
        np.testing.assert_allclose(back, plain, atol=1e-6)


@every
def test_one_shot_a_class_works(name: str) -> None:
    base, support, query = sets(name, n_fault=1)
    rng = np.random.default_rng(1)
    for made in (quick(name).meta_fit(base, rng), quick(name)):
        proba = made.fit(support, rng).predict_proba(query)
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)


@every
def test_one_window_of_every_class_works_or_says_why_not(name: str) -> None:
    _, support, query = sets(name, n_fault=1)
    first = support.take(np.unique(support.labels, return_index=True)[1])
    rng = np.random.default_rng(1)
    if name == "ordinal-ridge":
        with pytest.raises(InputError, match=r"1 normal windows of .*give normal windows"):
            quick(name).fit(first, rng)
        return
    proba = quick(name).fit(first, rng).predict_proba(query)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)


def _changed(windows: WindowSet, how: str) -> WindowSet:
    """Features or channels made constant, or a million times larger than the others."""
    x = windows.x.copy()
    part = x[:, :, ::7] if len(windows.channels) == 1 else x[:, :1]
    part[:] = 4.2 if how == "constant" else part * 1e6
    return windows.with_x(x)


@every
@pytest.mark.parametrize("how", ["constant", "scale"])
@pytest.mark.filterwarnings("ignore:Ill-conditioned matrix")
def test_a_constant_or_a_huge_channel_does_no_harm(name: str, how: str) -> None:
    base, support, query = (_changed(part, how) for part in sets(name))
    rng = np.random.default_rng(1)
    made = quick(name).meta_fit(base, rng).fit(support, rng)
    proba = made.predict_proba(query)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    if how == "constant" or quick(name).consumes == "windows":
        assert (made.predict(query) == query.labels).mean() >= 0.6


@every
def test_bad_input_is_refused_by_name(name: str) -> None:
    base, support, query = sets(name)
    rng = np.random.default_rng(1)
    channel = support.channels[-1]
    hurt = support.with_x(np.where(np.arange(len(support))[:, None, None] == 3, np.nan, support.x))
    with pytest.raises(InputError, match=f"{name}.fit: window 3.*NaN"):
        quick(name).fit(hurt, rng)
    with pytest.raises(InputError, match="needs at least two classes"):
        quick(name).fit(support.of("normal"), rng)
    with pytest.raises(InputError, match="call fit"):
        quick(name).predict_proba(query)
    with pytest.raises(InputError, match="call fit"):
        quick(name).save("nowhere")
    with pytest.raises(InputError, match="without windows"):
        quick(name).meta_fit(base.take([]), rng)
    short = query.with_x(query.x[:, :, :-1])
    with pytest.raises(InputError, match=f"{name}.predict_proba: expected"):
        fitted(name).predict_proba(short)
    renamed = query.with_x(query.x, channels=tuple(f"{c}'" for c in query.channels))
    with pytest.raises(InputError, match=f"{channel}'"):
        fitted(name).predict_proba(renamed)
    assert fitted(name).predict_proba(query.take([])).shape == (0, 3)


@pytest.mark.parametrize("name", [n for n in CLASSIFIERS if quick(n).consumes == "windows"])
def test_a_window_shorter_than_the_receptive_field_is_refused(name: str) -> None:
    support = sets(name)[1]
    with pytest.raises(InputError, match=r"needs windows of at least \d+ samples, got 8"):
        quick(name).fit(support.with_x(support.x[:, :, :8]), np.random.default_rng(1))


@every
def test_synthetic_windows_are_welcome_in_the_support(name: str) -> None:
    base, support, query = sets(name)
    rng = np.random.default_rng(1)
    copies = support.labels != "normal"
    both = support.take(np.concatenate([np.arange(len(support)), np.flatnonzero(copies)]))
    both = both.with_columns(synthetic=np.arange(len(both)) >= len(support))
    made = quick(name).meta_fit(base, rng).fit(both, rng)
    assert (made.predict(query) == query.labels).mean() >= 0.7


@every
def test_an_unknown_setting_or_a_bad_value_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match="has no setting 'no_such_thing'"):
        build_classifier(name, no_such_thing=1)
    for key, value in quick(name).config().items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            with pytest.raises(InputError, match=f"{name}: expected {key} to be"):
                build_classifier(name, **{key: -1})


def test_names_are_registered_and_the_nearest_is_offered() -> None:
    assert all(name == made.name for name, made in CLASSIFIERS.items())
    with pytest.raises(InputError, match="did you mean 'random-forest'"):
        build_classifier("random-forrest")


def test_severity_levels_match_the_set() -> None:
    made = windows(2, 2, np.random.default_rng(0))
    assert {
        (str(label), float(level))
        for label, level in zip(made.labels, made.column("severity"), strict=True)
    } == set(SEVERITY.items())
