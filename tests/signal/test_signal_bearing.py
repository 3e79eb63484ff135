"""Fault orders against published figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultsyn.errors import InputError
from faultsyn.signal.bearing import Bearing, bearings, orders, read_bearings

HEADER = "designation,n_balls,ball_diameter,pitch_diameter,contact_angle,source\n"


@pytest.mark.parametrize(
    ("designation", "bpfi", "bpfo", "bsf", "ftf"),
    [
        ("6205", 5.4152, 3.5848, 2.3567, 0.39828),  # CWRU Bearing Data Center, drive end
        ("6203", 4.9469, 3.0530, 1.9940, 0.3817),  # CWRU, fan end
        ("ER-16K", 5.43, 3.57, 2.322, 0.397),  # University of Ottawa
        ("ZA-2115", 8.87, 7.09, 4.19, 0.443),  # IMS: 296.9, 236.4, 139.9, 14.8 Hz at 33.33 Hz
        ("UER204", 4.918, 3.082, 2.067, 0.385),  # XJTU-SY: 172.09, 107.91, 72.33, 13.49 Hz at 35 Hz
        ("ER-12K", 4.95, 3.048, 1.992, 0.381),  # SpectraQuest
    ],
)
def test_published_orders(
    designation: str, bpfi: float, bpfo: float, bsf: float, ftf: float
) -> None:
    found = orders(designation)
    assert found.bpfi == pytest.approx(bpfi, rel=5e-3)
    assert found.bpfo == pytest.approx(bpfo, rel=5e-3)
    assert found.bsf == pytest.approx(bsf, rel=5e-3)
    assert found.ftf == pytest.approx(ftf, rel=5e-3)


@pytest.mark.parametrize(
    ("designation", "expected"),
    [("6205", (5.4152, 3.5848, 2.3567, 0.39828)), ("6203", (4.9469, 3.0530, 1.9940, 0.3817))],
)
def test_cwru_orders_to_the_published_digits(designation: str, expected: tuple[float, ...]) -> None:
    found = orders(designation)
    for got, want in zip((found.bpfi, found.bpfo, found.bsf, found.ftf), expected, strict=True):
        assert got == pytest.approx(want, rel=2e-4)


@pytest.mark.parametrize("designation", list(bearings()))
def test_orders_satisfy_their_identities(designation: str) -> None:
    bearing, found = bearings()[designation], orders(designation)
    assert found.bpfi + found.bpfo == pytest.approx(bearing.n_balls)
    assert found.bpfo == pytest.approx(bearing.n_balls * found.ftf)
    assert 0.3 < found.ftf < 0.5


def test_a_ball_defect_strikes_both_races() -> None:
    assert orders("6205").of("ball") == pytest.approx(4.7135, rel=1e-3)
    with pytest.raises(InputError, match="cage"):
        orders("6205").of("cage")


def test_an_unknown_bearing_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'6205-2RS'.*did you mean '6205'"):
        orders("6205-2RS")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("X,nine,7.9,39,0,me\n", "line 2"),
        ("X,9,39,7.9,0,me\n", "pitch diameter"),
        ("X,9,7.9,39,95,me\n", "contact angle"),
        ("X,9,7.9,39,0,me\nX,9,7.9,39,0,me\n", "line 3.*twice"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + rows)
    with pytest.raises(InputError, match=message):
        read_bearings(path)


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("designation,n_balls\n6205,9\n")
    with pytest.raises(InputError, match="no column 'ball_diameter'"):
        read_bearings(path)


def test_contact_angle_acts_as_in_the_formula() -> None:
    # cos 60 degrees halves the effective ball diameter
    steep, flat = Bearing("a", 9, 8.0, 40.0, 60.0).orders(), Bearing("b", 9, 4.0, 40.0).orders()
    assert steep.bpfo == pytest.approx(flat.bpfo)
