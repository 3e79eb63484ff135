"""Diagnosers for the plant: train, diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.generate import Folder, FoldName, Seed
from faultsyn.cli.options import Json, StorePath
from faultsyn.cli.terminal import progress_bar, say, say_json, shortened, table

ArtifactPath = Annotated[Path, typer.Argument(help="A diagnoser's folder.", metavar="ARTEFACT")]
Card = Annotated[str | None, typer.Option(help="Dataset card that says how files are read.")]


def train(
    store: StorePath,
    task: Annotated[str, typer.Option(help="A task: its name, or a path (*.yaml).")],
    classifier: Annotated[str, typer.Option(help="A preset: its name, or a path (*.yaml).")],
    out: Folder,
    generator: Annotated[
        str, typer.Option(help="A preset that makes more fault windows.")
    ] = "none",
    k: Annotated[str, typer.Option(help="Windows of each fault to learn from, or 'all'.")] = "all",
    n: Annotated[int | None, typer.Option(help="Windows to make of each fault.")] = None,
    fold: FoldName = None,
    coverage: Annotated[float, typer.Option(help="Stated coverage of prediction sets.")] = 0.9,
    recall: Annotated[
        float | None,
        typer.Option(help="Faults that alarms shall recall (default: fault likelier than not)."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a diagnoser: an artefact with everything that a verdict needs."""
    from faultsyn import api
    from faultsyn.errors import InputError

    if k != "all" and not k.isdigit():
        raise InputError(f"--k: expected a number or 'all', got '{k}'")
    with progress_bar("training", as_json) as progress:
        made = api.train(
            store, task=task, classifier=classifier, out=out, generator=generator,
            k=int(k) if k.isdigit() else k, n_synthetic=n, fold=fold, coverage=coverage,
            recall=recall, seed=seed, progress=progress,
        )  # fmt: skip
    if as_json:
        say_json(made)
        return
    show_trained(made)


def show_trained(made: dict[str, Any]) -> None:
    """What held-out parts of the training recordings said of a diagnoser."""
    told, measured = made["provenance"]["train"], made["measured"]
    counts = ", ".join(f"{name}: {count}" for name, count in told["windows"].items())
    rows = [["task", told["task"]], ["windows", counts], ["held out", made["held_out"]]]
    if measured:
        rows += [
            ["held-out recordings", str(measured["held_out_recordings"])],
            ["balanced accuracy", f"{100 * measured['balanced_accuracy']:.1f} %"],
            [
                "calibration error",
                f"{measured['ece']:.3f} (before: {measured['ece_uncalibrated']:.3f})",
            ],
            [
                f"mean size of {100 * made['coverage']:g} % sets",
                f"{measured['set_size']:.2f} of {len(made['classes'])} classes",
            ],
        ]
        rows += [
            [f"unknown AUROC, {kind}", f"{area:.3f}"]
            for kind, area in measured["unknown_auroc"].items()
        ]
        for what, key in (("alarms", "alarm"), ("to recall 95 %", "alarm_at_95")):
            if key in measured:
                rows.append([what, _alarms(measured[key])])
    else:
        rows.append(["confidence", "none stated: a class has one window only"])
    table("trained", ["", ""], rows)
    say(f"artefact: {made['path']}")


def _alarms(rate: dict[str, Any]) -> str:
    """Recall and false alarms, per machine and month when it is diagnosed every hour."""
    from faultsyn.evaluate.alarms import AlarmRate

    months, most = AlarmRate(**rate).a_month(1.0)
    return (
        f"{100 * rate['recall']:.0f} % of faults, {100 * rate['false_alarms']:.1f} % of "
        f"{rate['n_healthy']} healthy: {months:.0f} a month, hourly (at most {most:.0f})"
    )


def diagnose(
    artifact: ArtifactPath,
    sources: Annotated[list[Path] | None, typer.Argument(help="Files, folders or stores.")] = None,
    card: Card = None,
    csv: Annotated[
        Path | None, typer.Option(help="One row a recording, for a spreadsheet.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="A page for people, with evidence.")] = None,
    watch: Annotated[
        Path | None,
        typer.Option(help="A folder: diagnose its files as they arrive, each exactly once."),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(help="Of --watch: where it is kept (default: <folder>.watch.jsonl)."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Of --watch: end when no file is left waiting.")
    ] = False,
    every: Annotated[
        float, typer.Option(help="Of --watch: seconds between looks at the folder.")
    ] = 5.0,
    settle: Annotated[
        float, typer.Option(help="Of --watch: seconds a file must stand still to be read.")
    ] = 2.0,
    persist: Annotated[
        str, typer.Option(help="Of --watch: an alarm takes so many of a machine's last recordings.")
    ] = "2/3",
    on: Annotated[
        float | None,
        typer.Option(help="Of --watch: fault probability that counts (default: as trained)."),
    ] = None,
    off: Annotated[
        float | None,
        typer.Option(help="Of --watch: below it counts against (default: half of --on)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong with every recording, how sure that is, and when it is unknown."""
    from faultsyn import api

    if watch is not None:
        from faultsyn.cli.watch import follow

        follow(
            artifact, watch, sources=sources, card=card, csv=csv, html=html, journal=journal,
            once=once, every=every, settle=settle, persist=persist, on=on, off=off,
            as_json=as_json,
        )  # fmt: skip
        return

    with progress_bar("diagnosing", as_json) as progress:
        found = api.diagnose(
            artifact, sources or [], card=card, csv=csv, html=html, progress=progress
        )
    if as_json:
        say_json(found)
        return
    show_verdicts(found)
    if html is not None:
        say(f"page: {found['page']}")


def show_verdicts(found: dict[str, Any]) -> None:
    """One line a recording, refusals with their reasons, and the count of each verdict."""
    good = [made for made in found["verdicts"] if made["status"] == "ok"]
    if good:
        head = ["recording", "verdict", "most probable", "runner-up", "set", "alarm"]
        table("verdicts", head, shortened([_row(made) for made in good]))
    for made in good:
        for warning in made["warnings"]:
            say(f"warning: {made['recording']}: {warning}")
    for trend in found["trends"]:
        for line in _trend_lines(trend):
            say(line)
    for made in found["verdicts"]:
        if made["status"] == "refused":
            say(f"refused: {made['recording']}: {made['reason']}")
    for name in found["unmatched"]:
        say(f"not known to the card: {name}")
    say(", ".join(f"{name}: {count}" for name, count in found["counts"].items()) or "no recordings")


_MOST_MOVES = 3


def _trend_lines(trend: dict[str, Any]) -> list[str]:
    """What of a machine's level statistics is outside healthy now, rises or falls."""
    who = f"trend: {trend['asset'] or 'all recordings'}: "
    lines = []
    for row in trend["notable"][:_MOST_MOVES]:
        said = []
        if row["outside_since"] is not None:
            since, by = row["outside_since"], row["deviations"]
            said.append(f"outside healthy since {since} ({by:+.1f} deviations)")
        if row["direction"]:
            said.append(f"{row['direction']} (p = {row['p']:.1g})")
        lines.append(f"{who}{row['channel']} {row['statistic']} {', '.join(said)}")
    more = len(trend["notable"]) - len(lines)
    return [*lines, f"{who}and {more} more"] if more else lines


def _row(made: dict[str, Any]) -> list[str]:
    alarm = {True: "yes", False: "no", None: "-"}[made["alarm"]]
    inside = "-" if made["prediction_set"] is None else " ".join(made["prediction_set"])
    return [
        made["recording"],
        made["verdict"],
        f"{made['label']} {_rounded(made['probability'])}",
        f"{made['runner_up']} {_rounded(made['runner_up_probability'])}",
        inside,
        alarm,
    ]


def _rounded(p: float) -> str:
    """Two digits that never claim certainty."""
    return f"{min(max(p, 0.01), 0.99):.2f}"
