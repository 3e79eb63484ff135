"""The one table that a study ends with on the terminal."""

from __future__ import annotations

from faultsyn.experiment.results import Results
from faultsyn.report.arms import Arm, Arms, percent, short
from faultsyn.report.roles import METHODS, PLAIN

NOTHING = "-"


def summary_table(results: Results) -> list[dict[str, str]]:
    """One row for each task, split, budget and K: the best method and what to hold against it.

    Columns: task (random windows are marked), budget (its kind), K, best method, accuracy %
    (balanced; mean and deviation over seeds), 95 % interval, worst group (of the best method, %),
    no synthesis (the best method without any, %). Text in every cell; "-" where there is none.
    """
    arms = Arms(results)
    return [
        {
            "task": str(setting),
            "budget": setting.budget.partition(":")[0],
            "K": k,
            **_of_best(arms, arms.best(setting, k, METHODS)),
            "no synthesis": _plain(arms, arms.best(setting, k, PLAIN)),
        }
        for setting in arms.settings
        for k in arms.ks(setting)
    ]


def _of_best(arms: Arms, best: Arm | None) -> dict[str, str]:
    names = ("best method", "accuracy %", "95 % interval", "worst group")
    if best is None:
        return dict.fromkeys(names, NOTHING)
    summary = arms.summary(best)
    sd = "" if summary.sd is None else f" ± {percent(summary.sd)}"
    values = (
        best.method,
        f"{percent(summary.mean)}{sd}",
        f"{percent(summary.low)} to {percent(summary.high)}",
        f"{percent(summary.groups[summary.worst])} {short(summary.worst)}",
    )
    return dict(zip(names, values, strict=True))


def _plain(arms: Arms, plain: Arm | None) -> str:
    if plain is None:
        return NOTHING
    return f"{percent(arms.summary(plain).mean)} {plain.classifier}"
