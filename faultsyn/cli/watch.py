"""`diagnose --watch`: one line a recording as files arrive, and what becomes of alarms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faultsyn.cli.terminal import say


def follow(
    artifact: Path,
    folder: Path,
    *,
    sources: Sequence[Path] | None,
    card: str | None,
    csv: Path | None,
    html: Path | None,
    journal: Path | None,
    once: bool,
    every: float,
    settle: float,
    persist: str,
    on: float | None,
    off: float | None,
    as_json: bool,
) -> None:
    """Print every entry of `api.watch`; with JSON, one line each."""
    import json

    from faultsyn import api
    from faultsyn.errors import InputError

    if sources:
        raise InputError("--watch takes the files of its folder, no others")
    if card is None:
        raise InputError("--watch needs --card", "`faultsyn card FOLDER` writes a first one")
    found = re.fullmatch(r"(\d+)/(\d+)", persist)
    if found is None:
        raise InputError(f"--persist: expected n/m such as 2/3, got '{persist}'")
    entries = api.watch(
        artifact, folder, card=card, journal=journal, csv=csv, html=html, once=once, every=every,
        settle=settle, n=int(found[1]), m=int(found[2]), on=on, off=off,
    )  # fmt: skip
    for entry in entries:
        if as_json:
            say(json.dumps(entry, default=str))
        else:
            _show(entry)


def _show(entry: dict[str, Any]) -> None:
    for made in entry["verdicts"]:
        lead = f"{entry['at']}  {made['recording']}: "
        if made["status"] == "refused":
            say(f"{lead}refused, {made['reason']}")
            continue
        warned = f"; {'; '.join(made['warnings'])}" if made["warnings"] else ""
        say(f"{lead}{made['verdict']} ({made['label']} {made['probability']:.2f}){warned}")
    for move in entry["trends"]:
        what = "has left healthy" if move["change"] == "left" else "is healthy again"
        say(
            f"{entry['at']}  TREND {move['asset'] or entry['file']}: {move['channel']} "
            f"{move['statistic']} {what} ({move['deviations']:+.1f} deviations)"
        )
    for change in entry["alarms"]:
        say(f"{entry['at']}  ALARM {change['alarm']}: {change['asset'] or entry['file']}")
