"""Planetary orders against teeth that are counted as the wheels turn."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.signal.mesh import mesh_of
from faultsyn.signal.planetary import Planetary, is_planetary, parse_planetary


def counted(sun: int, planet: int, ring: int, n: int) -> dict[str, Fraction]:
    """Per turn of the carrier, by rolling: the carrier stands, ring and sun turn past it.

    While the carrier makes one turn, the ring makes one turn back in the carrier's frame, which
    moves `ring` teeth past each planet's mesh; the same teeth pass the planet's other side and so
    the sun.
    """
    passed = ring  # teeth at every mesh in a turn of the carrier
    sun_turns = Fraction(passed, sun)  # of the sun against the carrier
    planet_turns = Fraction(passed, planet)
    return {
        "sun": 1 + sun_turns,  # in the fixed frame: the carrier's own turn on top
        "mesh": Fraction(passed),
        "sun_fault": sun_turns * n,  # each turn against the carrier meets n planets
        "planet_fault": planet_turns * 2,  # each turn meets the sun and the ring
        "ring_fault": Fraction(n),
    }


@given(st.integers(12, 60), st.integers(10, 60), st.integers(1, 6))
def test_orders_are_what_is_counted(sun: int, planet: int, n: int) -> None:
    ring = sun + 2 * planet
    turned = counted(sun, planet, ring, n)
    carrier = Planetary(sun, planet, ring, n, sun_drives=False).orders()
    for name in ("mesh", "sun_fault", "planet_fault", "ring_fault"):
        assert carrier[name] == pytest.approx(float(turned[name]))
    assert carrier["driven_shaft"] == pytest.approx(float(turned["sun"]))
    assert carrier["planet_pass"] == n
    by_sun = Planetary(sun, planet, ring, n).orders()
    for name, order in carrier.items():
        if not name.endswith("shaft"):
            assert by_sun[name] == pytest.approx(order / float(turned["sun"]))
    assert by_sun["driven_shaft"] == pytest.approx(1 / carrier["driven_shaft"])
    # Willis: sun teeth that mesh with the carrier's turn taken off are the ring's.
    assert by_sun["mesh"] == pytest.approx(sun * (1 - by_sun["driven_shaft"]))


def test_a_stage_that_is_driven_by_its_sun() -> None:
    """31-32-95 with three planets: ratio 126 / 31, mesh 23.373 per turn."""
    found = api.gear("31-32-95x3", rpm=1800, harmonics=2)
    (stage,) = found["stages"]
    assert stage["orders"]["driven_shaft"] == pytest.approx(31 / 126)
    assert stage["orders"]["mesh"] == pytest.approx([95 * 31 / 126, 2 * 95 * 31 / 126])
    assert stage["hz"]["planet_pass"] == pytest.approx(30 * 3 * 31 / 126)
    assert stage["hz"]["mesh"][0] == pytest.approx(30 * 95 * 31 / 126)


def test_the_mesh_of_a_recording_has_the_planets_as_sidebands() -> None:
    (mesh,) = mesh_of({"gear": "66x3-18-30"})
    assert (mesh.order, mesh.shafts) == (66, (3,))
    assert {60, 63, 69, 72} < set(mesh.sidebands())


@pytest.mark.parametrize("text", ["30-18-66x3", "66x3-18-30"])
def test_names_are_read_back(text: str) -> None:
    assert parse_planetary(text).designation == text
    assert is_planetary(text)


@pytest.mark.parametrize("text", ["30-18-90x3", "2-32-66x3", "30-18-66x0", "32/96", "30-18-66"])
def test_what_is_no_stage_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="gears"):
        parse_planetary(text)
    assert mesh_of({"gear": "30-18-90x3"}) == ()


@pytest.mark.parametrize("wrong", [{"rpm": 0.0}, {"rpm": float("nan")}, {"harmonics": 0}])
def test_speeds_and_harmonics_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        api.gear("30-18-66x3", **wrong)  # type: ignore[arg-type]
