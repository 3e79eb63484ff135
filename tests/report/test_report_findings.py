"""What the report may and may not say, checked on results whose truth is known."""

from __future__ import annotations

from typing import Any

import pytest
from report_rows import result_row, study_rows

from faultsyn.experiment.results import CONTROL, Results
from faultsyn.report.arms import Arms
from faultsyn.report.claims import Verdict, verdicts
from faultsyn.report.controls import control_results
from faultsyn.report.finding import Finding
from faultsyn.report.findings import findings
from faultsyn.report.leak import leak_gaps

BARS = ("none", "oversample", "diff-aug", "matched-difference", "physics-safe")


def _verdicts(rows: list[dict[str, Any]]) -> tuple[Arms, list[Verdict]]:
    arms = Arms(Results.of(rows))
    return arms, verdicts(arms, arms.settings[0])


def _findings(rows: list[dict[str, Any]]) -> list[Finding]:
    results = Results.of(rows)
    arms = Arms(results)
    found = [v for s in arms.settings if not s.leaks for v in verdicts(arms, s)]
    return findings(arms, found, leak_gaps(arms), control_results(Arms(results, controls=True)))


def _about(found: list[Finding], word: str) -> Finding:
    (finding,) = [f for f in found if word in f.title]
    return finding


def test_synthesis_wins_only_against_every_bar() -> None:
    arms, found = _verdicts(study_rows(gain=0.1, generators=(*BARS, "wavelet"), ks=("5",)))
    (verdict,) = found
    assert verdict.outcome == "won"
    assert verdict.lead.arm.generator == "wavelet"
    names = {rival.arm.generator for rival in verdict.lead.rivals}
    assert names == set(BARS)
    assert verdict.lead.p < 0.001
    assert arms.summary(verdict.lead.arm).mean > 0.6


def test_a_bar_that_was_not_run_forbids_the_claim() -> None:
    rows = study_rows(gain=0.1, generators=("none", "oversample", "diff-aug", "wavelet"))
    _, found = _verdicts(rows)
    assert {verdict.outcome for verdict in found} == {"unproven bars"}
    finding = _about(_findings(rows), "Synthesis beats")
    assert "a claim needs more runs" in finding.title
    assert "not run, so not beaten: matched difference transfer" in finding.points[0]
    assert finding.tone == "plain"


def test_few_seeds_forbid_the_claim() -> None:
    rows = study_rows(gain=0.15, generators=(*BARS, "wavelet"), ks=("5",), seeds=3)
    (verdict,) = _verdicts(rows)[1]
    assert verdict.outcome == "few seeds"


def test_no_gain_is_no_claim() -> None:
    rows = study_rows(gain=0.0, generators=(*BARS, "wavelet"))
    assert {verdict.outcome for verdict in _verdicts(rows)[1]} == {"not shown"}
    titles = [finding.title for finding in _findings(rows)]
    assert "No synthesis method is shown to beat the cheap methods." in titles
    assert not any("beats" in title for title in titles)


def test_a_gain_with_a_weak_classifier_must_still_beat_the_best_method() -> None:
    """The candidate lifts its own classifier far, and stays below the best cheap method."""
    rows = study_rows(gain=0.1, generators=(*BARS, "wavelet"), ks=("5",))
    for row in rows:
        if row["classifier"] != "ncm" and row["generator"] == "wavelet":
            row["generator"] = "mixup"  # the other heads run another candidate
            row["balanced_accuracy"] -= 0.2
        elif row["classifier"] == "lda":
            row["balanced_accuracy"] += 0.2
    (verdict,) = _verdicts(rows)[1]
    assert verdict.outcome == "not shown"
    weak = next(c for c in verdict.candidates if c.arm.generator == "wavelet")
    same_head = [r for r in weak.rivals if r.arm.classifier == "ncm"]
    assert all(rival.comparison.low > 0 for rival in same_head)
    assert weak.nearest.arm.classifier == "lda"


def test_a_gain_on_one_group_is_no_claim() -> None:
    """Forty seeds of one lucky group make small p-values over pairs, and no claim."""
    rows = study_rows(gain=0.0, generators=(*BARS, "wavelet"), ks=("5",), groups=3, seeds=12)
    for row in rows:
        if row["generator"] == "wavelet" and row["group"] == "bearing-1":
            row["balanced_accuracy"] += 0.4
    (verdict,) = _verdicts(rows)[1]
    assert verdict.outcome == "not shown"


def test_new_groups_are_claimed_only_with_enough_of_them() -> None:
    few = _verdicts(study_rows(gain=0.2, generators=(*BARS, "wavelet"), ks=("5",)))[1][0]
    assert few.lead.beats_all
    assert not few.lead.beats_all_on_new_groups
    assert few.lead.p_groups_floor == pytest.approx(2 / 2**6)
    rows = study_rows(gain=0.2, generators=(*BARS, "wavelet"), ks=("5",), groups=10, leak=False)
    assert _verdicts(rows)[1][0].lead.beats_all_on_new_groups


def test_best_method_names_figures_and_doubt() -> None:
    found = _findings(study_rows(generators=("none", "diff-aug")))
    best = _about(found, "is best")
    assert best.title.startswith("rig: lda + diff-aug is best at every number of shots")
    assert "95 % interval" in best.points[0]
    assert "chance is 33.3 %" in best.points[-1]


def test_leak_gap_is_window_minus_group() -> None:
    arms = Arms(Results.of(study_rows()))
    gaps = leak_gaps(arms)
    assert {gap.classifier for gap in gaps} == {"ncm", "random-forest", "lda"}
    assert all(gap.k == "all" and gap.generator == "none" for gap in gaps)
    rows = Results.of(study_rows()).where(k="all", generator="none", classifier="ncm")
    expected = (
        rows.where(split="window")["balanced_accuracy"].mean()
        - rows.where(split="asset")["balanced_accuracy"].mean()
    )
    gap = next(gap for gap in gaps if gap.classifier == "ncm")
    assert gap.gap == pytest.approx(expected)
    warned = _about(_findings(study_rows()), "Random windows flatter")
    assert warned.tone == "warn"
    rows = [row for row in study_rows() if row["split"] == "asset"]
    same = [row | {"split": "window", "group": "windows 1"} for row in rows if row["k"] == "all"]
    same = [row for row in same if row["generator"] == "none"]
    mean = sum(row["balanced_accuracy"] for row in same) / len(same)
    even = {(r["seed"], r["classifier"]): r | {"balanced_accuracy": mean} for r in same}
    small = _about(_findings(rows + list(even.values())), "leak gap")
    assert small.title.startswith("The leak gap is small")


def test_random_windows_are_never_named_best() -> None:
    found = _findings(study_rows())
    assert not any("98." in point for f in found if "best" in f.title for point in f.points)


def test_controls_at_chance_pass_and_above_chance_warn() -> None:
    good = _about(_findings(study_rows(leak=False)), "negative controls")
    assert (good.tone, good.title) == ("good", "The negative controls give chance, as they should.")
    rows = study_rows(leak=False)
    for row in rows:
        if row["classifier"] == CONTROL + "metadata only":
            row["balanced_accuracy"] += 0.2
    bad = _about(_findings(rows), "negative control")
    assert bad.tone == "warn"
    assert "above chance" in bad.title
    assert sum("above chance" in point for point in bad.points) == 1
    missing = _about(_findings(study_rows(controls=False)), "negative controls")
    assert missing.tone == "warn"


def test_rows_that_could_not_run_are_counted_with_their_reason() -> None:
    rows = study_rows(leak=False, ks=("5",))
    rows += [
        result_row(status="rocket needs aeon", classifier="rocket", balanced_accuracy=float("nan"),
                   seed=seed)
        for seed in range(4)
    ]  # fmt: skip
    finding = _about(_findings(rows), "could not run")
    assert finding.title.startswith("4 of ")
    assert "rocket needs aeon" in finding.points[0]
    assert finding.tone == "warn"


def test_few_seeds_one_group_and_mixed_commits_are_cautioned() -> None:
    rows = study_rows(leak=False, seeds=2, groups=1, ks=("5",))
    rows[0]["commit"] = "fffffff"
    caution = _about(_findings(rows), "Cautions")
    text = " ".join(caution.points)
    assert "Fewer than 5 seeds on rig (2)" in text
    assert "not of another machine" in text
    assert "abc1234" in text
    assert "fffffff" in text


def test_worst_group_and_false_alarms() -> None:
    rows = study_rows(leak=False, ks=("5",))
    for row in rows:
        row["false_alarm_rate"] = 0.3
        if row["group"] == "bearing-2" and not row["classifier"].startswith(CONTROL):
            row["balanced_accuracy"] = 0.1
    found = _findings(rows)
    worst = _about(found, "worst held-out group")
    assert "bearing-2 (rig, 5 shots)" in worst.title
    assert "10.0 %" in worst.title
    alarms = _about(found, "false alarms")
    assert alarms.tone == "warn"
    assert "30.0 %" in alarms.title
