"""Fault frequencies of bearings and gears."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faultsyn.cli.options import Json
from faultsyn.cli.terminal import say, say_json, table

Rpm = Annotated[float | None, typer.Option(help="Shaft speed [1/min]: frequencies in Hz as well.")]
Harmonics = Annotated[int, typer.Option(help="Multiples of each frequency.")]
Table = Annotated[
    Path | None, typer.Option("--table", help="Your own table (*.csv), on top of the package's.")
]

_NAMES = {
    "bpfo": "outer race (BPFO)",
    "bpfi": "inner race (BPFI)",
    "bsf": "ball spin (BSF)",
    "ftf": "cage (FTF)",
}


def bearing(
    designation: Annotated[
        str | None,
        typer.Argument(help="As in the table, or balls x d / D @ angle: 9x7.94/39.04@0."),
    ] = None,
    balls: Annotated[int | None, typer.Option(help="Rolling elements.")] = None,
    ball_diameter: Annotated[float | None, typer.Option(help="d, in the unit of D.")] = None,
    pitch_diameter: Annotated[float | None, typer.Option(help="D.")] = None,
    angle: Annotated[float, typer.Option(help="Contact angle in degrees.")] = 0.0,
    rpm: Rpm = None,
    harmonics: Harmonics = 3,
    own: Table = None,
    as_json: Json = False,
) -> None:
    """Fault frequencies of a bearing, in orders of the shaft and in Hz; without one, the table."""
    from faultsyn import api

    found = api.bearing(
        designation, balls=balls, ball_diameter=ball_diameter, pitch_diameter=pitch_diameter,
        angle=angle, rpm=rpm, harmonics=harmonics, table=own,
    )  # fmt: skip
    if as_json:
        say_json(found)
    elif "bearings" in found:
        rows = [
            [b["designation"], str(b["n_balls"]), *(f"{b[key]:g}" for key in _SIZES), b["source"]]
            for b in found["bearings"]
        ]
        table("Bearings", ["designation", "balls", "d", "D", "angle", "source"], rows)
    else:
        _show_bearing(found)


_SIZES = ("ball_diameter", "pitch_diameter", "contact_angle")


def gear(
    designation: Annotated[
        str | None,
        typer.Argument(
            help="As in the table, or teeth, stage by stage: 32/96+48/80; planetary: 30-18-66x3."
        ),
    ] = None,
    rpm: Rpm = None,
    harmonics: Harmonics = 3,
    own: Table = None,
    as_json: Json = False,
) -> None:
    """Shaft and tooth-mesh frequencies of gears, planetary ones too; without any, the table."""
    from faultsyn import api

    found = api.gear(designation, rpm=rpm, harmonics=harmonics, table=own)
    if as_json:
        say_json(found)
    elif "gears" in found:
        rows = [[g["designation"], g["teeth"], g["source"]] for g in found["gears"]]
        table("Gears", ["designation", "teeth", "source"], rows)
    else:
        _show_gear(found)


def _show_bearing(found: dict[str, Any]) -> None:
    sizes = [f"{found[key]:g}" for key in _SIZES]
    title = (
        f"{found['designation']}: {found['n_balls']} balls, d = {sizes[0]}, D = {sizes[1]}, "
        f"angle {sizes[2]} degrees"
    )
    count = len(found["orders"]["bpfo"])
    rows = [
        [_NAMES[name], *_cells(of, found.get("hz", {}).get(name))]
        for name, of in found["orders"].items()
    ]
    table(title + _at(found), ["order", *_heads(count, "hz" in found)], rows)
    say("A ball defect strikes both races: its lines stand at 2 x BSF and its multiples.")
    if found["source"]:
        say(f"source: {found['source']}")


def _show_gear(found: dict[str, Any]) -> None:
    first = found["stages"][0]
    count, with_hz = len(first["orders"]["mesh"]), "hz" in first
    rows = []
    for stage in found["stages"]:
        lead = "/".join(map(str, stage["teeth"]))
        for name, at in stage["orders"].items():
            orders, hz = _listed(at), stage.get("hz", {}).get(name)
            cells = _cells(orders, None if hz is None else _listed(hz))
            lacking = [""] * ((count - len(orders)) * (2 if with_hz else 1))
            rows.append([f"{lead} {name.replace('_', ' ')}", *cells, *lacking])
    title = f"gears {found['designation']}{_at(found)}"
    table(title, ["order", *_heads(count, with_hz)], rows)
    planetary = "planet_pass" in first["orders"]
    wheel = "wheel's fault order" if planetary else "shaft's order"
    say(f"A damaged tooth shows as sidebands of the mesh lines, at distances of its {wheel}.")
    if planetary:
        say("Planets that pass the sensor make sidebands too, at distances of the planet pass.")
    if found["source"]:
        say(f"source: {found['source']}")


def _listed(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


def _at(found: dict[str, Any]) -> str:
    return f"; {found['rpm']:g} rpm = {found['shaft_hz']:.4g} Hz" if "rpm" in found else ""


def _heads(count: int, with_hz: bool) -> list[str]:
    heads = []
    for k in range(1, count + 1):
        heads += [f"{k}x", f"{k}x [Hz]"] if with_hz else [f"{k}x"]
    return heads


def _cells(orders: list[float], hz: list[float] | None) -> list[str]:
    cells = []
    for k, order in enumerate(orders):
        cells.append(f"{order:.4f}")
        if hz is not None:
            cells.append(f"{hz[k]:.2f}")
    return cells
