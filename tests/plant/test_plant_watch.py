"""`--watch`: each file exactly once, through kills at any time; alarms that do not flicker."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_rig import write_files

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.ingest import load_card
from faultsyn.plant import watching
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.journal import Journal, read_journal
from faultsyn.plant.persistence import AlarmRule, AlarmState
from faultsyn.plant.watching import Pace, Watcher

NOW = Pace(every=0.02, settle=0.0)


def done(journal: Path) -> list[dict[str, Any]]:
    return [entry for entry in read_journal(journal) if entry["kind"] == "done"]


def look(diagnoser: Diagnoser, folder: Path, card: Path, journal: Path, pace: Pace = NOW) -> None:
    """One watcher that ends when nothing is left."""
    kept = Journal(journal)
    rule = AlarmRule(on=0.5, off=0.25)
    for _ in Watcher(diagnoser, folder, load_card(card), kept, rule, pace).run(once=True):
        pass
    kept.close()


def watch_for_ever(diagnoser: Diagnoser, folder: Path, card: Path, journal: Path) -> None:
    pace = Pace(every=0.02, settle=0.06)
    for _ in Watcher(diagnoser, folder, load_card(card), Journal(journal), None, pace).run(False):
        pass


def test_killed_while_files_arrive_none_is_missed_and_none_done_twice(
    diagnoser: Diagnoser, rig: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    source = tmp_path / "source"
    source.mkdir()
    whole = write_files(rig, source)
    for path in folder.iterdir():
        path.unlink()
    rng = random.Random(5)
    journal = tmp_path / "journal.jsonl"
    fork = get_context("fork")
    names = set()
    for turn in range(6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside other threads
            worker = fork.Process(target=watch_for_ever, args=(diagnoser, folder, card, journal))
            worker.start()
        for copy in range(3):
            origin = whole[(turn + copy) % len(whole)]
            label, rpm, _ = origin.stem.split("-")
            names.add(f"{label}-{rpm}-{100 * turn + copy}.npy")
            data = origin.read_bytes()
            cut = rng.randrange(len(data))
            with (folder / f"{label}-{rpm}-{100 * turn + copy}.npy").open("wb") as file:
                file.write(data[:cut])
                file.flush()
                time.sleep(rng.uniform(0, 0.03))  # a partial file is seen, not read
                file.write(data[cut:])
        time.sleep(rng.uniform(0.0, 0.5))
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()
    before = len(done(journal))
    look(diagnoser, folder, card, journal)
    entries = done(journal)
    assert before > 0  # the kills came in the middle of work
    assert sorted(entry["file"] for entry in entries) == sorted(names)
    for entry in entries:
        (made,) = entry["verdicts"]
        assert (made["status"], made["windows"]) == ("ok", 11), made["reason"]


def test_a_file_that_is_still_written_is_not_read(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    folder, card = files
    data = (origin := next(folder.glob("outer-*.npy"))).read_bytes()
    for path in folder.iterdir():
        path.unlink()
    clock = [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock[0])
    watcher = Watcher(
        diagnoser, folder, load_card(card), Journal(tmp_path / "j"), None, Pace(1.0, settle=2.0)
    )

    def look_at(now: float) -> list[str]:
        clock[0] = now
        return [entry["verdicts"][0]["status"] for entry in watcher.poll()]

    with (folder / origin.name).open("wb") as file:
        for now, share in ((0, 3), (1.5, 2), (3.0, 1)):  # grows faster than it may settle
            file.write(data[file.tell() : len(data) // share])
            file.flush()
            assert look_at(now) == []
    assert look_at(4.9) == []
    assert look_at(5.1) == ["ok"]
    assert look_at(99) == []


def test_a_file_that_changes_while_it_is_read_is_left_for_later(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    folder, card = files
    first = sorted(folder.iterdir())[0]
    good, touched = watching.measure, []

    def slow(source: Any, posed: Any) -> Any:
        yield from good(source, posed)
        if source.matches[0].relative == first.name and not touched:
            touched.append(True)
            np.save(first, 2 * np.load(first))

    monkeypatch.setattr(watching, "measure", slow)
    kept = Journal(tmp_path / "j")
    watcher = Watcher(diagnoser, folder, load_card(card), kept, None, NOW)
    assert first.name not in {entry["file"] for entry in watcher.poll()}
    assert [entry["file"] for entry in watcher.poll()] == [first.name]
    kept.close()


def test_a_torn_line_is_taken_off_wherever_it_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    kept = Journal(path)
    kept.append({"kind": "done", "file": "a", "limit": float("inf")})
    size = path.stat().st_size
    kept.append({"kind": "done", "file": "é\n\r\u2028"})
    kept.close()
    data = path.read_bytes()
    for cut in range(size, len(data) + 1):
        path.write_bytes(data[:cut])
        kept = Journal(path)
        kept.append({"kind": "done", "file": "c"})
        kept.close()
        names = [entry.get("file") for entry in read_journal(path)]
        assert names == [None, "a", *(["é\n\r\u2028"] if cut == len(data) else []), "c"]
    assert next(e for e in read_journal(path) if e.get("file") == "a")["limit"] is None


def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for text, says in (("mine", "no watch journal"), ("mine\nmore\n", "line 1: damaged")):
        path.write_text(text)
        with pytest.raises(InputError, match=says):
            Journal(path)
        assert path.read_text() == text
    path.unlink()
    kept = Journal(path)
    for _ in range(2):
        kept.append({"kind": "done"})
    with pytest.raises(InputError, match="another process"):
        Journal(path)
    kept.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"x" + lines[1][1:] + lines[2])
    with pytest.raises(InputError, match="line 2: damaged"):
        Journal(path)


def test_a_file_that_ends_the_process_is_refused_in_the_end(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    folder, card = files
    journal = tmp_path / "j.jsonl"
    bad = sorted(folder.iterdir())[0].name
    good = watching.measure

    def deadly(source: Any, posed: Any) -> Any:
        if source.matches[0].relative == bad:
            raise KeyboardInterrupt  # as a kill: nothing after it runs
        return good(source, posed)

    monkeypatch.setattr(watching, "measure", deadly)
    deaths = 0
    for _ in range(watching.MOST_TRIES + 3):
        kept = Journal(journal)
        watcher = Watcher(diagnoser, folder, load_card(card), kept, None, NOW)
        try:
            list(watcher.run(once=True))
        except KeyboardInterrupt:
            deaths += 1
        kept.close()
    verdicts = {entry["file"]: entry["verdicts"][0] for entry in done(journal)}
    assert deaths == watching.MOST_TRIES
    assert verdicts[bad]["status"] == "refused"
    assert "5 times" in verdicts[bad]["reason"]
    assert sum(made["status"] == "ok" for made in verdicts.values()) == len(verdicts) - 1


def test_changed_files_are_new_and_touched_ones_are_not(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    journal = tmp_path / "j.jsonl"
    first, second, *_ = sorted(folder.iterdir())
    (folder / "not-of-the-card.txt").write_text("x")
    (folder / "normal-1797-999.npy").write_bytes(b"")  # not begun to be written
    look(diagnoser, folder, card, journal)
    count = len(done(journal))
    assert count == len(list(folder.glob("*.npy"))) - 1
    os.utime(first, (1, 1))
    look(diagnoser, folder, card, journal)
    assert len(done(journal)) == count
    np.save(second, 2 * np.load(second))
    look(diagnoser, folder, card, journal)
    look(diagnoser, folder, card, journal)
    assert [entry["file"] for entry in done(journal)[count:]] == [second.name]


def test_a_corrupt_file_is_refused_and_the_rest_goes_on(
    diagnoser: Diagnoser, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    (folder / "inner-1797-0.npy").write_bytes(b"\x93NUMPY broken")
    look(diagnoser, folder, card, tmp_path / "j.jsonl")
    verdicts = {entry["file"]: entry["verdicts"][0] for entry in done(tmp_path / "j.jsonl")}
    assert verdicts["inner-1797-0.npy"]["status"] == "refused"
    assert sum(made["status"] == "ok" for made in verdicts.values()) == len(verdicts) - 1


RULE = AlarmRule(on=0.8, off=0.3, n=2, m=3)


def changes(rule: AlarmRule, values: list[float]) -> list[str | None]:
    state = AlarmState(rule)
    return [state.update(value) for value in values]


def test_alarms_need_persistence_and_clear_with_hysteresis() -> None:
    assert changes(RULE, [0.9, 0.1, 0.1, 0.9, 0.1]) == [None] * 5  # single ones are chance
    assert changes(RULE, [0.9, 0.5, 0.9]) == [None, None, "raised"]
    # Between the thresholds nothing changes: neither raised nor cleared.
    assert changes(RULE, [0.9, 0.9, 0.5, 0.5, 0.5, 0.2, 0.5, 0.2]) == [
        None, "raised", None, None, None, None, None, "cleared",
    ]  # fmt: skip
    assert changes(RULE, [0.5, 0.7, 0.79]) == [None] * 3


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(1, 6), st.data())
def test_alarms_against_a_plain_recount(values: list[float], m: int, data: Any) -> None:
    n = data.draw(st.integers(m // 2 + 1, m))
    rule = AlarmRule(on=0.6, off=0.4, n=n, m=m)
    raised = False
    for at, change in enumerate(changes(rule, values)):
        last = values[max(0, at - m + 1) : at + 1]
        high, low = sum(v >= 0.6 for v in last), sum(v < 0.4 for v in last)
        expected = None
        if not raised and high >= n:
            expected, raised = "raised", True
        elif raised and low >= n:
            expected, raised = "cleared", False
        assert change == expected
        assert not (high >= n and low >= n)


@pytest.mark.parametrize(
    "settings", [{"n": 1, "m": 2}, {"n": 4, "m": 3}, {"off": 0.9}, {"on": 1.5}]
)
def test_rules_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="alarm: expected"):
        AlarmRule(**{"on": 0.8, "off": 0.3, **settings})


def test_alarms_go_on_after_a_restart(
    diagnoser: Diagnoser, rig: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    faulty = np.load(next(folder.glob("outer-*.npy")))
    for path in folder.iterdir():
        path.unlink()
    journal = tmp_path / "j.jsonl"
    card.write_text(card.read_text().replace("machine-{number}", "pump"))
    raised = []
    for number in range(3):
        np.save(folder / f"outer-1797-{number}.npy", faulty)
        look(diagnoser, folder, card, journal)
        raised.append([change["alarm"] for change in done(journal)[-1]["alarms"]])
    assert raised == [[], ["raised"], []]
    assert done(journal)[1]["alarms"][0]["asset"] == "pump"


def test_the_verb_watches(
    artefact: Path, files: tuple[Path, Path], monkeypatch: Any, capsys: Any
) -> None:
    from faultsyn.cli.app import main

    folder, card = files
    common = ["faultsyn", "diagnose", str(artefact), "--watch", str(folder), "--card", str(card)]
    monkeypatch.setattr("sys.argv", [*common, "--once", "--settle", "0", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kept = folder.with_name(f"{folder.name}.watch.jsonl")
    assert [entry["file"] for entry in told] == [entry["file"] for entry in done(kept)]
    assert list(api.watch(artefact, folder, card=card, once=True, settle=0)) == []
    monkeypatch.setattr("sys.argv", [*common, "--persist", "1/4"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "got 1 of 4" in capsys.readouterr().err
