"""Findings in words, made from the numbers by rules; nothing is claimed that the rules forbid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from faultsyn.evaluate.statistics import holm
from faultsyn.report.arms import Arm, Arms, Setting, counted, percent, points, short, shots
from faultsyn.report.claims import ALPHA, MIN_SEEDS, Verdict
from faultsyn.report.controls import Control
from faultsyn.report.finding import Finding, listed
from faultsyn.report.leak import LeakGap
from faultsyn.report.roles import METHODS
from faultsyn.report.synthesis_finding import synthesis_finding

LARGE_GAP = 0.05
"""From this leak gap on the report warns of random windows."""

HIGH_FALSE_ALARMS = 0.05
"""Above this share of false alarms among normal windows the report says so."""


def findings(
    arms: Arms,
    verdicts: Sequence[Verdict],
    gaps: Sequence[LeakGap],
    controls: Sequence[Control],
) -> list[Finding]:
    """All findings, in the order in which they are read."""
    honest = [setting for setting in arms.settings if not setting.leaks]
    found = [_best(arms, setting) for setting in honest]
    found += [synthesis_finding(arms, verdicts)] if honest else []
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
    which = f"{most} is best at {count} of {every} numbers of shots"
    if count == every:
        which = f"{most} is best" + (" at every number of shots" if every > 1 else "")
    elif count < 2:
        which = "no method is best at more than one number of shots"
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
    lines.append("No other finding of this report uses random windows.")
    where = f"{worst.classifier} on {worst.setting.task}"
    if worst.gap < LARGE_GAP:
        title = f"The leak gap is small: at most {points(worst.gap)} points ({where})."
        return Finding(title, tuple(lines))
    title = (
        f"Random windows flatter: {where} scores {percent(worst.window)} % when windows of one "
        f"{worst.setting.split} stand on both sides, and {percent(worst.grouped)} % on a held-out "
        f"{worst.setting.split}."
    )
    return Finding(title, tuple(lines), "warn")


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
        tasks = listed(list(dict.fromkeys(str(control.setting) for control in failed)))
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
            worst = short(summary.worst)
            deepest = min(deepest, (low, f"{worst} ({setting}, {shots(k)})"))
            parts.append(f"{shots(k)} {percent(low)} % on {worst} (mean {percent(summary.mean)} %)")
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
        tasks = listed([f"{s} ({arms.n_seeds(s)})" for s in few])
        lines.append(f"Fewer than {MIN_SEEDS} seeds on {tasks}: read the order of methods as open.")
    single = [str(s) for s in settings if len(arms.groups(s)) == 1]
    if single:
        lines.append(
            f"One held-out group on {listed(single)}: intervals and tests speak of the draw of "
            "the shots, not of another machine."
        )
    partial = [arm for s in settings for arm in arms.of(s) if not arms.is_complete(arm)]
    if partial:
        lines.append(
            f"{len(partial)} combinations lack a score on some group or seed; they are marked in "
            "the tables and never named best."
        )
    if len(arms.results.values("commit")) > 1:
        lines.append(f"Rows of different commits: {listed(arms.results.values('commit'))}.")
    data = set(zip(arms.results["task"], arms.results["data_hash"], strict=True))
    if len(data) > len(arms.results.values("task")):
        lines.append("Rows of one task come from different data (see the data hashes).")
    return Finding("Cautions.", tuple(lines), "warn") if lines else None
