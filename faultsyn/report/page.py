"""`write_report`: a results folder becomes figures and one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from faultsyn import __version__
from faultsyn.errors import InputError
from faultsyn.experiment.results import Results
from faultsyn.report.arms import Arms, Setting, counted
from faultsyn.report.claims import Verdict, verdicts
from faultsyn.report.controls import control_results
from faultsyn.report.examples import read_examples
from faultsyn.report.findings import findings
from faultsyn.report.gallery import draw_all
from faultsyn.report.html import template, write_text
from faultsyn.report.leak import leak_gaps
from faultsyn.report.markdown import summary_markdown
from faultsyn.report.tables import (
    Table,
    candidates_table,
    failed_table,
    fold_table,
    metrics_table,
    rivals_table,
    score_table,
)


@dataclass(frozen=True)
class Section:
    """The tables of one setting: the main one, and those that are opened on demand."""

    title: str
    anchor: str
    tables: tuple[Table, ...]
    details: tuple[tuple[str, tuple[Table, ...]], ...]


def write_report(results_dir: str | Path) -> Path:
    """Write `report.html`, `summary.md` and `figures/` into a results folder; return the page.

    Reads `results.csv`, `study.yaml`, `environment.json` and `examples/*.npz`; only the first must
    be there. Raises `InputError` when there are no results, none has a score, or a file is broken.
    """
    results = Results.read(results_dir)
    folder = results.folder or Path(results_dir)
    study = _yaml(folder / "study.yaml")
    methods = _methods(study)
    arms = Arms(results, methods)
    if not len(arms):
        reasons = ", ".join(sorted(set(results["status"].tolist()))) or "the file has no rows"
        raise InputError(f"{folder}/results.csv: no row has a score ({reasons})")
    honest = [setting for setting in arms.settings if not setting.leaks]
    by_setting = {setting: verdicts(arms, setting) for setting in honest}
    gaps = leak_gaps(arms)
    controls = control_results(Arms(results, methods, controls=True))
    pictures = draw_all(arms, gaps, read_examples(folder), folder / "figures")
    title, about = str(study.get("name", folder.resolve().name)), str(study.get("about", ""))
    facts = _facts(arms, honest)
    found = findings(arms, [v for own in by_setting.values() for v in own], gaps, controls)
    tables = [score_table(arms, setting) for setting in arms.settings]
    write_text(folder / "summary.md", summary_markdown(title, about, facts, found, tables))
    page = template("report.html").render(
        title=title,
        about=about,
        facts=facts,
        findings=found,
        sections=[_section(arms, s, by_setting.get(s, [])) for s in arms.settings],
        failed=failed_table(arms),
        pictures=pictures,
        environment=_environment(folder / "environment.json"),
        study=_text(folder / "study.yaml"),
        version=__version__,
    )
    return write_text(folder / "report.html", page)


def _section(arms: Arms, setting: Setting, found: Sequence[Verdict]) -> Section:
    ks = arms.ks(setting)
    details = [
        ("Every held-out group", tuple(fold_table(arms, setting, k) for k in ks)),
        ("All measures", tuple(metrics_table(arms, setting, k) for k in ks)),
    ]
    tables = [score_table(arms, setting)]
    if found:
        tables.append(rivals_table(found))
        details.append(("Every candidate against its nearest rival", (candidates_table(found),)))
    anchor = f"task-{arms.settings.index(setting)}"
    return Section(str(setting), anchor, tuple(tables), tuple(details))


def _facts(arms: Arms, honest: Sequence[Setting]) -> list[tuple[str, str]]:
    """What was run, in a few lines."""
    results = arms.results
    seeds = sorted(set(results["seed"].tolist()))
    n_ok = int((results["status"] == "ok").sum())
    facts = [
        (
            setting.task,
            f"{counted(len(arms.groups(setting)), 'held-out group')} (by {setting.split}), "
            f"{len(arms.classes(setting))} classes, K = {', '.join(arms.ks(setting))}; "
            f"budget: {setting.budget}",
        )
        for setting in honest
    ]
    hashes = {
        f"{task} {data}"
        for task, data in zip(results["task"], results["data_hash"], strict=True)
        if data
    }
    return [
        *facts,
        ("Generators", ", ".join(arms.generators())),
        ("Classifiers", ", ".join(arms.classifiers())),
        ("Seeds", f"{len(seeds)} ({', '.join(map(str, seeds))})"),
        ("Rows", f"{n_ok} with scores, {len(results) - n_ok} without"),
        ("Commit", ", ".join(filter(None, results.values("commit"))) or "unknown"),
        ("Data hash", ", ".join(sorted(hashes)) or "unknown"),
    ]


def _methods(study: Mapping[str, Any]) -> dict[str, str]:
    """The method behind each generator's name, as the study resolved it."""
    listed = study.get("generators", [])
    return {
        str(entry["name"]): str(entry["method"])
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, Mapping) and "name" in entry and "method" in entry
    }


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return data if isinstance(data, dict) else {}


def _environment(path: Path) -> list[tuple[str, str]]:
    """Keys and values of the environment file, nested ones joined by a dot."""
    try:
        data = json.loads(_text(path) or "{}")
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    rows: list[tuple[str, str]] = []

    def add(key: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                add(f"{key}.{name}" if key else str(name), item)
        else:
            rows.append(
                (key, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
            )

    add("", data)
    return rows
