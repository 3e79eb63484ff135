"""Orders of a planetary stage whose ring stands still: mesh, planet pass, faults of each wheel.

A stage is named by its teeth in the order of power: "30-18-66x3" is a sun of 30 teeth that drives a
carrier of 3 planets of 18 teeth in a ring of 66; "66x3-18-30" the same driven by its carrier, as in
a wind turbine. With zs, zp, zr teeth and n planets, per turn of the carrier (Willis' equation with
the ring at rest; Feng & Zuo, Vibration signal models for fault diagnosis of planetary gearboxes,
Journal of Sound and Vibration 331, 2012):

    sun          (zs + zr) / zs
    mesh         zr, of sun and planets and of planets and ring alike
    planet pass  n, how often a planet passes a fixed place of the ring
    sun fault    n zr / zs, how often one tooth of the sun meets a planet
    planet fault 2 zr / zp, how often one tooth of a planet meets sun or ring
    ring fault   n, how often one tooth of the ring meets a planet

all of it times the carrier's own order. A sensor on the housing hears planets come and go: even a
healthy stage has sidebands of the mesh at distances of the planet pass.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from faultsyn.errors import InputError

_SUN_DRIVES = re.compile(r"(\d+)-(\d+)-(\d+)x(\d+)")
_CARRIER_DRIVES = re.compile(r"(\d+)x(\d+)-(\d+)-(\d+)")
_SHIFTED = 3
"""Teeth by which sun and two planets may miss the ring: wheels with shifted profiles."""


@dataclass(frozen=True)
class Planetary:
    """A stage with its ring at rest.

    - `sun`, `planet`, `ring`: teeth; `n_planets`: planets.
    - `sun_drives`: the driving shaft is the sun's, else the carrier's.
    """

    sun: int
    planet: int
    ring: int
    n_planets: int
    sun_drives: bool = True

    def __post_init__(self) -> None:
        if min(self.sun, self.planet) < 3 or self.n_planets < 1:
            raise InputError(
                f"gears '{self.designation}': expected wheels of at least 3 teeth and a planet"
            )
        if abs(self.sun + 2 * self.planet - self.ring) > _SHIFTED:
            raise InputError(
                f"gears '{self.designation}': a sun of {self.sun} and planets of {self.planet} "
                f"teeth do not fit into a ring of {self.ring}",
                "expected sun-planet-ringxplanets, with ring = sun + 2 planet",
            )

    @property
    def designation(self) -> str:
        """As `parse_planetary` reads it."""
        if self.sun_drives:
            return f"{self.sun}-{self.planet}-{self.ring}x{self.n_planets}"
        return f"{self.ring}x{self.n_planets}-{self.planet}-{self.sun}"

    def orders(self) -> dict[str, float]:
        """Orders as multiples of the driving shaft's rotation (equations above)."""
        sun = (self.sun + self.ring) / self.sun
        carrier = 1 / sun if self.sun_drives else 1.0
        return {
            "driving_shaft": 1.0,
            "driven_shaft": carrier if self.sun_drives else sun,
            "mesh": self.ring * carrier,
            "planet_pass": self.n_planets * carrier,
            "sun_fault": self.n_planets * self.ring / self.sun * carrier,
            "planet_fault": 2 * self.ring / self.planet * carrier,
            "ring_fault": self.n_planets * carrier,
        }


def is_planetary(text: str) -> bool:
    """Whether a text names a planetary stage by its teeth."""
    return any(form.fullmatch(text.replace(" ", "")) for form in (_SUN_DRIVES, _CARRIER_DRIVES))


def parse_planetary(text: str) -> Planetary:
    """A stage of teeth, e.g. "30-18-66x3"; raises `InputError` on teeth that do not fit."""
    bare = text.replace(" ", "")
    if found := _SUN_DRIVES.fullmatch(bare):
        sun, planet, ring, n = map(int, found.groups())
        return Planetary(sun, planet, ring, n)
    if found := _CARRIER_DRIVES.fullmatch(bare):
        ring, n, planet, sun = map(int, found.groups())
        return Planetary(sun, planet, ring, n, sun_drives=False)
    raise InputError(f"gears '{text}': expected teeth like 30-18-66x3 or 66x3-18-30")


def planetary_table(
    stage: Planetary, rpm: float | None = None, harmonics: int = 3
) -> dict[str, Any]:
    """Orders and, at a speed `rpm` [1/min] of the driving shaft, frequencies [Hz].

    In the form of `faultsyn.signal.gear.mesh_table`, with one stage. Raises `InputError` when the
    speed is not above 0 or no harmonic is wanted.
    """
    if rpm is not None and not (math.isfinite(rpm) and rpm > 0):
        raise InputError(f"gears '{stage.designation}': expected rpm > 0, got {rpm}")
    if harmonics < 1:
        raise InputError(f"gears '{stage.designation}': expected harmonics >= 1, got {harmonics}")
    orders: dict[str, Any] = dict(stage.orders())
    orders["mesh"] = [k * orders["mesh"] for k in range(1, harmonics + 1)]
    told: dict[str, Any] = {"teeth": [stage.sun, stage.planet, stage.ring], "orders": orders}
    if rpm is not None:
        hz = rpm / 60
        told["hz"] = {
            name: [k * hz for k in at] if isinstance(at, list) else at * hz
            for name, at in orders.items()
        }
    known = {} if rpm is None else {"rpm": rpm, "shaft_hz": rpm / 60}
    return {"designation": stage.designation, "source": "", **known, "stages": [told]}
