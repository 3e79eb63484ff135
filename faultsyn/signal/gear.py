"""Orders of gears on fixed axes: shafts, tooth mesh, hunting tooth.

A train is one stage after another, each a driving and a driven gear, teeth / teeth, stages joined
by "+": "32/96+48/80" is a pinion of 32 teeth on a gear of 96, on whose shaft one of 48 drives one
of 80. With z1 teeth on z2, per revolution of the driving shaft (Randall, Vibration-based Condition
Monitoring, Wiley 2011, section 2.2.3):

    mesh         z1
    driven shaft z1 / z2
    hunting      gcd(z1, z2) / z2, how often the same two teeth meet

all of it times the driving shaft's own order. A cracked tooth shows as sidebands of the mesh and
its multiples at distances of its shaft's order. The table is `data/gears.csv`, the package's and on
top of it the working folder's. Planetary stages: `faultsyn.signal.planetary`.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.resources import layers

TABLE = "data/gears.csv"
_TRAIN = re.compile(r"\d+/\d+(\+\d+/\d+)*")
_FEWEST_TEETH = 3


@dataclass(frozen=True)
class GearStage:
    """Orders of one stage, as multiples of the input shaft's rotation frequency."""

    driving_teeth: int
    driven_teeth: int
    driving_shaft: float
    driven_shaft: float
    mesh: float
    hunting: float


@dataclass(frozen=True)
class GearTrain:
    """Stages of driving and driven teeth, the input first.

    - `teeth`: `((z1, z2), ...)`. `source`: where they are from.
    """

    designation: str
    teeth: tuple[tuple[int, int], ...]
    source: str = ""

    def __post_init__(self) -> None:
        few = [z for stage in self.teeth for z in stage if z < _FEWEST_TEETH]
        if not self.teeth or few:
            raise InputError(
                f"gears '{self.designation}': expected stages of at least {_FEWEST_TEETH} teeth, "
                f"got {few[0] if few else 'none'}"
            )

    def stages(self) -> tuple[GearStage, ...]:
        """Orders of every stage (equations above)."""
        found, shaft = [], 1.0
        for z1, z2 in self.teeth:
            after = shaft * z1 / z2
            hunting = shaft * math.gcd(z1, z2) / z2
            found.append(GearStage(z1, z2, shaft, after, shaft * z1, hunting))
            shaft = after
        return tuple(found)


def parse_train(text: str, designation: str = "", source: str = "") -> GearTrain:
    """A train of teeth, e.g. "18/27"; raises `InputError` when the text is none."""
    if not _TRAIN.fullmatch(text.replace(" ", "")):
        raise InputError(
            f"gears '{designation or text}': expected teeth like 32/96+48/80, got '{text}'"
        )
    pairs = [stage.split("/") for stage in text.replace(" ", "").split("+")]
    return GearTrain(designation or text, tuple((int(a), int(b)) for a, b in pairs), source)


def read_gears(path: str | Path) -> dict[str, GearTrain]:
    """Trains of a table with the columns designation, teeth and source, by designation.

    Raises `InputError` naming the file on a missing column, teeth that are none, or a designation
    that comes twice.
    """
    found: dict[str, GearTrain] = {}
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            name, teeth = row.get("designation"), row.get("teeth")
            if name is None or teeth is None:
                raise InputError(f"{path} line {line}: expected the columns designation and teeth")
            if name in found:
                raise InputError(f"{path} line {line}: '{name}' comes twice")
            found[name] = parse_train(teeth, name, row.get("source") or "")
    return found


def gears(table: str | Path | None = None) -> Mapping[str, GearTrain]:
    """The package's table with the working folder's own, or `table`, on top, by designation."""
    own = layers("gears", "data", ".csv")
    found: dict[str, GearTrain] = {}
    for path in own if table is None else [*own[:1], Path(table)]:
        found |= read_gears(path)
    return found


def gear_train(designation: str, table: str | Path | None = None) -> GearTrain:
    """A train of the table, or of the teeth that it is named by.

    Raises `InputError` with the nearest designation when it is neither.
    """
    if _TRAIN.fullmatch(designation.replace(" ", "")):
        return parse_train(designation)
    known = gears(table)
    if designation not in known:
        near = difflib.get_close_matches(designation, known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"gears '{designation}' are not in the table ({', '.join(known)})",
            f"{hint}add their teeth to {table or TABLE}, or name them like 32/96+48/80",
        )
    return known[designation]


def mesh_table(train: GearTrain, rpm: float | None = None, harmonics: int = 3) -> dict[str, Any]:
    """Orders and, at an input speed `rpm` [1/min], frequencies [Hz] of every stage.

    `mesh` holds the multiples 1 to `harmonics`. Raises `InputError` when the speed is not above 0
    or no harmonic is wanted.
    """
    if rpm is not None and not (math.isfinite(rpm) and rpm > 0):
        raise InputError(f"gears '{train.designation}': expected rpm > 0, got {rpm}")
    if harmonics < 1:
        raise InputError(f"gears '{train.designation}': expected harmonics >= 1, got {harmonics}")
    stages = []
    for stage in train.stages():
        multiples = [k * stage.mesh for k in range(1, harmonics + 1)]
        orders: dict[str, Any] = {
            "driving_shaft": stage.driving_shaft,
            "driven_shaft": stage.driven_shaft,
            "mesh": multiples,
            "hunting": stage.hunting,
        }
        told = {"teeth": [stage.driving_teeth, stage.driven_teeth], "orders": orders}
        if rpm is not None:
            hz = rpm / 60
            told["hz"] = {
                name: [k * hz for k in at] if isinstance(at, list) else at * hz
                for name, at in orders.items()
            }
        stages.append(told)
    known = {} if rpm is None else {"rpm": rpm, "shaft_hz": rpm / 60}
    return {"designation": train.designation, "source": train.source, **known, "stages": stages}
