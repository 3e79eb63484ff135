"""`write_ranking`: which features separate the classes, as JSON, CSV, figures and one page."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn import __version__
from faultsyn.evaluate.ranking import Rule, TaskRanking
from faultsyn.report.feature_figures import ranking_figure, rules_figure
from faultsyn.report.gallery import Picture
from faultsyn.report.html import template, write_text
from faultsyn.report.style import save, styled
from faultsyn.report.tables import Cell, Table
from faultsyn.signal.meaning import Meaning

JSON, CSV, PAGE = "rank.json", "rank.csv", "rank.html"


def write_ranking(found: TaskRanking, out: str | Path, top: int) -> dict[str, Any]:
    """Write `rank.json`, `rank.csv` (every feature), `rank.html` and `figures/` to `out`.

    - `top`: features in the page's table and figure.

    Returns what the JSON holds: the rules, and the features from the best down.
    """
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    told = _told(found)
    pictures = []
    rules = found.ranking.rules()
    with styled():
        for name, caption, figure in (
            (
                "features",
                "Held-out AUROC of the best features for each class (blue: larger values mean the "
                "class or smaller ones do, as on the training groups; red: the other way round), "
                "and what a random forest loses when the feature is shuffled.",
                ranking_figure(found.ranking, found.meanings, top),
            ),
            (
                "rules",
                "The rule of each class on held-out windows: red its own, grey the others; blue "
                "its threshold or thresholds, shaded their range over the training sides.",
                rules_figure(found.ranking, found.meanings, rules),
            ),
        ):
            png = save(figure, folder / "figures", name)
            pictures.append(Picture(name, caption, base64.b64encode(png).decode("ascii")))
    page = template("rank.html").render(
        title=found.task,
        facts=[
            ("Task", found.task),
            ("Features", f"{found.features} ({len(found.meanings)})"),
            ("Held out", f"{found.level}, {len(found.ranking.folds)} groups or sets of them"),
            ("Data hash", found.data_hash),
        ],
        rules=_rule_table(told["rules"]),
        features=_feature_table(told["features"][:top], found.ranking.classes),
        forest=[(row["group"], f"{100 * row['accuracy']:.1f}") for row in told["forest"]],
        pictures=pictures,
        version=__version__,
    )
    told["report"] = str(write_text(folder / PAGE, page))
    write_text(folder / JSON, json.dumps(told, indent=1, allow_nan=False))
    write_text(folder / CSV, _csv(told["features"], found.ranking.classes))
    return told


def rule_in_words(rule: Rule, meaning: Meaning) -> str:
    """ "inner: envelope line at BPFI in 2-3.5 kHz above 3.3 x around"."""
    unit = "" if meaning.unit == "-" else f" {meaning.unit}"
    low, high = (None if v is None else f"{meaning.undo(v):.4g}" for v in (rule.low, rule.high))
    if low is not None and high is not None:
        where = f"between {low} and {high}"
    else:
        where = f"above {low}" if high is None else f"below {high}"
    return f"{rule.label}: {meaning.text} {where}{unit}"


def _told(found: TaskRanking) -> dict[str, Any]:
    ranking, meanings = found.ranking, found.meanings
    area, worst = ranking.auroc(), ranking.worst()
    separation, importance = ranking.separation(), ranking.importance()
    features = [
        {
            "name": meanings[j].name,
            "text": meanings[j].text,
            "unit": meanings[j].unit,
            "separation": float(separation[j]),
            "importance": float(importance[j]),
            "auroc": {c: _number(area[i, j]) for i, c in enumerate(ranking.classes)},
            "worst": {c: _number(worst[i, j]) for i, c in enumerate(ranking.classes)},
        }
        for j in ranking.order()
    ]
    return {
        "task": found.task,
        "level": found.level,
        "features_of": found.features,
        "data_hash": found.data_hash,
        "seed": found.seed,
        "version": __version__,
        "rules": [_rule(rule, meanings[rule.feature]) for rule in ranking.rules()],
        "forest": [{"group": f.group, "accuracy": f.forest} for f in ranking.folds],
        "features": features,
    }


def _rule(rule: Rule, meaning: Meaning) -> dict[str, Any]:
    cuts = {
        "low": None if rule.low is None else meaning.undo(rule.low),
        "high": None if rule.high is None else meaning.undo(rule.high),
        "range": [None if r is None else [meaning.undo(v) for v in r] for r in rule.range],
    }
    scores = ("accuracy", "worst", "blind", "recall", "false_alarms")
    return {
        "label": rule.label,
        "text": rule_in_words(rule, meaning),
        "feature": meaning.name,
        "unit": meaning.unit,
        **cuts,
        **{key: getattr(rule, key) for key in scores},
    }


def _number(value: np.floating[Any]) -> float | None:
    return float(value) if math.isfinite(value) else None


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _rule_table(rules: list[dict[str, Any]]) -> Table:
    head = (
        "rule", "threshold over training sides", "balanced accuracy [%]", "worst group [%]",
        "chosen blindly [%]", "recall [%]", "false alarms [%]",
    )  # fmt: skip
    keys = ("accuracy", "worst", "blind", "recall", "false_alarms")
    rows = tuple(
        (
            Cell(rule["text"]),
            Cell("; ".join(f"{r[0]:.4g} to {r[1]:.4g}" for r in rule["range"] if r is not None)),
            *(Cell(_percent(rule[key])) for key in keys),
        )
        for rule in rules
    )
    return Table("One feature alone, on held-out groups", head, rows, 1)


def _feature_table(features: list[dict[str, Any]], classes: tuple[str, ...]) -> Table:
    rows = []
    for row in features:
        known = [value for value in row["auroc"].values() if value is not None]
        cells = [
            Cell("–" if value is None else f"{value:.3f}", strong=value == max(known))
            for value in row["auroc"].values()
        ]
        rows.append(
            (
                Cell(row["text"], note=row["name"]),
                Cell(f"{row['separation']:.3f}"),
                *cells,
                Cell(f"{100 * row['importance']:.2f}"),
            )
        )
    head = ("feature", "mean AUROC", *classes, "lost when shuffled [points]")
    return Table("Features by their mean AUROC over classes", head, tuple(rows), 1)


def _csv(features: list[dict[str, Any]], classes: tuple[str, ...]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    auroc = [f"auroc {label}" for label in classes]
    worst = [f"worst auroc {label}" for label in classes]
    writer.writerow(["name", "text", "unit", "separation", "importance", *auroc, *worst])
    for row in features:
        lead = [row["name"], row["text"], row["unit"], row["separation"], row["importance"]]
        writer.writerow([*lead, *row["auroc"].values(), *row["worst"].values()])
    return text.getvalue()
