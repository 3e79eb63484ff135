"""Characteristic fault orders of rolling bearings from their geometry.

With n rolling elements of diameter d on a pitch circle of diameter D at contact angle a, outer
race fixed (Randall & Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical
Systems and Signal Processing 25, 2011, eq. 1-4), per revolution of the shaft:

    BPFO = n/2 (1 - d/D cos a)        ball pass, outer race
    BPFI = n/2 (1 + d/D cos a)        ball pass, inner race
    FTF  = 1/2 (1 - d/D cos a)        cage
    BSF  = D/(2d) (1 - (d/D cos a)^2) ball spin; a ball defect strikes both races, so its lines
                                      stand at multiples of 2 BSF, which some tables call "BSF"

The table `bearings.csv` beside this file (diameters in mm, angle in degrees) may be extended. A
bearing that is not in it may be named by its geometry instead: balls x ball diameter / pitch
diameter @ contact angle, e.g. "9x7.94/39.04@0".
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from faultsyn.errors import InputError

TABLE = Path(__file__).with_name("bearings.csv")
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
    - `contact_angle`: degrees.
    """

    designation: str
    n_balls: int
    ball_diameter: float
    pitch_diameter: float
    contact_angle: float = 0.0

    def __post_init__(self) -> None:
        if self.n_balls < 1 or not 0 < self.ball_diameter < self.pitch_diameter:
            raise InputError(
                f"bearing '{self.designation}': expected at least one ball and "
                f"0 < ball diameter < pitch diameter, got {self.n_balls} balls, "
                f"{self.ball_diameter} and {self.pitch_diameter}"
            )
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
    """Bearings of a table with the columns of `bearings.csv`, by designation.

    Raises `InputError` naming the file and line on a missing column, a value that is no number,
    an impossible geometry, or a designation that comes twice.
    """
    found: dict[str, Bearing] = {}
    with Path(path).open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                bearing = Bearing(
                    row["designation"],
                    int(row["n_balls"]),
                    float(row["ball_diameter"]),
                    float(row["pitch_diameter"]),
                    float(row["contact_angle"]),
                )
            except KeyError as error:
                raise InputError(f"{path}: no column {error}") from None
            except (TypeError, ValueError) as error:
                raise InputError(f"{path} line {line}: {error}") from None
            if bearing.designation in found:
                raise InputError(f"{path} line {line}: '{bearing.designation}' comes twice")
            found[bearing.designation] = bearing
    return found


@cache
def bearings() -> Mapping[str, Bearing]:
    """The package's table, read once."""
    return MappingProxyType(read_bearings(TABLE))


def orders(designation: str) -> FaultOrders:
    """Fault orders of a bearing of the table, e.g. `orders("6205").bpfo` = 3.585, or of a geometry.

    Raises `InputError` with the nearest designation when it is not in the table and no geometry.
    """
    geometry = _GEOMETRY.fullmatch(designation)
    if geometry:
        n_balls, ball, pitch, angle = geometry.groups()
        return Bearing(designation, int(n_balls), float(ball), float(pitch), float(angle)).orders()
    known = bearings()
    if designation not in known:
        near = difflib.get_close_matches(designation, known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"bearing '{designation}' is not in the table ({', '.join(known)})",
            f"{hint}add its geometry to {TABLE.name}, or name it like 9x7.94/39.04@0",
        )
    return known[designation].orders()
