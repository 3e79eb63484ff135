from __future__ import annotations

from typing import Any

import pytest
import yaml

from faultsyn.errors import InputError
from faultsyn.experiment.arms import Limits
from faultsyn.experiment.controls import control_arms, permute_names
from faultsyn.experiment.study import Study, dump_study, load_study
from faultsyn.resources import available


def test_short_forms_are_resolved(tiny_study: dict[str, Any]) -> None:
    study = load_study(tiny_study)
    assert study.seeds == (0, 1)
    assert [arm.name for arm in study.generators] == ["none", "diff-aug"]
    assert study.generators[1].n_synthetic == 6
    assert study.generators[1].config["scale"] == 0.7
    assert study.classifiers[0].method == "nearest-mean"


def test_a_resolved_study_reads_back(tiny_study: dict[str, Any]) -> None:
    study = load_study({**tiny_study, "leak_gap": ["tiny"], "controls": True})
    assert load_study(yaml.safe_load(dump_study(study))) == study


def test_an_arm_may_change_its_preset(tiny_study: dict[str, Any]) -> None:
    tiny_study["generators"] = [{"preset": "diff-aug", "name": "big", "config": {"scale": 2.0}}]
    arm = load_study(tiny_study).generators[0]
    assert (arm.name, arm.method, arm.config["scale"]) == ("big", "diff-aug", 2.0)
    assert arm.config["space"] == "features"


def test_private_arms_take_their_noise_from_the_seed_unless_told(
    tiny_study: dict[str, Any],
) -> None:
    """Rows must be repeatable, and a study releases no windows."""
    paper = {"method": "faultdiffusion-paper", "n_synthetic": 5}
    step = {"pretrain": {"epsilon": 1.0}}
    arms = [
        "dp-merf-eps1",
        {"preset": "dp-merf-eps1", "name": "secret", "config": {"secret": True}},
        {**paper, "config": {"privacy": step}},
        {"preset": "oversample"},
    ]
    study = load_study({**tiny_study, "generators": arms})
    configs = [arm.config for arm in study.generators]
    assert [config.get("secret") for config in configs] == [False, True, None, None]
    assert configs[2]["privacy"] == {"pretrain": {"epsilon": 1.0, "secret": False}}
    assert load_study(yaml.safe_load(dump_study(study))) == study


def test_limits() -> None:
    assert Limits().allow("t", "all", 3, range(5))
    assert [s for s in range(5) if Limits(seeds=2).allow("t", 1, s, range(5))] == [0, 1]
    assert [s for s in range(5) if Limits(seeds=(1, 4)).allow("t", 1, s, range(5))] == [1, 4]
    assert not Limits(k=(1,)).allow("t", "all", 0, range(5))
    assert Limits(k=("all",)).allow("t", "all", 0, range(5))
    assert not Limits(tasks=("u",)).allow("t", 1, 0, range(5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"genrators": []}, r"unknown key 'genrators'.*did you mean 'generators'"),
        ({"generators": ["diff-agu"]}, r"did you mean 'diff-aug'"),
        ({"generators": [{"preset": "none", "amount": 3}]}, "unknown key 'amount'"),
        ({"classifiers": ["diff-aug"]}, "expected a classifier, got a generator"),
        ({"generators": "none"}, "expected a list"),
        (
            {"classifiers": [{"method": "lda", "representation": {"dorp": 2}}]},
            "did you mean 'drop'",
        ),
        ({"generators": ["none", "none"]}, "'none' stands twice"),
        ({"leak_gap": ["tniy"]}, "did you mean 'tiny'"),
        ({"classifiers": []}, "classifiers"),
        ({"classifiers": [{"method": "lda", "generators": ["nnoe"]}]}, "did you mean 'none'"),
        ({"seeds": 0}, "seeds"),
        ({"tasks": [{"task": "tepp"}]}, "did you mean 'tep'"),
    ],
)
def test_a_wrong_study_says_what_is_wrong(
    tiny_study: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_study({**tiny_study, **change})


def test_a_named_task_takes_overrides(tiny_study: dict[str, Any]) -> None:
    study = load_study({**tiny_study, "tasks": [{"task": "tep", "k": [3], "name": "tep-three"}]})
    assert (study.tasks[0].name, study.tasks[0].k) == ("tep-three", (3,))


def test_controls_use_a_feature_classifier(tiny_study: dict[str, Any]) -> None:
    arms = control_arms(load_study(tiny_study))
    assert [arm.control for arm in arms] == ["shuffled labels", "metadata only"]
    assert all(arm.name.startswith("control: ") for arm in arms)


def test_permuted_names_are_a_permutation_that_spares_normal() -> None:
    import numpy as np

    for seed in range(20):
        names = permute_names(("normal", "a", "b", "c"), np.random.default_rng(seed))
        assert names["normal"] == "normal"
        assert sorted(names.values()) == sorted(names)
        assert all(names[c] != c for c in "abc")


@pytest.mark.parametrize("name", available("experiments"))
def test_every_study_file_is_valid(name: str) -> None:
    study = load_study(name)
    assert isinstance(study, Study)
    assert study.name == name
    assert study.about
