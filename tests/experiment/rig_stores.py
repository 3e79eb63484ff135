"""A tiny simulated rig, a task on it, and stores of synthetic windows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn import api
from faultsyn.experiment import Task, load_task
from faultsyn.store import Recording, StoreWriter, StreamData

SAMPLES = 1024


def make_rig(folder: Path) -> Path:
    path = folder / "rig.h5"
    api.simulate(path, assets=2, seconds=1.0)
    return path


def rig_task(store: Path, **over: Any) -> Task:
    """Windows of 1024 samples, two of each recording: 16 of each of four classes."""
    changes = {
        "store": str(store),
        "window": {"samples": SAMPLES},
        "cap": {"columns": ["recording"], "n": 2},
    }
    return load_task("rig-bearing", **{**changes, **over})


def write_synthetic(
    path: Path,
    *,
    shots: str = "[]",
    info: dict[str, Any] | None = None,
    lengths: Iterable[int] = (SAMPLES,) * 6,
    label: str = "inner",
) -> Path:
    """Windows of noise from elsewhere, with a passport each."""
    rng = np.random.default_rng(5)
    with StoreWriter(path, info=info or {}) as writer:
        for i, length in enumerate(lengths):
            x = rng.standard_normal((length, 1)).astype(np.float32)
            stream = StreamData("made", x, 12000.0, ("DE",), ("",), ("g",), None)
            recording = Recording(f"w{i}", label, (stream,), "elsewhere", f"{i:064x}", {})
            writer.add(recording, {"generator": "elsewhere", "shots": shots})
    return path
