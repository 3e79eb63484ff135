"""Table and page of a watcher: whole at any time, nothing missing or doubled after a kill."""

from __future__ import annotations

import csv
import logging
import os
import random
import re
import signal
import time
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plant_rig import write_files

from faultsyn import api
from faultsyn.ingest import load_card
from faultsyn.plant import renewing
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.journal import Journal, read_journal
from faultsyn.plant.renewing import RenewedCsv, entries
from faultsyn.plant.watching import Pace, Watcher
from faultsyn.report import watch_page

PACE = Pace(every=0.02, settle=0.05)


def follow(diagnoser: Diagnoser, folder: Path, card: Path, out: Path, once: bool) -> None:
    kept = Journal(out / "journal.jsonl")
    watcher = Watcher(diagnoser, folder, load_card(card), kept, None, PACE)
    for _ in entries(watcher, kept, once, [RenewedCsv(out / "table.csv", kept.path)]):
        pass


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, strict=True))


def journalled(out: Path) -> list[str]:
    done = [entry for entry in read_journal(out / "journal.jsonl") if entry["kind"] == "done"]
    return [made["recording"] for entry in done for made in entry["verdicts"]]


def test_killed_at_any_time_no_row_is_missing_or_doubled(
    diagnoser: Diagnoser, rig: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    whole = [path.read_bytes() for path in write_files(rig, source)]
    for path in folder.iterdir():
        path.unlink()
    rng, table = random.Random(11), out / "table.csv"
    names, seen = set(), 0
    for turn in range(4):  # fewer kills than make a file count as deadly
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside other threads
            worker = get_context("fork").Process(
                target=follow, args=(diagnoser, folder, card, out, False), daemon=True
            )
            worker.start()
        for copy in range(6):
            names.add(f"normal-1797-{10 * turn + copy}")
            target = folder / f"normal-1797-{10 * turn + copy}.npy"
            target.with_suffix(".part").write_bytes(whole[copy % len(whole)])
            target.with_suffix(".part").rename(target)
            time.sleep(rng.uniform(0, 0.05))
            if table.exists():  # a reader finds it whole whenever it looks, and never shorter
                found = rows(table)
                assert {(row["status"], row["windows"]) for row in found} <= {("ok", "11")}
                assert len(found) >= seen
                seen = len(found)
        time.sleep(rng.uniform(0.1, 1.0))
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()
    follow(diagnoser, folder, card, out, True)
    told = [row["recording"] for row in rows(table)]
    assert sorted(told) == sorted(names)
    assert told == journalled(out)


def test_a_kill_between_journal_and_table_is_made_good(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    kept = Journal(tmp_path / "journal.jsonl")
    watcher = Watcher(diagnoser, folder, load_card(card), kept, None, Pace(0.02, 0.0))
    running = entries(watcher, kept, True, [RenewedCsv(tmp_path / "table.csv", kept.path)])
    next(running)
    next(running)  # two are done and written down; the table is renewed after the batch
    assert rows(tmp_path / "table.csv") == []
    running.close()
    follow(diagnoser, folder, card, tmp_path, True)
    assert [row["recording"] for row in rows(tmp_path / "table.csv")] == journalled(tmp_path)


def test_a_table_that_another_hand_changed_is_made_anew(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path, caplog: Any
) -> None:
    folder, card = files
    first, *later = sorted(folder.iterdir())
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for path in later:
        path.rename(hidden / path.name)
    follow(diagnoser, folder, card, tmp_path, True)
    kept = Journal(tmp_path / "journal.jsonl")
    table = RenewedCsv(tmp_path / "table.csv", kept.path)
    table.renew()
    with (tmp_path / "table.csv").open("a") as file:
        file.write("my own note\n")
    table.renew()
    assert [row["recording"] for row in rows(tmp_path / "table.csv")] == [first.stem]
    # One that cannot be written is said, and tried again after the next look.
    (tmp_path / "table.csv").unlink()
    (tmp_path / "table.csv").mkdir()
    renewal = renewing._Renewal([table])
    with caplog.at_level(logging.WARNING):
        renewal.renew()
    assert "cannot be written now" in caplog.text
    assert not list(tmp_path.glob(".table.csv-*"))
    (tmp_path / "table.csv").rmdir()
    renewal.renew()
    assert len(rows(tmp_path / "table.csv")) == 1
    kept.close()


def test_the_page_shows_the_latest_and_goes_on_after_a_restart(
    artefact: Path, files: tuple[Path, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    folder, card = files
    monkeypatch.setattr(watch_page, "MOST_VERDICTS", 3)
    card.write_text(card.read_text().replace("machine-{number}", "<pump>"))
    outputs = {"html": tmp_path / "out" / "page.html", "csv": tmp_path / "out" / "table.csv"}
    options = {"card": card, "once": True, "settle": 0.0, **outputs}
    names = [path.name for path in sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)]
    list(api.watch(artefact, folder, **options))
    page = outputs["html"].read_text()
    cards = set(re.findall(r"<h3>(\S+): ", page))
    table = re.search(r'<section id="verdicts">.*?</section>', page, re.DOTALL)
    assert table is not None
    assert all(f"{Path(name).stem}</td>" in table[0] for name in names[-3:])
    assert f"{Path(names[0]).stem}</td>" not in table[0]
    assert f"{len(names) - 3} more are in the JSON and CSV" in page
    assert f"&lt;pump&gt;: {len(names)} recordings" in page
    assert "<pump>" not in page
    assert len(rows(outputs["csv"])) == len(names)
    # Again from the journal alone: the same machines and recordings, drawn from their files.
    outputs["html"].unlink()
    np.save(folder / "normal-1797-77.npy", 1e3 * np.load(folder / names[0]))
    told = list(api.watch(artefact, folder, **options))
    assert [entry["file"] for entry in told] == ["normal-1797-77.npy"]
    again = outputs["html"].read_text()
    assert f"&lt;pump&gt;: {len(names) + 1} recordings" in again
    assert cards <= {*re.findall(r"<h3>(\S+): ", again)}
    assert "normal-1797-77</td>" in again


def test_trends_are_the_same_after_a_restart(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    card.write_text(card.read_text().replace("machine-{number}", "pump"))
    whole = sorted(folder.iterdir())
    for number, path in enumerate(whole):
        os.utime(path, (number, number))
    for path in whole[2:]:
        path.rename(tmp_path / path.name)
    trends = []
    for path in [None, *whole[2:]]:  # a new watcher for every file, and one that sees all
        if path is not None:
            (tmp_path / path.name).rename(path)
        kept = Journal(tmp_path / "journal.jsonl")
        watcher = Watcher(diagnoser, folder, load_card(card), kept, None, Pace(0.02, 0.0))
        list(watcher.run(once=True))
        kept.close()
        trends.append(watcher.trends)
    told = trends[-1].of("pump").as_json()
    assert len(told["recordings"]) == len(whole)
    kept = Journal(tmp_path / "other.jsonl")
    watcher = Watcher(diagnoser, folder, load_card(card), kept, None, Pace(0.02, 0.0))
    list(watcher.run(once=True))
    assert watcher.trends.of("pump").as_json() == told


@pytest.mark.parametrize("long", [True, False])
def test_a_long_batch_renews_in_between(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path, monkeypatch: Any, long: bool
) -> None:
    folder, card = files
    monkeypatch.setattr(renewing, "LONG_BATCH", -1.0 if long else 1e9)
    kept = Journal(tmp_path / "journal.jsonl")
    watcher = Watcher(diagnoser, folder, load_card(card), kept, None, Pace(0.02, 0.0))
    counts = []
    for _ in entries(watcher, kept, True, [RenewedCsv(tmp_path / "table.csv", kept.path)]):
        counts.append(len(rows(tmp_path / "table.csv")))
    n = len(list(folder.iterdir()))
    assert counts == ([*range(1, n + 1)] if long else [0] * n)
    assert len(rows(tmp_path / "table.csv")) == n
