"""Characteristic fault orders of rolling bearings from their geometry.

With n rolling elements of diameter d on a pitch circle of diameter D at contact angle a, outer
race fixed (Randall & Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical
Systems and Signal Processing 25, 2011, eq. 1-4), per revolution of the shaft:

    BPFO = n/2 (1 - d/D cos a)        ball pass, outer race
    BPFI = n/2 (1 + d/D cos a)        ball pass, inner race
    FTF  = 1/2 (1 - d/D cos a)        cage
    BSF  = D/(2d) (1 - (d/D cos a)^2) ball spin; a ball defect strikes both races, so its lines
                                      stand at multiples of 2 BSF, which some tables call "BSF"

The table is `data/bearings.csv` (diameters in mm, angle in degrees) of the package, and on top of
it `data/bearings.csv` of the working folder: what stands there is added, and wins where a
designation is in both. A bearing may be named by its geometry instead: balls x ball diameter /
pitch diameter @ contact angle, e.g. "9x7.94/39.04@0".
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.resources import layers

TABLE = "data/bearings.csv"
_NUMBER = r"(\d+(?:\.\d+)?)"
_GEOMETRY = re.compile(rf"(\d+)x{_NUMBER}/{_NUMBER}@{_NUMBER}")


@dataclass(frozen=True)
class FaultOrders:
    """Fault frequencies as multiples of the shaft's rotation frequency."""

    bpfo: float
    bpfi: float
    bsf: float
    ftf: float

    def of(self, label: str) -> float:
        """The order at which a fault of this type strikes: "outer", "inner" or "ball" (2 BSF).

        Raises `InputError` for any other label.
        """
        strikes = {"outer": self.bpfo, "inner": self.bpfi, "ball": 2 * self.bsf}
        if label not in strikes:
            raise InputError(f"no fault order for '{label}'; expected one of {sorted(strikes)}")
        return strikes[label]


@dataclass(frozen=True)
class Bearing:
    """Geometry of one bearing type.

    - `n_balls`: rolling elements in one row.
    - `ball_diameter`, `pitch_diameter`: in the same unit (mm in the table).
    - `contact_angle`: degrees. `source`: where the geometry is from.
    """

    designation: str
    n_balls: int
    ball_diameter: float
    pitch_diameter: float
    contact_angle: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        if self.n_balls < 1 or not 0 < self.ball_diameter < self.pitch_diameter:
            raise InputError(
                f"bearing '{self.designation}': expected at least one ball and "
                f"0 < ball diameter < pitch diameter, got {self.n_balls} balls, "
                f"{self.ball_diameter} and {self.pitch_diameter}"
            )
        if not math.isfinite(self.pitch_diameter):
            raise InputError(f"bearing '{self.designation}': pitch diameter {self.pitch_diameter}")
        if not 0 <= self.contact_angle < 90:
            raise InputError(
                f"bearing '{self.designation}': contact angle {self.contact_angle} degrees is "
                "outside 0 to 90"
            )

    def orders(self) -> FaultOrders:
        """Fault orders of this geometry (equations above)."""
        ratio = self.ball_diameter / self.pitch_diameter
        ratio *= math.cos(math.radians(self.contact_angle))
        spin = self.pitch_diameter / (2 * self.ball_diameter) * (1 - ratio**2)
        half = self.n_balls / 2
        return FaultOrders(half * (1 - ratio), half * (1 + ratio), spin, (1 - ratio) / 2)


def read_bearings(path: str | Path) -> dict[str, Bearing]:
    """Bearings of a table with the columns of `data/bearings.csv`, by designation.

    Raises `InputError` naming the file and line on a missing column, a value that is no number,
    an impossible geometry, or a designation that comes twice.
    """
    found: dict[str, Bearing] = {}
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                bearing = Bearing(
                    row["designation"].strip(),
                    int(row["n_balls"]),
                    float(row["ball_diameter"]),
                    float(row["pitch_diameter"]),
                    float(row["contact_angle"]),
                    row.get("source") or "",
                )
            except KeyError as error:
                raise InputError(f"{path}: no column {error}") from None
            except (AttributeError, TypeError, ValueError) as error:
                raise InputError(f"{path} line {line}: {error}") from None
            if bearing.designation in found:
                raise InputError(f"{path} line {line}: '{bearing.designation}' comes twice")
            found[bearing.designation] = bearing
    return found


def bearings(table: str | Path | None = None) -> Mapping[str, Bearing]:
    """The package's table with the working folder's own, or `table`, on top, by designation."""
    own = layers("bearings", "data", ".csv")
    found: dict[str, Bearing] = {}
    for path in own if table is None else [*own[:1], Path(table)]:
        stat = path.stat()
        found |= _read_once(path, stat.st_mtime_ns, stat.st_size)
    return found


@lru_cache(maxsize=16)
def _read_once(path: Path, changed: int, size: int) -> Mapping[str, Bearing]:
    """A table, read again when it was edited."""
    return read_bearings(path)


def shipped() -> Mapping[str, Bearing]:
    """The package's table alone."""
    return read_bearings(layers("bearings", "data", ".csv")[0])


def find_bearing(designation: str, table: str | Path | None = None) -> Bearing:
    """A bearing of the table, e.g. "6205", or of the geometry that it is named by.

    Raises `InputError` with the nearest designation when it is not in the table and no geometry.
    """
    geometry = _GEOMETRY.fullmatch(designation)
    if geometry:
        n_balls, ball, pitch, angle = geometry.groups()
        return Bearing(designation, int(n_balls), float(ball), float(pitch), float(angle))
    known = bearings(table)
    if designation not in known:
        raise InputError(
            f"bearing '{designation}' is not in the table ({', '.join(known)})",
            f"{_near(designation, known)}add its geometry to {table or TABLE}, or name it like "
            "9x7.94/39.04@0",
        )
    return known[designation]


def orders(designation: str) -> FaultOrders:
    """Fault orders of a bearing of the table, e.g. `orders("6205").bpfo` = 3.585, or of a geometry.

    Raises `InputError` with the nearest designation when it is not in the table and no geometry.
    """
    return find_bearing(designation).orders()


def _near(designation: str, known: Mapping[str, Bearing]) -> str:
    """The designation that was probably meant, as with "SKF 6205-2RS" and "er16k"."""

    def bare(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "", name.lower())

    by_bare = {bare(name): name for name in known}
    inside = [name for name in by_bare if name in bare(designation)]
    near = inside or difflib.get_close_matches(bare(designation), by_bare, n=1)
    return f"did you mean '{by_bare[max(near, key=len)]}'? " if near else ""


def fault_table(found: Bearing, rpm: float | None = None, harmonics: int = 3) -> dict[str, Any]:
    """Geometry, fault orders and, at a shaft speed `rpm` [1/min], frequencies [Hz] of a bearing.

    `orders` and `hz` hold for each of bpfo, bpfi, bsf, ftf its multiples 1 to `harmonics`. Raises
    `InputError` when the speed is not above 0 or no harmonic is wanted.
    """
    if rpm is not None and not (math.isfinite(rpm) and rpm > 0):
        raise InputError(f"bearing '{found.designation}': expected rpm > 0, got {rpm}")
    if harmonics < 1:
        raise InputError(f"bearing '{found.designation}': expected harmonics >= 1, got {harmonics}")
    first = vars(found.orders())
    multiples = {name: [k * at for k in range(1, harmonics + 1)] for name, at in first.items()}
    told: dict[str, Any] = {**vars(found), "orders": multiples}
    if rpm is not None:
        told |= {"rpm": rpm, "shaft_hz": rpm / 60}
        told["hz"] = {name: [at * rpm / 60 for at in of] for name, of in multiples.items()}
    return told
