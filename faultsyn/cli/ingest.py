"""Recordings in: simulated rigs, files of a plant."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.store import show_store
from faultsyn.cli.terminal import progress_bar, say, say_json, shortened, table
from faultsyn.errors import InputError

if TYPE_CHECKING:
    from faultsyn.ingest import IngestSummary, Preview

_MOST_FLAGGED = 12


def simulate(
    out: Annotated[Path, typer.Argument(help="The store to write (*.h5).")],
    kind: Annotated[
        str, typer.Option(help="Which rig: bearing, machines or hydraulic.")
    ] = "bearing",
    assets: Annotated[int, typer.Option(help="Machines per fault mode; hydraulic units.")] = 4,
    seconds: Annotated[
        float | None, typer.Option(help="Length of a recording in seconds [5].")
    ] = None,
    cycles: Annotated[int, typer.Option(help="Hydraulic: cycles at each stage of wear.")] = 2,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal rigs.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a rig's recordings from physics: no download, truth known."""
    from faultsyn import api

    with progress_bar("simulating", as_json) as progress:
        summary = api.simulate(
            out, kind=kind, assets=assets, seconds=seconds, cycles=cycles, seed=seed,
            progress=progress,
        )  # fmt: skip
    show_store(summary, as_json)


def ingest(
    card: Annotated[str, typer.Argument(help="A dataset card: its name, or a path (*.yaml).")],
    raw: Annotated[Path, typer.Option(help="The folder with the files.")],
    out: Annotated[Path | None, typer.Option(help="The store to write (*.h5).")] = None,
    append: Annotated[
        bool, typer.Option(help="Add to the store; known files are skipped.")
    ] = False,
    skip_bad: Annotated[bool, typer.Option(help="Leave bad files out and say so.")] = False,
    jobs: Annotated[
        int, typer.Option(help="Processes; more than one fill several stores behind an index.")
    ] = 1,
    shards: Annotated[int | None, typer.Option(help="How many stores that are [16].")] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Only show what would go in as what; nothing is written.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a folder of files into a store, as a dataset card says."""
    from faultsyn import api

    if dry_run:
        with progress_bar("looking", as_json) as progress:
            found = api.preview(card, raw, progress=progress)
        _show_preview(found, as_json)
        if found.problems:
            raise typer.Exit(2)
        return
    if out is None:
        raise InputError("no store to write", "give --out X.h5, or --dry-run to look first")
    with progress_bar("ingesting", as_json) as progress:
        summary = api.ingest(
            card,
            raw,
            out,
            append=append,
            on_error="skip" if skip_bad else "stop",
            jobs=jobs,
            shards=shards,
            progress=progress,
        )
    _show_ingest(summary, out, as_json)


def _show_ingest(summary: IngestSummary, out: Path, as_json: bool) -> None:
    if as_json:
        # Not asdict: it takes counters apart.
        fields = dict(vars(summary))
        for name in ("problems", "excluded", "flagged"):
            fields[name] = [vars(entry) for entry in fields[name]]
        say_json(fields)
        return
    rows = [
        [label, str(count), str(summary.assets.get(label, 0))]
        for label, count in sorted(summary.labels.items())
    ]
    table(f"{summary.card} -> {out}", ["label", "recordings", "assets"], shortened(rows))
    for flag, count in sorted(summary.flags.items()):
        say(f"flag {flag}: {count} recordings")
    for flagged in summary.flagged[:_MOST_FLAGGED]:
        say(f"  {flagged.recording}: {flagged.text}: {flagged.evidence}")
    if len(summary.flagged) > _MOST_FLAGGED:
        say(f"  ... and {len(summary.flagged) - _MOST_FLAGGED} more")
    for problem in summary.excluded:
        say(f"excluded by the card: {problem.message}")
    for name in summary.unmatched:
        say(f"no rule of the card matches {name}")
    for problem in summary.problems:
        say(f"left out: {problem.file}: {problem.message}")
    say(
        f"added {summary.added}, known already {summary.skipped}, in {summary.seconds:.1f} s: {out}"
    )


def fetch(
    card: Annotated[str, typer.Argument(help="A dataset card: its name, or a path (*.yaml).")],
    to: Annotated[
        Path | None, typer.Option(help="The folder to put it in (default: data/<card>).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a public data set from its publisher, checked by SHA-256; run it again to go on."""
    from faultsyn import api

    with progress_bar("fetching", as_json) as progress:
        found = api.fetch(card, to=to, progress=progress)
    if as_json:
        say_json({**vars(found), "folder": str(found.folder)})
        return
    for name, digest in found.hashes.items():
        say(f"{name}: the card gives no SHA-256; it is {digest}")
    say(f"fetched {len(found.fetched)}, known already {len(found.known)}: {found.folder}")


def card(
    folder: Annotated[Path, typer.Argument(help="The folder with the files.")],
    out: Annotated[
        Path | None, typer.Option(help="The card to write (*.yaml); without it, the terminal.")
    ] = None,
) -> None:
    """Look at a folder and write a first dataset card, with its guesses marked to be edited."""
    from faultsyn import api

    text = api.card(folder, out=out)
    if out is None:
        say(text.rstrip("\n"))
        return
    marks = sum("# ?" in line for line in text.splitlines()[2:])
    say(f"card: {out}; {marks} lines marked '# ?' to look at")
    say(f"then: faultsyn ingest {out} --raw {folder} --dry-run")


def _show_preview(found: Preview, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "card": found.card,
                "recordings": [
                    {**vars(r), "streams": [vars(s) for s in r.streams]} for r in found.recordings
                ],
                "unmatched": found.unmatched,
                "problems": [vars(problem) for problem in found.problems],
            }
        )
        return
    rows = [
        [r.id, r.file, r.label, str(r.columns.get("asset", "")), str(r.columns.get("rpm", ""))]
        for r in found.recordings
    ]
    table(found.card, ["recording", "file", "label", "asset", "rpm"], shortened(rows))
    kinds = Counter(stream for r in found.recordings for stream in r.streams)
    streams = [
        [
            s.name,
            str(n),
            f"{s.rate:g}",
            ", ".join(f"{c} [{u}]" for c, u in zip(s.channels, s.units, strict=True)),
        ]
        for s, n in kinds.items()
    ]
    table("streams", ["stream", "recordings", "rate [Hz]", "channels"], streams)
    labels = Counter(r.label for r in found.recordings)
    say("labels: " + (", ".join(f"{name} {n}" for name, n in sorted(labels.items())) or "none"))
    for name in found.unmatched[:_MOST_FLAGGED]:
        say(f"no rule of the card matches {name}")
    if len(found.unmatched) > _MOST_FLAGGED:
        say(f"... and {len(found.unmatched) - _MOST_FLAGGED} more files that no rule matches")
    for problem in found.problems[:_MOST_FLAGGED]:
        say(f"would stop: {problem.message}")
    say(f"{len(found.recordings)} recordings would go in; nothing was written")
