"""The one table that a study ends with on the terminal."""

from __future__ import annotations

from faultsyn.experiment.results import Results
from faultsyn.report.arms import Arm, Arms, percent
from faultsyn.report.roles import METHODS, PLAIN

NOTHING = "-"


def summary_table(results: Results) -> list[dict[str, str]]:
    """One row for each task, split, budget and K: the best method and what to hold against it.

    Columns: task, split, budget, K, best method, balanced accuracy % (mean and deviation over
    seeds), 95 % interval, without synthesis, % (the best method without any, and its mean), worst
    group, % (of the best method), groups x seeds. Text in every cell; "-" where there is none.
    """
    arms = Arms(results)
    rows = []
    for setting in arms.settings:
        for k in arms.ks(setting):
            best = arms.best(setting, k, METHODS)
            row = {
                "task": setting.task,
                "split": setting.split,
                "budget": setting.budget,
                "K": k,
            }
            rows.append(row | _of_best(arms, best) | _plain(arms, arms.best(setting, k, PLAIN)))
    return rows


def _of_best(arms: Arms, best: Arm | None) -> dict[str, str]:
    names = ("best method", "balanced accuracy %", "95 % interval", "worst group", "groups x seeds")
    if best is None:
        return dict.fromkeys(names, NOTHING)
    summary = arms.summary(best)
    sd = "" if summary.sd is None else f" ± {percent(summary.sd)}"
    values = (
        best.method,
        f"{percent(summary.mean)}{sd}",
        f"{percent(summary.low)} to {percent(summary.high)}",
        f"{summary.worst} {percent(summary.groups[summary.worst])}",
        f"{len(summary.groups)} x {summary.n_seeds}",
    )
    return dict(zip(names, values, strict=True))


def _plain(arms: Arms, plain: Arm | None) -> dict[str, str]:
    if plain is None:
        return {"without synthesis": NOTHING}
    return {"without synthesis": f"{plain.classifier} {percent(arms.summary(plain).mean)}"}
