"""Trends: against independent counts, in the order of time, on a real motor that is damaged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kurtosis, norm

from faultsyn import api
from faultsyn.experiment import load_task
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import diagnose_all
from faultsyn.plant.training import train_diagnoser
from faultsyn.plant.trend import mann_kendall
from faultsyn.plant.trends import Trends, start_time
from faultsyn.plant.verdict import Verdict
from faultsyn.store import Recording, Store, StoreWriter, StreamData

WHEN = st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=9))))


def concordant(values: tuple[float, ...]) -> int:
    """Kendall's S: pairs that rise less pairs that fall."""
    return sum(
        (later > earlier) - (later < earlier)
        for at, earlier in enumerate(values)
        for later in values[at + 1 :]
    )


@given(st.permutations(range(6)))
def test_mann_kendall_is_the_share_of_orders_at_least_as_extreme(values: list[int]) -> None:
    every = [abs(concordant(order)) for order in permutations(range(6))]
    mine = concordant(tuple(values))
    tau, p = mann_kendall(values)
    assert tau == pytest.approx(mine / 15)
    assert p == pytest.approx(np.mean([s >= abs(mine) for s in every]))


def test_mann_kendall_of_ties_is_normal_with_their_variance() -> None:
    rng = np.random.default_rng(4)
    values = np.round(np.arange(40) / 20 + rng.normal(0, 1, 40))
    n, ties = 40, np.unique(values, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    expected = 2 * norm.sf(abs(concordant(tuple(values.tolist()))) / np.sqrt(variance))
    assert mann_kendall(values)[1] == pytest.approx(expected, rel=1e-9)
    assert mann_kendall([2.0] * 9) == (0.0, 1.0)


def made(number: int, start: str = "", **over: Any) -> Verdict:
    levels = {"DE": [0.0, 1.0 + number, 3.0, 3.0]}
    known = {"asset": "m", **({"start_time": start} if start else {})}
    return Verdict(
        f"r{number}", f"r{number}.csv", **{"columns": known, "statistics": levels, **over}
    )


@given(times=st.lists(st.none() | WHEN | st.just("no time"), min_size=2, max_size=12))
def test_recordings_stand_in_the_order_of_time(times: list[Any], diagnoser: Diagnoser) -> None:
    trends = Trends(diagnoser.posed, diagnoser.baseline)
    texts = ["" if t is None else t if isinstance(t, str) else t.isoformat() for t in times]
    for number, text in enumerate(texts):
        trends.add(made(number, text))
    (trend,) = trends
    numbers = [int(point.recording[1:]) for point in trend.points]
    assert sorted(numbers) == list(range(len(times)))
    known = [point.start for point in trend.points if point.start is not None]
    assert known == sorted(known)
    assert len(known) == sum(start_time(text) is not None for text in texts)
    for place, number in enumerate(numbers):  # one without a time stays behind the file before it
        if start_time(texts[number]) is None and number > 0:
            assert numbers[place - 1] == number - 1 or place > numbers.index(number - 1)
    if not known:
        assert (numbers, trend.order) == (list(range(len(times))), "files")
    assert trend.timed == (len(known) == len(times))
    rms = next(one for one in trend.series if one.statistic == "rms")
    assert rms.values.tolist() == [1.0 + number for number in numbers]


def test_what_is_no_time_is_none() -> None:
    assert start_time("2003-10-22T12:06:24") == datetime(2003, 10, 22, 12, 6, 24, tzinfo=UTC)
    assert start_time("2003-10-22T12:06:24+02:00") == datetime(2003, 10, 22, 10, 6, 24, tzinfo=UTC)
    for text in ("", None, "yesterday", "2003-13-01", "0001-01-01T00:00:00+10:00", "nan", 5.0):
        assert start_time(text) is None


def test_refused_recordings_and_other_channels_leave_no_point(diagnoser: Diagnoser) -> None:
    trends = Trends(diagnoser.posed, diagnoser.baseline)
    for number in range(3):
        trends.add(made(number))
    trends.add(made(3, status="refused", statistics={}))
    trends.add(made(4, statistics={"elsewhere": [0.0, 1.0, 2.0, 3.0]}))
    (trend,) = trends
    assert [point.recording for point in trend.points] == ["r0", "r1", "r2"]


def test_two_in_a_row_leave_healthy_and_two_come_back(diagnoser: Diagnoser) -> None:
    baseline = diagnoser.baseline
    assert baseline is not None
    trends = Trends(diagnoser.posed, baseline, most=4)
    good = baseline.centre[0].tolist()
    bad = [list(good[0])]
    bad[0][1] += 2 * baseline.limit * baseline.spread[0, 0, 1]
    said = []
    for number, levels in enumerate([good, bad, good, bad, bad, bad, good, bad, good, good]):
        (statistics,) = levels
        changes = trends.add(made(number, statistics={"DE": statistics}))
        said.append([(change["statistic"], change["change"]) for change in changes])
    left, back = [("rms", "left")], [("rms", "returned")]
    assert said == [[], [], [], [], left, [], [], [], [], back]
    (trend,) = trends
    assert [point.recording for point in trend.points] == ["r6", "r7", "r8", "r9"]


def test_the_rms_of_a_steady_channel_is_told_once(diagnoser: Diagnoser) -> None:
    for offset, told in ((100.0, ["mean"]), (0.0, ["rms"])):
        trends = Trends(diagnoser.posed, diagnoser.baseline)
        for number in range(9):
            level = offset + number
            statistics = {"DE": [offset and level, level + 1e-3, 3.0, 3.0]}
            trends.add(made(number, statistics=statistics))
        (trend,) = trends
        moving = [one for one in trend.moving() if one.statistic in ("mean", "rms")]
        assert [one.statistic for one in moving] == told
        assert {one.direction for one in moving} == {"rising"}


def test_series_are_the_statistics_of_the_recordings(diagnoser: Diagnoser, rig: Path) -> None:
    """Against NumPy and SciPy on the samples themselves."""
    found = diagnose_all(diagnoser, [rig])
    trend = next(one for one in found["trends"] if one["asset"].startswith("outer"))
    spec, posed = diagnoser.posed.spec, diagnoser.posed
    with Store(rig) as store:
        for at, name in enumerate(trend["recordings"]):
            recording = store.recording(store.recordings["id"].tolist().index(name))
            (channel,) = posed.source_channels(recording.columns)
            (stream,) = recording.streams
            x = np.asarray(stream.samples[:, stream.channels.index(channel)], float)
            x *= stream.scale or 1
            n = len(x) // spec.samples
            cut = x[: n * spec.samples].reshape(n, spec.samples)
            rms = np.sqrt((cut**2).mean(axis=1))
            expected = {
                "mean": cut.mean(axis=1),
                "rms": rms,
                "crest": np.abs(cut).max(axis=1) / rms,
                "kurtosis": kurtosis(cut, axis=1, fisher=False),
            }
            for one in trend["series"]:
                value = np.median(expected[one["statistic"]])
                assert one["values"][at] == pytest.approx(value, rel=1e-4, abs=1e-6)
    for one in trend["series"]:
        inside = np.array(one["healthy_from"]) <= one["values"]
        inside &= np.array(one["values"]) <= one["healthy_to"]
        assert inside.tolist() == [not out for out in one["outside"]]


def test_a_real_motor_that_is_damaged(recordings: Path, tmp_path: Path) -> None:
    """CWRU at no load: ten quarter seconds of healthy, then inner-race faults of 7, 14 and 21 mil.

    The diagnoser has seen the quarter seconds in between, and outer-race faults.
    """
    raw = tmp_path / "raw"
    faults = ("IR/007/105", "IR/014/169", "IR/021/209", "OR/007/@6/130@6", "OR/021/@6/234")
    names = [f"12k_Drive_End_Bearing_Fault_Data/{name}_0.mat" for name in faults]
    for name in ("Normal/97_Normal_0.mat", *names):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).symlink_to(recordings / "cwru" / name)
    api.ingest("cwru", raw, tmp_path / "all.h5")
    known, later = tmp_path / "known.h5", tmp_path / "later.h5"
    with Store(tmp_path / "all.h5") as store, StoreWriter(known) as a, StoreWriter(later) as b:
        for row in np.argsort(store.recordings["severity"], kind="stable"):  # NaN, healthy: last
            one = store.recording(int(row))
            if one.label == "outer":
                for piece in pieces(one, 4, 0, f"known-{row}"):
                    a.add(piece)
        healthy = store.recording(store.recordings["label"].tolist().index("normal"))
        for number, piece in enumerate(pieces(healthy, 20, 0, "motor")):  # it is at 48 kHz
            (b if number % 2 else a).add(piece)
        for row in np.argsort(store.recordings["severity"], kind="stable"):
            one = store.recording(int(row))
            if one.label == "inner":
                for piece in pieces(one, 1, 0, "motor"):
                    b.add(piece)
    task = {
        "name": "motor",
        "store": str(known),
        "window": {"samples": 2048, "rate": 12000, "channels": ["DE"]},
        "label": {"column": "label", "classes": ["normal", "outer"], "normal": "normal"},
        "split": {"scheme": "leave-one-out", "level": "recording", "groups": "session"},
        "k": ["all"],
        "budget": {"text": "all"},
        "representation": {"features": "statistics"},
    }
    diagnoser = train_diagnoser(
        load_task(task), "none", "nearest-mean", cache=tmp_path / "cache" / "arrays"
    )
    (trend,) = diagnose_all(diagnoser, [later])["trends"]
    assert trend["recordings"][10:] == ["105_0-0", "169_0-0", "209_0-0"]
    by = {one["statistic"]: one for one in trend["series"]}
    assert by["rms"]["outside"] == [False] * 10 + [True] * 3
    assert by["rms"]["outside_since"] == "105_0-0"
    assert by["kurtosis"]["outside"][:10] == [False] * 10
    assert by["kurtosis"]["outside"][10]
    assert min(by["rms"]["deviations"][10:]) > 20
    assert trend["notable"][0]["outside_since"] == "105_0-0"


def pieces(one: Recording, count: int, first: int, asset: str) -> list[Recording]:
    """Stretches of a quarter of a second of a recording."""
    (stream,) = one.streams
    x = np.concatenate(list(stream.blocks(one.id)))
    made = []
    for number in range(count):
        length = round(stream.rate / 4)
        part = x[length * (first + number) :][:length]
        cut = StreamData(
            stream.stream, part, stream.rate, stream.channels, stream.quantities, stream.units,
            stream.scale,
        )  # fmt: skip
        columns = {**one.columns, "asset": asset, "session": f"{one.id}-{first + number}"}
        name = f"{one.id}-{first + number}"
        made.append(Recording(name, one.label, (cut,), one.source_file, one.source_sha256, columns))
    return made
