"""Fault orders against published figures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.experiment.geometry import data_hash_of
from faultsyn.signal.bearing import (
    Bearing,
    bearings,
    fault_table,
    find_bearing,
    orders,
    read_bearings,
    shipped,
)
from faultsyn.store import Store

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


def test_a_table_of_the_working_folder_adds_and_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="PUMP-7"):
        orders("PUMP-7")
    (tmp_path / "data").mkdir()
    own = tmp_path / "data" / "bearings.csv"
    own.write_text("\ufeff" + HEADER + "PUMP-7,12,10,60,15,maker\n6205,9,7.5,39,0,another maker\n")
    assert orders("PUMP-7").bpfo == pytest.approx(6 * (1 - math.cos(math.radians(15)) / 6))
    assert orders("6205").bpfo == pytest.approx(4.5 * (1 - 7.5 / 39))
    assert orders("6203").bpfo == pytest.approx(3.0530, rel=2e-4)  # the package's are still there
    own.write_text(HEADER + "PUMP-7,13,10,60,15,maker, corrected\n")
    assert find_bearing("PUMP-7").n_balls == 13  # an edited table is read again
    assert shipped()["6205"].ball_diameter == 7.9401


@pytest.mark.parametrize(
    ("said", "meant"), [("SKF 6205-2RS", "6205"), ("er16k", "ER-16K"), ("6204", "6205|6203|6804")]
)
def test_what_was_probably_meant(said: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '({meant})'"):
        find_bearing(said)


def test_frequencies_are_orders_times_shaft_and_harmonics() -> None:
    # CWRU, drive end, 1797 rpm: 107.365, 162.185, 70.583, 11.928 Hz by the published orders.
    found = fault_table(find_bearing("6205"), rpm=1797, harmonics=2)
    expected = {"bpfo": 3.5848, "bpfi": 5.4152, "bsf": 2.3567, "ftf": 0.39828}
    for name, order in expected.items():
        assert found["hz"][name] == pytest.approx([order * 29.95, 2 * order * 29.95], rel=2e-4)
    assert "hz" not in fault_table(find_bearing("6205"))
    for rpm, harmonics in ((0.0, 3), (math.nan, 3), (1500.0, 0)):
        with pytest.raises(InputError, match="expected"):
            fault_table(find_bearing("6205"), rpm, harmonics)


def test_the_call_takes_a_designation_a_geometry_or_nothing() -> None:
    by_name = api.bearing("9x7.94/39.04@0", rpm=1500)
    by_size = api.bearing(balls=9, ball_diameter=7.94, pitch_diameter=39.04, rpm=1500)
    assert by_name["hz"] == by_size["hz"]
    assert {"6203", "6205"} <= {row["designation"] for row in api.bearing()["bearings"]}
    with pytest.raises(InputError, match="needs balls"):
        api.bearing(balls=9)


def test_a_users_geometry_changes_the_hash_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    api.simulate("rig.h5", assets=1, seconds=0.5)
    with Store("rig.h5") as store:
        assert data_hash_of(store) == store.data_hash
        (tmp_path / "data").mkdir()
        own = tmp_path / "data" / "bearings.csv"
        own.write_text(HEADER + "PUMP-7,12,10,60,15,not in this store\n")
        assert data_hash_of(store) == store.data_hash
        hashes = set()
        for ball in (7.5, 7.6):
            own.write_text(HEADER + f"6205,9,{ball},39,0,another maker\n")
            hashes.add(data_hash_of(store))
        assert len(hashes | {store.data_hash}) == 3
