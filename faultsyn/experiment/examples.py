"""Real and synthetic windows kept beside the results, for figures.

`examples/<task>__<generator>__<label>.npz`: `real` and `synthetic` `(n, n_channels, n_samples)` and
`meta`, a JSON text (task, generator, label, rate, channels, units, rpm, bearing).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.windows import WindowSet


def save_examples(
    folder: Path, task: str, generator: str, n: int, real: WindowSet, synthetic: WindowSet
) -> None:
    """Keep at most `n` real and `n` synthetic windows of each synthetic class, each file at once.

    - `folder`: the results folder.
    - `real`: training windows in the space of `synthetic`.
    """
    target = folder / "examples"
    target.mkdir(parents=True, exist_ok=True)
    for label in dict.fromkeys(synthetic.labels.tolist()):
        theirs = real.take(np.flatnonzero(real.labels == label)[:n])
        ours = synthetic.take(np.flatnonzero(synthetic.labels == label)[:n])
        meta = {
            "task": task,
            "generator": generator,
            "label": label,
            "rate": None if np.isnan(real.rate) else real.rate,
            "channels": list(real.channels),
            "units": list(real.units),
            "rpm": _number(theirs, "rpm"),
            "bearing": _text(theirs, "bearing"),
        }
        path = target / f"{task}__{generator}__{label}.npz"
        handle, made = tempfile.mkstemp(prefix=".example-", suffix=".npz", dir=target)
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(
                file, real=theirs.x, synthetic=ours.x, meta=np.array(json.dumps(meta))
            )
        Path(made).chmod(0o644)
        Path(made).replace(path)


def _number(windows: WindowSet, name: str) -> float | None:
    column: Any = windows.table.get(name)
    if column is None or not np.isfinite(column).any():
        return None
    return float(np.nanmedian(column))


def _text(windows: WindowSet, name: str) -> str | None:
    column = windows.table.get(name)
    return str(column[0]) if column is not None and len(column) and column[0] else None
