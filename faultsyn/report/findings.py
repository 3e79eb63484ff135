"""Findings in words, made from the numbers by rules; nothing is claimed that the rules forbid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from faultsyn.evaluate.statistics import holm
from faultsyn.report.arms import Arm, Arms, Setting, counted, percent, points, shots
from faultsyn.report.claims import ALPHA, MIN_SEEDS, Verdict
from faultsyn.report.controls import Control
from faultsyn.report.leak import LeakGap
from faultsyn.report.roles import METHODS

Tone = Literal["plain", "good", "warn"]

HIGH_FALSE_ALARMS = 0.05
"""Above this share of false alarms among normal windows the report says so."""


@dataclass(frozen=True)
class Finding:
    """One finding: a sentence that can stand alone, and what supports it.

    - `title`: the finding. `points`: its support, one sentence or two each.
    - `tone`: "good" (a claim that holds), "plain", "warn" (read before you believe the rest).
    """

    title: str
    points: tuple[str, ...]
    tone: Tone = "plain"


def findings(
    arms: Arms,
    verdicts: Sequence[Verdict],
    gaps: Sequence[LeakGap],
    controls: Sequence[Control],
) -> list[Finding]:
    """All findings, in the order in which they are read."""
    honest = [setting for setting in arms.settings if not setting.leaks]
    found = [_best(arms, setting) for setting in honest]
    found += [_synthesis(arms, verdicts)] if honest else []
    found += [_leaks(gaps)] if gaps else []
    found += [_controls(controls)]
    found += [_worst(arms, honest)] if honest else []
    found += [alarms] if (alarms := _false_alarms(arms, honest)) else []
    found += [missing] if (missing := _not_run(arms)) else []
    found += [cautions] if (cautions := _cautions(arms, honest)) else []
    return found


def _bests(arms: Arms, setting: Setting) -> list[tuple[str, Arm]]:
    """The best arm of each K that has one."""
    found = [(k, arms.best(setting, k, METHODS)) for k in arms.ks(setting)]
    return [(k, best) for k, best in found if best is not None]


def _interval(low: float, high: float) -> str:
    return f"95 % interval {percent(low)} to {percent(high)}"


def p_text(p: float | None) -> str:
    """A p-value as it is printed."""
    if p is None:
        return "no test possible"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _best(arms: Arms, setting: Setting) -> Finding:
    lines, names = [], []
    for k in arms.ks(setting):
        best = arms.best(setting, k, METHODS)
        if best is None:
            lines.append(f"{shots(k)}: no method has a score on every held-out group.")
            continue
        summary = arms.summary(best)
        names.append(best.method)
        sd = "" if summary.sd is None else f", sd over seeds {percent(summary.sd)}"
        close = _closeness(*_not_told_apart(arms, best))
        lines.append(
            f"{shots(k)}: {best.method}, {percent(summary.mean)} % "
            f"({_interval(summary.low, summary.high)}{sd}).{close}"
        )
    most, count = Counter(names).most_common(1)[0] if names else ("no method", 0)
    every = len(arms.ks(setting))
    where = "every number of shots" if count == every else f"{count} of {every} numbers of shots"
    which = f"{most} is best" if every == 1 else f"{most} is best at {where}"
    chance = percent(1 / len(arms.classes(setting)))
    lines.append(
        f"Balanced accuracy; chance is {chance} %. The best is picked on the groups it is "
        "measured on, so read its figure as a little high."
    )
    return Finding(f"{setting}: {which}.", tuple(lines))


def _closeness(tied: int, others: int) -> str:
    """What may be said of the methods that are not the best."""
    if not others:
        return ""
    if tied == others:
        return f" None of the {others} others can be told apart from it."
    if not tied:
        return f" It differs from each of the {others} others."
    return f" {tied} of the {others} others cannot be told apart from it."


def _not_told_apart(arms: Arms, best: Arm) -> tuple[int, int]:
    """How many complete arms do not differ from the best after correction, and of how many."""
    p_values = []
    for arm in arms.complete(best.setting, best.k):
        if arm != best and (comparison := arms.compare(best, arm)) is not None:
            p_values.append(1.0 if comparison.p_pairs is None else comparison.p_pairs)
    return int((holm(p_values) >= ALPHA).sum()), len(p_values)


def _synthesis(arms: Arms, verdicts: Sequence[Verdict]) -> Finding:
    if not verdicts:
        return Finding(
            "No synthesis method beyond the cheap ones was run, so none is claimed to help.", ()
        )
    lines = tuple(_verdict_line(arms, verdict) for verdict in verdicts)
    won = sum(verdict.outcome == "won" for verdict in verdicts)
    where = f"{won} of {len(verdicts)} comparisons (task and number of shots)"
    if won:
        return Finding(f"Synthesis beats every cheap method in {where}.", lines, "good")
    nearly = sum(verdict.outcome != "not shown" for verdict in verdicts)
    if nearly:
        title = f"Synthesis beats what was run in {nearly} of {len(verdicts)} comparisons, but"
        return Finding(f"{title} a claim needs more runs.", lines)
    return Finding("No synthesis method is shown to beat the cheap methods.", lines)


def _verdict_line(arms: Arms, verdict: Verdict) -> str:
    lead = verdict.lead
    summary, nearest = arms.summary(lead.arm), lead.nearest
    head = f"{verdict.setting}, {shots(verdict.k)}: {lead.arm.method} ({percent(summary.mean)} %)"
    c = nearest.comparison
    gap = (
        f"{points(c.difference)} points (interval {points(c.low)} to {points(c.high)}, "
        f"better in {c.groups_better} of {c.n_groups} groups, corrected {p_text(lead.p)})"
    )
    if verdict.outcome == "not shown":
        return f"{head} does not clear {nearest.arm.method}: {gap}."
    text = f"{head} beats each of its {len(lead.rivals)} rivals, {nearest.arm.method} by {gap}"
    if verdict.outcome == "unproven bars":
        return f"{text}; not run, so not beaten: {_listed(verdict.missing)}."
    if verdict.outcome == "few seeds":
        seeds = counted(summary.n_seeds, "seed")
        return f"{text}; {seeds}, too few for a claim (at least {MIN_SEEDS})."
    if lead.beats_all_on_new_groups:
        return f"{text}. It holds for new groups too ({p_text(lead.p_groups)} over groups)."
    return (
        f"{text}. It holds for these groups; with {c.n_groups} of them the test over groups "
        f"reaches p = {lead.p_groups_floor:.3f} at best, before correction, so new groups remain "
        "open."
    )


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _leaks(gaps: Sequence[LeakGap]) -> Finding:
    worst = max(gaps, key=lambda gap: gap.gap)
    lines = []
    for setting in dict.fromkeys(gap.setting for gap in gaps):
        own = [gap for gap in gaps if gap.setting == setting]
        span = sorted(gap.gap for gap in own)
        many = f"{points(span[0])} to {points(span[-1])}" if len(own) > 1 else points(span[0])
        lines.append(
            f"{setting.task}, {shots(own[0].k)}: {many} points over "
            f"{counted(len(own), 'classifier')}."
        )
    title = (
        f"Random windows flatter: {worst.classifier} on {worst.setting.task} scores "
        f"{percent(worst.window)} % when windows of one {worst.setting.split} stand on both "
        f"sides, and {percent(worst.grouped)} % on a held-out {worst.setting.split}."
    )
    lines.append("No figure of this report but the leak gap uses random windows.")
    return Finding(title, tuple(lines), "warn" if worst.gap > 0.1 else "plain")


def _controls(controls: Sequence[Control]) -> Finding:
    if not controls:
        return Finding(
            "No negative controls were run.",
            ("Shuffled labels and a metadata-only classifier should both give chance.",),
            "warn",
        )
    failed = [control for control in controls if not control.passed]
    lines = tuple(
        f"{control.setting}, {control.name}, {shots(control.k)}: {percent(control.mean)} % "
        f"(interval {percent(control.low)} to {percent(control.high)}), chance "
        f"{percent(control.chance)} %{'' if control.passed else ': above chance'}."
        for control in controls
    )
    if failed:
        tasks = _listed(list(dict.fromkeys(str(control.setting) for control in failed)))
        return Finding(
            f"A negative control is above chance on {tasks}: something other than the fault "
            "gives the class away.",
            lines,
            "warn",
        )
    return Finding("The negative controls give chance, as they should.", lines, "good")


def _worst(arms: Arms, settings: Sequence[Setting]) -> Finding:
    lines, deepest = [], (1.0, "")
    for setting in settings:
        if len(arms.groups(setting)) < 2:
            lines.append(f"{setting}: one held-out group only.")
            continue
        parts = []
        for k, best in _bests(arms, setting):
            summary = arms.summary(best)
            low = summary.groups[summary.worst]
            deepest = min(deepest, (low, f"{summary.worst} ({setting}, {shots(k)})"))
            parts.append(
                f"{shots(k)} {percent(low)} % on {summary.worst} (mean {percent(summary.mean)} %)"
            )
        lines.append(f"{setting}, best methods: {'; '.join(parts)}.")
    if not deepest[1]:
        return Finding("No task has more than one held-out group.", tuple(lines), "warn")
    return Finding(
        f"The worst held-out group is {deepest[1]}: the best method reaches "
        f"{percent(deepest[0])} % there.",
        tuple(lines),
    )


def _false_alarms(arms: Arms, settings: Sequence[Setting]) -> Finding | None:
    lines, highest = [], 0.0
    for setting in settings:
        parts = []
        for k, best in _bests(arms, setting):
            rates = arms.column(best, "false_alarm_rate")
            at_95 = arms.column(best, "false_alarm_at_95")
            if len(rates) and len(at_95):
                highest = max(highest, float(rates.mean()))
                parts.append(
                    f"{shots(k)} {percent(float(rates.mean()))} % "
                    f"({percent(float(at_95.mean()))} % to recall 95 % of faults)"
                )
        if parts:
            lines.append(f"{setting}, best methods: {'; '.join(parts)}.")
    if not lines:
        return None
    title = f"The best methods raise false alarms on up to {percent(highest)} % of normal windows."
    return Finding(title, tuple(lines), "warn" if highest > HIGH_FALSE_ALARMS else "plain")


def _not_run(arms: Arms) -> Finding | None:
    status = arms.results["status"]
    failed = np.flatnonzero(status != "ok")
    if not len(failed):
        return None
    names = ("task", "k", "generator", "classifier")
    columns = [arms.results[name] for name in names]
    reasons: dict[str, list[int]] = {}
    for index in failed.tolist():
        reasons.setdefault(str(status[index]), []).append(index)
    lines = []
    for reason, rows in sorted(reasons.items(), key=lambda item: -len(item[1])):
        parts = [
            f"{name} {', '.join(sorted({str(column[i]) for i in rows}))}"
            for name, column in zip(names, columns, strict=True)
        ]
        lines.append(f"{counted(len(rows), 'row')}: {reason} ({'; '.join(parts)}).")
    title = f"{len(failed)} of {len(status)} rows could not run."
    return Finding(title, tuple(lines), "warn")


def _cautions(arms: Arms, settings: Sequence[Setting]) -> Finding | None:
    lines = []
    few = [s for s in settings if arms.n_seeds(s) < MIN_SEEDS]
    if few:
        tasks = _listed([f"{s} ({arms.n_seeds(s)})" for s in few])
        lines.append(f"Fewer than {MIN_SEEDS} seeds on {tasks}: read the order of methods as open.")
    single = [str(s) for s in settings if len(arms.groups(s)) == 1]
    if single:
        lines.append(
            f"One held-out group on {_listed(single)}: intervals and tests speak of the draw of "
            "the shots, not of another machine."
        )
    partial = [arm for s in settings for arm in arms.of(s) if not arms.is_complete(arm)]
    if partial:
        lines.append(
            f"{len(partial)} combinations lack a score on some group or seed; they are marked in "
            "the tables and never named best."
        )
    if len(arms.results.values("commit")) > 1:
        lines.append(f"Rows of different commits: {_listed(arms.results.values('commit'))}.")
    data = set(zip(arms.results["task"], arms.results["data_hash"], strict=True))
    if len(data) > len(arms.results.values("task")):
        lines.append("Rows of one task come from different data (see the data hashes).")
    return Finding("Cautions.", tuple(lines), "warn") if lines else None
