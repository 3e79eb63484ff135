"""Fault orders of bearings and mesh orders of gears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faultsyn.errors import InputError


def bearing(
    designation: str | None = None,
    *,
    balls: int | None = None,
    ball_diameter: float | None = None,
    pitch_diameter: float | None = None,
    angle: float = 0.0,
    rpm: float | None = None,
    harmonics: int = 3,
    table: str | Path | None = None,
) -> dict[str, Any]:
    """Fault orders and, at a speed, fault frequencies of a bearing; without one, the table.

    - `designation`: of the table, or balls x ball diameter / pitch diameter @ angle:
      "9x7.94/39.04@0". Or give `balls`, `ball_diameter`, `pitch_diameter` (one unit) and `angle`
      [degrees].
    - `rpm`: shaft speed [1/min]. `harmonics`: multiples of each frequency.
    - `table`: a file of your own on top of the package's; `data/bearings.csv` of the working folder
      when left out.

    Returns geometry, source, `orders` and `hz`, each fault's multiples in a list; or `bearings`.
    Raises `InputError` on an unknown bearing (with the nearest) or an impossible geometry.
    """
    from faultsyn.signal import Bearing, bearings, fault_table, find_bearing

    if designation is not None:
        return fault_table(find_bearing(designation, table), rpm, harmonics)
    if balls is None and ball_diameter is None and pitch_diameter is None:
        return {"bearings": [vars(known) for known in bearings(table).values()]}
    if balls is None or ball_diameter is None or pitch_diameter is None:
        raise InputError("a bearing's geometry needs balls, ball diameter and pitch diameter")
    named = f"{balls}x{ball_diameter:g}/{pitch_diameter:g}@{angle:g}"
    found = Bearing(named, balls, ball_diameter, pitch_diameter, angle)
    return fault_table(found, rpm, harmonics)


def gear(
    designation: str | None = None,
    *,
    rpm: float | None = None,
    harmonics: int = 3,
    table: str | Path | None = None,
) -> dict[str, Any]:
    """Shaft, tooth-mesh and hunting-tooth orders of a gear train; without one, the table.

    - `designation`: of the table, or teeth on teeth, stage by stage: "32/96+48/80"; or a planetary
      stage, sun-planet-ring x planets: "30-18-66x3", or "66x3-18-30" driven by its carrier.
    - `rpm`: speed of the input shaft [1/min]; `harmonics`, `table` as of `bearing` (`gears.csv`).
    """
    from faultsyn.signal import gear_train, gears, mesh_table
    from faultsyn.signal.planetary import is_planetary, parse_planetary, planetary_table

    if designation is not None and is_planetary(designation):
        return planetary_table(parse_planetary(designation), rpm, harmonics)
    if designation is not None:
        return mesh_table(gear_train(designation, table), rpm, harmonics)
    return {
        "gears": [
            {
                "designation": name,
                "teeth": "+".join(f"{a}/{b}" for a, b in train.teeth),
                "source": train.source,
            }
            for name, train in gears(table).items()
        ]
    }
