"""Tables of the report: every score, every fold, every comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faultsyn.report.arms import Arm, Arms, Setting, counted, k_order, percent, points, shots
from faultsyn.report.claims import ALPHA, Verdict
from faultsyn.report.finding import p_text
from faultsyn.report.roles import METHODS

MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """One cell: its text, whether it stands out, and what a reader may want to know beside it."""

    text: str
    strong: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table: caption (with the budget, where scores are compared), head and rows.

    - `n_text`: leading columns that hold words; the rest are numbers.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    n_text: int = 2


def budget_text(setting: Setting) -> str:
    """What a caption says of the setting."""
    level = "random windows" if setting.leaks else f"held-out {setting.split}s"
    return f"{setting.task} ({level}; budget: {setting.budget})"


def score_table(arms: Arms, setting: Setting) -> Table:
    """Mean and deviation over seeds by classifier, generator and K; best of each K stands out."""
    ks = arms.ks(setting)
    best = {k: arms.best(setting, k, METHODS) for k in ks}
    rows = []
    for classifier in arms.classifiers(setting):
        lead = classifier  # named once, in its first row
        for generator in arms.generators(setting):
            own = [Arm(setting, k, generator, classifier) for k in ks]
            if not any(arms.has(arm) for arm in own):
                continue
            cells = [Cell(lead, bool(lead)), Cell(generator)]
            lead = ""
            cells += [_score(arms, arm, strong=best[arm.k] == arm) for arm in own]
            rows.append(tuple(cells))
    caption = (
        f"Balanced accuracy [%], mean ± deviation over {counted(arms.n_seeds(setting), 'seed')} of "
        f"the mean over {counted(len(arms.groups(setting)), 'group')}. Task {budget_text(setting)}."
    )
    return Table(caption, ("classifier", "generator", *map(shots, ks)), tuple(rows))


def _score(arms: Arms, arm: Arm, *, strong: bool) -> Cell:
    if not arms.has(arm):
        return Cell(MISSING)
    summary = arms.summary(arm)
    sd = "" if summary.sd is None else f" ± {percent(summary.sd)}"
    incomplete = "" if arms.is_complete(arm) else " †"
    note = f"95 % interval {percent(summary.low)} to {percent(summary.high)}"
    return Cell(f"{percent(summary.mean)}{sd}{incomplete}", strong, note)


def metrics_table(arms: Arms, setting: Setting, k: str) -> Table:
    """Everything else that was measured, one row an arm."""
    head = (
        "classifier", "generator", "balanced acc. [%]", "95 % interval", "macro-F1 [%]",
        "macro-AUROC [%]", "ECE [%]", "false alarms [%]", "at 95 % recall [%]", "worst group [%]",
        "synthetic windows", "shots: recordings", "shots: assets", "fit [s]",
        "generator fit [s]", "sampling [s]", "generator's memory [MB]", "seeds",
    )  # fmt: skip
    rows = []
    for arm in _ordered(arms, setting, k):
        summary = arms.summary(arm)
        low = summary.groups[summary.worst]
        cells = [
            Cell(arm.classifier),
            Cell(arm.generator),
            _score(arms, arm, strong=False),
            Cell(f"{percent(summary.low)} to {percent(summary.high)}"),
            *(
                _mean(arms, arm, name, 100)
                for name in (
                    "macro_f1", "macro_auroc", "ece", "false_alarm_rate", "false_alarm_at_95",
                )
            ),
            Cell(percent(low), note=summary.worst),
            _mean(arms, arm, "n_synthetic", digits=0),
            _mean(arms, arm, "n_shot_recordings"),
            _mean(arms, arm, "n_shot_assets"),
            _mean(arms, arm, "fit_seconds", digits=2),
            _mean(arms, arm, "generator_fit_seconds", digits=2),
            _mean(arms, arm, "generator_sample_seconds", digits=2),
            _mean(arms, arm, "generator_memory_mb", digits=0),
            Cell(str(summary.n_seeds)),
        ]  # fmt: skip
        rows.append(tuple(cells))
    caption = (
        f"All measures at {shots(k)}, means over groups and seeds. Task {budget_text(setting)}."
    )
    return Table(caption, head, tuple(rows))


def fold_table(arms: Arms, setting: Setting, k: str) -> Table:
    """Every held-out group of every arm: mean over seeds."""
    groups = arms.groups(setting)
    rows = []
    for arm in _ordered(arms, setting, k):
        means = arms.summary(arm).groups
        worst = arms.summary(arm).worst
        cells = [
            Cell(percent(means[group]), group == worst) if group in means else Cell(MISSING)
            for group in groups
        ]
        rows.append((Cell(arm.classifier), Cell(arm.generator), *cells))
    caption = (
        f"Balanced accuracy [%] on each held-out group at {shots(k)}, mean over seeds; the worst "
        f"group of each row is set bold. Task {budget_text(setting)}."
    )
    return Table(caption, ("classifier", "generator", *groups), tuple(rows))


def rivals_table(verdicts: Sequence[Verdict]) -> Table:
    """The candidate that each verdict is about, against each of its rivals."""
    head = (
        "shots", "candidate", "against", "gain [points]", "95 % interval", "groups better",
        "p (group, seed)", "p groups", "p groups, least", "corrected p of all",
    )  # fmt: skip
    rows = []
    for verdict in verdicts:
        for place, rival in enumerate(verdict.lead.rivals):
            c, first = rival.comparison, place == 0
            rows.append(
                (
                    Cell(verdict.k if first else "", strong=True),
                    Cell(verdict.lead.arm.method if first else ""),
                    Cell(rival.arm.method),
                    Cell(points(c.difference), c.low > 0),
                    Cell(f"{points(c.low)} to {points(c.high)}"),
                    Cell(f"{c.groups_better} of {c.n_groups}"),
                    _p(c.p_pairs),
                    _p(c.p_groups),
                    _p(c.p_groups_floor, strong=False),
                    _p(verdict.lead.p) if first else Cell(""),
                )
            )
    caption = (
        "Synthesis against what it must beat: at each K the candidate with the best mean among "
        "those that beat all, else among all. Paired over (group, seed). "
        f"Task {budget_text(verdicts[0].setting)}."
    )
    return Table(caption, head, tuple(rows), n_text=3)


def candidates_table(verdicts: Sequence[Verdict]) -> Table:
    """Every candidate arm and the rival that it beats by least."""
    head = (
        "candidate", "nearest rival", "shots", "gain [points]", "95 % interval", "groups better",
        "corrected p", "corrected p groups",
    )  # fmt: skip
    rows = []
    for verdict in verdicts:
        for candidate in verdict.candidates:
            c = candidate.nearest.comparison
            rows.append(
                (
                    Cell(candidate.arm.method),
                    Cell(candidate.nearest.arm.method),
                    Cell(verdict.k),
                    Cell(points(c.difference), candidate.beats_all),
                    Cell(f"{points(c.low)} to {points(c.high)}"),
                    Cell(f"{c.groups_better} of {c.n_groups}"),
                    _p(candidate.p),
                    _p(candidate.p_groups),
                )
            )
    caption = (
        "Every candidate with every classifier, against the rival that it beats by least (or that "
        f"beats it by most). Task {budget_text(verdicts[0].setting)}."
    )
    return Table(caption, head, tuple(rows))


def failed_table(arms: Arms) -> Table | None:
    """Rows that could not run, by reason; None when all ran."""
    status = arms.results["status"]
    counts: dict[tuple[str, ...], int] = {}
    names = ("task", "split", "k", "generator", "classifier")
    for index in np.flatnonzero(status != "ok").tolist():
        key = (*(str(arms.results[name][index]) for name in names), str(status[index]))
        counts[key] = counts.get(key, 0) + 1
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], k_order(item[0][2]), item[0]))
    rows = tuple((*(Cell(text) for text in key), Cell(str(n))) for key, n in ordered)
    caption = "Rows that could not run, and why."
    return Table(caption, (*names, "reason", "rows"), rows, n_text=6)


def _ordered(arms: Arms, setting: Setting, k: str) -> list[Arm]:
    """Arms at one K, best mean first."""
    return sorted(arms.of(setting, k), key=lambda arm: arms.summary(arm).mean, reverse=True)


def _mean(arms: Arms, arm: Arm, name: str, scale: float = 1, digits: int = 1) -> Cell:
    values = arms.column(arm, name)
    values = values[np.isfinite(values)]
    return Cell(f"{scale * values.mean():.{digits}f}" if len(values) else MISSING)


def _p(p: float | None, *, strong: bool | None = None) -> Cell:
    if p is None:
        return Cell(MISSING, note="no test possible")
    below = p < ALPHA if strong is None else strong
    return Cell(p_text(p).removeprefix("p ").removeprefix("= "), below)
