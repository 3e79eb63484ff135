"""Functions for worker processes to run; importable by spawned ones."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path


def double(unit: int) -> int:
    return 2 * unit


def double_or_die(unit: int) -> int:
    if unit == 3:
        os._exit(9)
    return 2 * unit


def die_once(unit: Path) -> str:
    if unit.exists():
        return "lived"
    unit.touch()
    os._exit(9)


def fail(unit: int) -> int:
    raise ValueError(f"unit {unit}")


def threads(unit: int) -> tuple[str, str]:
    return os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]


def note_and_wait(unit: Path) -> int:
    unit.write_text(str(os.getpid()))
    time.sleep(60)
    return threading.active_count()
