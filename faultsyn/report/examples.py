"""Real and synthetic windows that a study kept for its figures.

`examples/<task>__<generator>__<label>.npz` holds `real` and `synthetic` `(n, C, T)` and `meta`, one
JSON text: task, generator, label, rate [Hz] (null for feature rows), channels, units, and, where
the recordings have them, rpm [1/min] and bearing.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Example:
    """Real and synthetic windows of one class, by one generator.

    - `real`, `synthetic`: float64 `(n, C, T)`. `rate`: Hz, or None for feature rows.
    - `rpm`: shaft speed [1/min], `bearing`: designation; None where unknown. `meshes`: of
      the gears that all windows have.
    """

    task: str
    generator: str
    label: str
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    rate: float | None
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rpm: float | None
    bearing: str | None
    meshes: tuple[Mesh, ...] = ()


def read_examples(folder: Path) -> list[Example]:
    """The examples of a results folder, by file name; those without windows are left out.

    Raises `InputError` naming a file that is not an example.
    """
    found = [_read(path) for path in sorted((folder / "examples").glob("[!.]*.npz"))]
    return [example for example in found if len(example.real) and len(example.synthetic)]


def _read(path: Path) -> Example:
    try:
        with np.load(path, allow_pickle=False) as data:
            meta: dict[str, Any] = json.loads(str(data["meta"].ravel()[0]))
            real, synthetic = (np.asarray(data[k], np.float64) for k in ("real", "synthetic"))
        example = Example(
            task=meta["task"],
            generator=meta["generator"],
            label=meta["label"],
            real=real,
            synthetic=synthetic,
            rate=_number(meta.get("rate")),
            channels=tuple(meta["channels"]),
            units=tuple(meta.get("units") or ("",) * len(meta["channels"])),
            rpm=_number(meta.get("rpm")),
            bearing=meta.get("bearing") or None,
        )
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: not an example of real and synthetic windows ({error})"
        ) from None
    if real.ndim != 3 or synthetic.ndim != 3 or real.shape[1:] != synthetic.shape[1:]:
        raise InputError(
            f"{path}: expected windows (n, channels, samples) of one shape, got real "
            f"{real.shape} and synthetic {synthetic.shape}"
        )
    if len(example.channels) != real.shape[1] or len(example.units) != real.shape[1]:
        raise InputError(
            f"{path}: {len(example.channels)} channel names and {len(example.units)} units for "
            f"windows {real.shape}"
        )
    return example


def _number(value: Any) -> float | None:
    """A finite number, else None."""
    if value is None:
        return None
    number = float(value)
    return number if np.isfinite(number) else None
