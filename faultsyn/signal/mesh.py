"""Where the tooth mesh of a recording's gears stands in its spectrum, and the sidebands around it.

A tooth that is damaged modulates the mesh once a turn of its shaft: sidebands of the mesh and its
multiples at distances of that shaft's order (Randall, "Vibration-based Condition Monitoring", Wiley
2011, section 2.2.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.signal.gear import gear_train
from faultsyn.signal.planetary import is_planetary, parse_planetary

_HARMONICS = (1, 2, 3)
_SIDEBANDS = (-2, -1, 1, 2)


@dataclass(frozen=True)
class Mesh:
    """One pair of wheels.

    - `name`: their teeth. `order`: of the mesh; `shafts`: of the shafts that they sit on, or the
      planet pass. All per turn of the shaft that a recording's speed is of.
    """

    name: str
    order: float
    shafts: tuple[float, ...]

    def lines(self) -> tuple[float, ...]:
        """Orders of the mesh and its second and third multiple."""
        return tuple(k * self.order for k in _HARMONICS)

    def sidebands(self) -> tuple[float, ...]:
        """Orders of the first two sidebands of each shaft to both sides of each of `lines`."""
        return tuple(
            line + side * shaft
            for line in self.lines()
            for shaft in self.shafts
            for side in _SIDEBANDS
        )


def mesh_of(columns: Mapping[str, Any]) -> tuple[Mesh, ...]:
    """Of a recording's `gear` (a train) or else `teeth` (of a wheel on the shaft); none if neither.

    - `columns`: of one recording; values that are no train and no number count as none.
    """
    gear = columns.get("gear")
    if gear not in (None, ""):
        try:
            if is_planetary(str(gear)):
                stage = parse_planetary(str(gear))
                orders = stage.orders()
                return (Mesh(stage.designation, orders["mesh"], (orders["planet_pass"],)),)
            stages = gear_train(str(gear)).stages()
        except InputError:
            return ()
        return tuple(
            Mesh(f"{s.driving_teeth}/{s.driven_teeth}", s.mesh, (s.driving_shaft, s.driven_shaft))
            for s in stages
        )
    try:
        teeth = float(columns.get("teeth") or 0)
    except (TypeError, ValueError):
        return ()
    return (Mesh(f"{teeth:g} teeth", teeth, (1.0,)),) if np.isfinite(teeth) and teeth > 0 else ()


def mesh_of_all(table: Mapping[str, Any]) -> tuple[Mesh, ...]:
    """The gears of windows that all have the same; none if they differ.

    - `table`: columns of windows.
    """
    row = {}
    for name in ("gear", "teeth"):
        values = set(np.asarray(table.get(name, np.zeros(0))).tolist())
        if len(values) == 1:
            row[name] = values.pop()
        elif values:
            return ()
    return mesh_of(row)
