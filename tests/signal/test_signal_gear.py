"""Gear orders against a train that is turned tooth by tooth."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.signal.gear import gear_train, gears, mesh_table, parse_train, read_gears


@given(st.integers(3, 60), st.integers(3, 60))
def test_a_stage_agrees_with_counting_teeth(z1: int, z2: int) -> None:
    (stage,) = parse_train(f"{z1}/{z2}").stages()
    first, pairs, meets = (0, 0), 0, 0
    while True:  # one tooth further at a time, until the first pair of teeth meets again
        pairs += 1
        if (pairs % z1, pairs % z2) == first:
            meets += 1
            break
    assert stage.mesh == z1  # teeth that pass in a turn of the driving shaft
    assert stage.driven_shaft == pytest.approx(z1 / z2)
    assert stage.hunting == pytest.approx(meets * z1 / pairs)


def test_a_known_train() -> None:
    # PHM 2009, spur, input at 30 Hz: idler 10 Hz, output 6 Hz, mesh 960 and 480 Hz.
    found = mesh_table(gear_train("PHM09-spur"), rpm=1800, harmonics=2)
    first, second = (stage["hz"] for stage in found["stages"])
    assert first["mesh"] == pytest.approx([960, 1920])
    assert second["mesh"] == pytest.approx([480, 960])
    assert [first["driven_shaft"], second["driving_shaft"], second["driven_shaft"]] == (
        pytest.approx([10, 10, 6])
    )
    assert api.gear("32/96+48/80", rpm=1800, harmonics=2)["stages"] == found["stages"]


def test_a_table_of_the_working_folder_adds_and_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gears.csv").write_text("designation,teeth,source\nmill,17/41,drawing\n")
    assert gear_train("mill").teeth == ((17, 41),)
    assert "PHM09-spur" in gears()
    with pytest.raises(InputError, match="did you mean 'mill'"):
        gear_train("mil")


@pytest.mark.parametrize("text", ["17", "17/0", "17/2", "a/b", "17/41+", ""])
def test_teeth_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="teeth"):
        parse_train(text)


def test_a_bad_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    for rows, message in (
        ("designation,z\na,1\n", "line 2.*columns"),
        ("designation,teeth\na,17/41\na,17/41\n", "twice"),
    ):
        path.write_text(rows)
        with pytest.raises(InputError, match=message):
            read_gears(path)
    with pytest.raises(InputError, match="rpm > 0"):
        mesh_table(parse_train("17/41"), rpm=-1)
