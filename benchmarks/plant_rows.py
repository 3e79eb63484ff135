"""Rows of the plant's figures, and docs/plant.md's tables: `python benchmarks/plant_rows.py`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.evaluate.alarms import HOURS_A_MONTH
from faultsyn.experiment.environment import code_version

OUT = Path(__file__).resolve().parents[1] / "experiments" / "results" / "plant"
TASKS = (
    "tep", "cwru-load", "cwru-loads", "cwru-bearing", "cwru-bearing-4096", "zema-shift-valve",
    "zema-shift-pump", "zema-valve", "zema-pump", "zema-accumulator",
)  # fmt: skip
"""The order of the tables' lines."""
Row = dict[str, str]


def keep(what: str, task: str, rows: list[dict[str, Any]]) -> Path:
    """Put a task's rows in the place of those that it had."""
    fresh = [{**row, "commit": code_version()} for row in rows]
    old = (
        [row for row in read(what) if row["task"] != task] if (OUT / f"{what}.csv").exists() else []
    )
    everything = sorted([*old, *fresh], key=lambda row: TASKS.index(row["task"]))
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(n for row in everything for n in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(everything)
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{what}.csv"
    path.write_text(text.getvalue())
    return path


def read(what: str) -> list[Row]:
    """The rows of one table, numbers as text."""
    with (OUT / f"{what}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def by_task(what: str) -> dict[str, list[Row]]:
    """Its rows by task."""
    rows = read(what)
    return {
        name: [r for r in rows if r["task"] == name]
        for name in dict.fromkeys(r["task"] for r in rows)
    }


def mean(rows: list[Row], name: str) -> float | None:
    """Mean of a column over the rows that have it."""
    values = [float(row[name]) for row in rows if row.get(name)]
    return float(np.mean(values)) if values else None


def number(value: float | None) -> str:
    """Two decimals, or a dash."""
    return "–" if value is None else f"{value:.2f}"


def percent(value: float | None, digits: int = 0) -> str:
    """A share in per cent, or a dash."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


SCORES = {
    "diagonal": "distance",
    "mahalanobis": "Mahalanobis",
    "outlier": "outlier",
    "energy": "energy",
    "combined": "outlier + energy",
    "ensemble": "ensemble",
}
WITHHELD = {
    "tep": "each of 18 faults",
    "cwru-load": "each of 3 fault types",
    "cwru-loads": "each of 3 fault types",
    "cwru-bearing": "each of 3 faults, 6 bearings",
    "zema-shift-valve": "each of 3 stages, 3 cooler states",
    "zema-shift-pump": "each of 2 stages, 3 cooler states",
}
HOW = ("exchangeable", "new group, calibrated on windows", "new group, calibrated on groups")


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown."""
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def scores_table() -> str:
    """Mean AUROC of windows of each score; of what training takes, the least too."""
    lines = []
    for name, rows in by_task("unknown").items():
        taken = min(float(row["taken"]) for row in rows)
        cells = [number(mean(rows, kind)) for kind in SCORES]
        best = f"**{number(mean(rows, 'taken'))}** (least {taken:.2f})"
        lines.append([name, WITHHELD[name], *cells, best])
    return table(["task", "withheld", *SCORES.values(), "taken by `train`"], lines)


def limits_table() -> str:
    """What the limits make of known and of withheld windows."""
    lines = []
    for name, rows in by_task("unknown").items():
        cells = [percent(mean(rows, "windows at a new state"))]
        for side in ("known", "withheld"):
            said, above = (
                mean(rows, f"{side} {what}") or 0.0
                for what in ("called unknown", "above the limit")
            )
            cells += [percent(said), percent(above - said)]
        lines.append([name, *cells])
    head = [
        "known called unknown",
        "known left open",
        "withheld called unknown",
        "withheld left open",
    ]
    return table(["task", "windows at a new state", *head], lines)


def unknown_alarms_table() -> str:
    """False alarms of unknowns among healthy windows, where the test has healthy ones."""
    lines = []
    for name, rows in by_task("unknown").items():
        at_recall, own = (
            mean(rows, "healthy above at 90 % recall"),
            mean(rows, "healthy called unknown"),
        )
        if at_recall is None or own is None:
            continue
        said = [mean(rows, f"{side} called unknown") for side in ("withheld", "known")]
        months = [f"{share * HOURS_A_MONTH:.0f}" for share in (at_recall, own)]
        lines.append(
            [name, percent(at_recall, 1), months[0], percent(said[0]), percent(own, 1), months[1]]
        )
    head = ["healthy windows above, at 90 % recall", "a month, hourly"]
    own_head = [
        "recall at the limit of training",
        "healthy windows called unknown",
        "a month, hourly",
    ]
    return table(["task", *head, *own_head], lines)


def calibration_table() -> str:
    """Calibration error before and after."""
    lines = []
    for name, (row,) in by_task("calibration").items():
        cells = [
            f"{float(row[f'ece {what} before']):.3f} → {float(row[f'ece {what}']):.3f}"
            for what in ("windows", "recordings")
        ]
        lines.append([name, row["level"], *cells])
    return table(["task", "held out in training", "windows", "recordings"], lines)


def coverage_table() -> str:
    """Coverage of 90 % sets, with the top class kept in brackets."""
    lines = []
    for name, rows in by_task("coverage").items():
        of = {row["how"]: row for row in rows}
        cells = [
            f"{100 * float(of[how]['coverage']):.1f} "
            f"({100 * float(of[how]['coverage, top class kept']):.1f})"
            for how in HOW
        ]
        lines.append([name, *cells])
    return table(["task", "random windows", *HOW[1:]], lines)


def alarms_table() -> str:
    """Recall and false alarms at the threshold of training."""
    lines = []
    for name, (row,) in by_task("alarms").items():
        false = f"{percent(float(row['false alarms']), 1)} of {row['healthy']}"
        month = f"{float(row['a month, hourly']):.0f}"
        lines.append([name, percent(float(row["recall"]), 1), false, month])
    return table(["task", "recall", "false alarms", "a month, diagnosed hourly"], lines)


TABLES: dict[str, Callable[[], str]] = {
    "unknown scores": scores_table,
    "limits": limits_table,
    "alarms of unknowns": unknown_alarms_table,
    "calibration": calibration_table,
    "coverage": coverage_table,
    "alarms": alarms_table,
}


if __name__ == "__main__":
    for title, made in TABLES.items():
        print(f"{title}\n\n{made()}\n")
