"""Windows of a store that an export is checked on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from faultsyn.errors import FaultsynError, InputError
from faultsyn.plant.posed import Posed
from faultsyn.plant.recorded import measured
from faultsyn.store import Store
from faultsyn.windows import WindowSet, concat

_RECORDINGS = 16
_OF_EACH = 4
_MEMORY = 64 << 20


def windows_of(store: str | Path, posed: Posed) -> WindowSet:
    """A few windows of recordings from all over a store, as a diagnoser takes them.

    Raises `InputError` when none fits the diagnoser.
    """
    if not Path(store).is_file():
        raise InputError(
            f"{store}: no store to check the export on", "give --store with recordings of its kind"
        )
    found, problem = [], ""
    with Store(store, memory_budget=_MEMORY) as opened:
        rows = np.linspace(0, len(opened) - 1, min(_RECORDINGS, len(opened))).round()
        for row in dict.fromkeys(rows.astype(int).tolist()):
            try:
                made = measured(opened.recording(row), posed)
            except (FaultsynError, OSError) as error:
                problem = str(error)
                continue
            if made.windows is None:
                problem = made.problem
            else:
                found.append(made.windows.take(slice(0, _OF_EACH)))
    if not found:
        raise InputError(f"{store}: no recording fits the diagnoser ({problem})")
    return concat(found)
