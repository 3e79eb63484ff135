from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from deadly import die_once, double, double_or_die, fail, note_and_wait, threads

from faultsyn.workers import Lost, Workers


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_unit_is_answered(jobs: int) -> None:
    with Workers(jobs) as workers:
        assert sorted(workers.run(double, range(7))) == [(i, 2 * i) for i in range(7)]


def test_a_unit_that_kills_its_process_is_left_out_and_the_rest_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING), Workers(2) as workers:
        answers = dict(workers.run(double_or_die, range(8)))
    assert answers == {i: Lost("worker died twice") if i == 3 else 2 * i for i in range(8)}
    assert "died twice" in caplog.text


def test_a_unit_whose_process_died_once_is_tried_again(tmp_path: Path) -> None:
    with Workers(2) as workers:
        answers = dict(workers.run(die_once, [tmp_path / "a"]))
    assert answers == {tmp_path / "a": "lived"}


def test_exceptions_reach_the_caller() -> None:
    with pytest.raises(ValueError, match="unit 5"), Workers(2) as workers:
        list(workers.run(fail, [5]))


def test_processes_have_one_thread_and_the_environment_is_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with Workers(2) as workers:
        assert dict(workers.run(threads, [0])) == {0: ("1", "1")}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_processes_that_cannot_start_are_reported_once(tmp_path: Path) -> None:
    code = (
        "from deadly import double\n"
        "from faultsyn.workers import Workers\n"
        "with Workers(2) as workers:\n"  # without the guard that spawned processes need
        "    list(workers.run(double, range(50)))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "InputError: worker processes die before they start" in done.stderr


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def wait_until(what: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = (
        "from pathlib import Path\n"
        "from deadly import note_and_wait\n"
        "from faultsyn.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    with Workers(2) as workers:\n"
        f"        list(workers.run(note_and_wait, [Path({str(noted)!r})]))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    parent = subprocess.Popen([sys.executable, str(script)], env=environment)
    wait_until(lambda: noted.exists() and noted.read_text())
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(int(noted.read_text())))


def _interrupt_when(noted: Path, sent: list[float]) -> None:
    wait_until(lambda: noted.exists() and noted.read_text())
    sent.append(time.monotonic())
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_leaving_early_gives_running_units_up(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    noted = tmp_path / "pid"
    sent: list[float] = []
    # A test run in the background was started with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with contextlib.suppress(KeyboardInterrupt), Workers(2) as workers:
        units = workers.run(note_and_wait, [noted])
        threading.Timer(0.1, _interrupt_when, [noted, sent]).start()
        next(units)
    assert time.monotonic() - sent[0] < 40  # from there on: a busy machine starts workers late
    wait_until(lambda: not alive(int(noted.read_text())))
