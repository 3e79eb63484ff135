"""Arms: who is compared with whom, and what is kept out of the comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_rows import result_row, study_rows

from faultsyn.errors import InputError
from faultsyn.experiment.results import Results
from faultsyn.experiment.split import folds_of
from faultsyn.experiment.task import Split
from faultsyn.report.arms import Arm, Arms, k_order, points, short, shots, unit_of
from faultsyn.report.roles import missing_bars, role_of
from faultsyn.report.summary import summary_table


def _arms(rows: list[dict[str, Any]], **options: Any) -> Arms:
    return Arms(Results.of(rows), **options)


def test_roles_come_from_the_method() -> None:
    assert role_of("none") == "nothing"
    assert role_of("diff-aug-signal") == role_of("oversample") == "bar"
    assert role_of("real-windows") == "reference"
    assert role_of("wavelet") == role_of("faultdiffusion") == "candidate"
    assert missing_bars(["oversample", "diff-aug", "physics-safe-process"]) == (
        "matched difference transfer",
    )
    rows = [result_row(generator="mine"), result_row(generator="none")]
    assert _arms(rows).role("mine") == "candidate"
    assert _arms(rows, methods={"mine": "diff-aug"}).role("mine") == "bar"


def test_k_is_ordered_by_number_and_all_is_last() -> None:
    assert sorted(["all", "20", "5", "1"], key=k_order) == ["1", "5", "20", "all"]
    assert [shots(k) for k in ("1", "5", "all")] == ["1 shot", "5 shots", "all windows"]
    assert points(-0.012) == "−1.2"


def test_controls_failures_and_undefined_scores_are_no_arms() -> None:
    rows = [
        result_row(classifier="control: shuffled labels"),
        result_row(status="generator: too short", balanced_accuracy=float("nan")),
        result_row(group="bearing-2"),
    ]
    arms = _arms(rows)
    assert len(arms) == 1
    assert arms.groups(arms.settings[0]) == ["bearing-2"]
    assert len(_arms(rows, controls=True)) == 1


def test_two_rows_of_one_place_are_refused() -> None:
    with pytest.raises(InputError, match="two rows for task 'rig', K = 5, group 'bearing-1'"):
        _arms([result_row(), result_row(balanced_accuracy=0.9)])


def test_an_arm_that_failed_on_the_hard_group_is_never_best() -> None:
    rows = [
        result_row(group=group, seed=seed, classifier=classifier, balanced_accuracy=score)
        for seed in range(3)
        for group, scores in (("easy", (0.9, 0.8)), ("hard", (None, 0.3)))
        for classifier, score in zip(("picky", "steady"), scores, strict=True)
        if score is not None
    ]
    arms = _arms(rows)
    setting = arms.settings[0]
    picky, steady = (Arm(setting, "5", "none", name) for name in ("picky", "steady"))
    assert arms.summary(picky).mean > arms.summary(steady).mean
    assert not arms.is_complete(picky)
    assert arms.best(setting, "5", ("nothing",)) == steady


def test_fewer_seeds_on_all_groups_is_complete() -> None:
    rows = [result_row(group=g, seed=s) for g in "ab" for s in range(5)]
    rows += [result_row(group=g, seed=s, classifier="slow") for g in "ab" for s in range(2)]
    arms = _arms(rows)
    assert arms.is_complete(Arm(arms.settings[0], "5", "none", "slow"))


def test_the_reference_with_real_windows_is_never_named_best() -> None:
    rows = [
        result_row(generator="real", balanced_accuracy=0.99),
        result_row(generator="none", balanced_accuracy=0.6),
    ]
    (row,) = summary_table(Results.of(rows))
    assert row["best method"] == "ncm, no synthesis"


def test_arms_of_other_budgets_and_splits_are_other_settings() -> None:
    rows = [result_row(), result_row(budget="other machines"), result_row(split="window")]
    assert len(_arms(rows).settings) == 3
    assert _arms(rows).settings[-1].leaks


def test_confusion_is_summed_over_groups_and_seeds() -> None:
    rows = [
        result_row(seed=s, confusion="1 2;3 4", classes="normal|inner", group=g)
        for s in range(3)
        for g in "ab"
    ]
    arms = _arms(rows)
    arm = arms.of(arms.settings[0])[0]
    np.testing.assert_array_equal(arms.confusion(arm), 6 * np.array([[1, 2], [3, 4]]))


def test_summary_table_is_text_in_every_cell(results_folder: Callable[..., Path]) -> None:
    rows = summary_table(Results.read(results_folder(study_rows(seeds=2, groups=3))))
    assert [row["K"] for row in rows] == ["1", "5", "all", "all"]
    assert len({tuple(row) for row in rows}) == 1
    assert all(isinstance(text, str) and text for row in rows for text in row.values())
    means = Results.of(study_rows(seeds=2, groups=3)).where(split="asset", k="5", generator="none")
    best = max(
        np.mean(means.where(classifier=c)["balanced_accuracy"])
        for c in ("ncm", "random-forest", "lda")
    )
    assert rows[1]["no synthesis"] == f"{100 * best:.1f} lda"
    assert rows[3]["task"] == "rig (random windows)"


@pytest.mark.parametrize(("partitions", "units"), [(1, 3), (2, 3)])
def test_folds_of_repeated_partitions_are_not_counted_twice(partitions: int, units: int) -> None:
    n = 24
    table = {
        "recording": np.array([f"r{i}" for i in range(n)]),
        "asset": np.array([f"a{i}" for i in range(n)]),
        "start": np.zeros(n),
        "end": np.ones(n),
    }
    labels = np.array(["normal", "fault"] * (n // 2))
    split = Split(scheme="kfold", level="asset", groups="asset", folds=3, partitions=partitions)
    names = [fold.name for fold in folds_of(table, labels, split, "task")]
    assert len(names) == 3 * partitions
    assert len({unit_of(name) for name in names}) == units
    assert len({short(name) for name in names}) == 3 * partitions
    assert unit_of("drive_end 0.007") == "drive_end 0.007"
