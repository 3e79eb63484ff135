from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from store_recordings import noise, recording, stream, write

from faultsyn.errors import InputError
from faultsyn.store import Store, WindowSpec
from faultsyn.store import samples as samples_module

BUDGETS = (1 << 30, 0)
_LENGTHS = [5000, 7, 40_000, 1024, 0, 17_000, 2047]


@pytest.fixture(scope="module")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of many lengths; chunks hold several, and several hold one."""
    path = tmp_path_factory.mktemp("store") / "x.h5"
    return write(
        path,
        *(
            recording(f"r{i}", stream(noise(i, n)), label="ab"[i % 2], load=float(i), asset=f"b{i}")
            for i, n in enumerate(_LENGTHS)
        ),
    )


@pytest.mark.parametrize("budget", BUDGETS)
def test_windows_equal_slices(ragged: Path, budget: int) -> None:
    with Store(ragged, memory_budget=budget) as store:
        index = store.windows(WindowSpec(1024, 1000.0, ("c1", "c0"), stride=300))
        found = index.read()
        expected = [
            noise(i, n)[start : start + 1024, ::-1].T
            for i, n in enumerate(_LENGTHS)
            for start in range(0, n - 1023, 300)
        ]
        assert_array_equal(found.x, np.stack(expected))
        assert index.too_short == ("r1", "r4")
    assert found.x.dtype == np.float32
    assert (found.rate, found.channels, found.units) == (1000.0, ("c1", "c0"), ("g", "g"))
    starts = [s for n in _LENGTHS for s in range(0, n - 1023, 300)]
    assert found.table["start_sample"].tolist() == starts
    assert_allclose(found.table["start"], np.array(starts) / 1000)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_selection_in_any_order(ragged: Path, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([1, 5, 1024, 16_500, 40_000]))
    buffer = data.draw(st.sampled_from([1, 1 << 14, 1 << 20]))
    with (
        pytest.MonkeyPatch.context() as patch,
        Store(ragged, memory_budget=data.draw(st.sampled_from(BUDGETS))) as store,
    ):
        patch.setattr(samples_module, "_BUFFER_SAMPLES", buffer)
        index = store.windows(WindowSpec(n, 1000.0, ("c0",), stride=1))
        chosen = data.draw(st.lists(st.integers(0, len(index) - 1), max_size=30))
        found = index.read(chosen)
        assert len(found) == len(chosen)
        for x, row, start in zip(
            found.x, index.row[chosen], index.start_sample[chosen], strict=True
        ):
            assert_array_equal(x[0], noise(row, _LENGTHS[row])[start : start + n, 0])


def test_each_touched_chunk_is_read_once(ragged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[int] = []
    real = h5py.Dataset.__getitem__

    def noted(self: h5py.Dataset, place: object, **options: object) -> object:
        if self.name.endswith("/samples") and isinstance(place, tuple):
            rows = place[0]
            assert rows.start % 16384 == 0
            touched.extend(range(rows.start // 16384, -(-rows.stop // 16384)))
        return real(self, place, **options)

    with Store(ragged, memory_budget=0) as store:
        index = store.windows(WindowSpec(1024, 1000.0, ("c0",)))
        first = store.stream_files["vibration"].offsets[index.row] + index.start_sample
        last = first + 1023
        monkeypatch.setattr(samples_module, "_BUFFER_SAMPLES", 1)
        monkeypatch.setattr(h5py.Dataset, "__getitem__", noted)
        index.read(np.random.default_rng(0).permutation(len(index)))
    assert sorted(touched) == sorted({*(first // 16384).tolist(), *(last // 16384).tolist()})


def test_table_and_rows(ragged: Path) -> None:
    with Store(ragged) as store:
        index = store.windows(WindowSpec(1000, 1000.0, ("c0",)), np.array([2, 0]))
        table = index.table
        assert table["recording"].tolist() == ["r2"] * 40 + ["r0"] * 5
        assert set(table) >= {"recording", "label", "asset", "session", "load", "rpm", "location"}
        assert table["load"].tolist() == [2.0] * 40 + [0.0] * 5
        assert not table["synthetic"].any()
        assert table["start_sample"][[0, 39, 40, 44]].tolist() == [0, 39_000, 0, 4000]
        part = index.take(np.array([44, 0]))
        assert part.table["recording"].tolist() == ["r0", "r2"]
        assert_array_equal(part.read().x, index.read([44, 0]).x)
        assert_array_equal(index.read(slice(3)).x, index.read().x[:3])
        mask = table["load"] == 0
        assert_array_equal(index.read(mask).x, index.read().x[40:])
        loaded = store.windows(WindowSpec(1000, 1000.0, ("c0",)), store.recordings["load"] > 3)
        assert set(loaded.table["recording"]) == {"r5", "r6"}
        none = store.windows(WindowSpec(1000, 1000.0, ("c0",)), np.array([], int))
        assert none.read().x.shape == (0, 1, 1000)


def test_channel_in_streams_of_two_rates(tmp_path: Path) -> None:
    slow = recording("a", stream(noise(0), name="12k", rate=12000.0))
    fast = recording("b", stream(noise(1, 12_000), name="48k", rate=48000.0))
    path = write(tmp_path / "x.h5", slow, fast)
    with Store(path) as store:
        index = store.windows(WindowSpec(1000, 12000.0, ("c0",)))
        assert index.table["recording"].tolist() == ["a"] * 3 + ["b"] * 3
        assert list(index.resampling) == ["48k/c0"]
        assert_array_equal(index.read([1]).x[0, 0], noise(0)[1000:2000, 0])


def test_same_channel_at_two_rates_in_one_recording(tmp_path: Path) -> None:
    both = recording(
        "a",
        stream(noise(0, 1000, 1), name="fast", rate=100.0),
        stream(noise(1, 100, 1), name="slow", rate=10.0),
        stream(noise(2, 10, 1), name="crawl", rate=1.0),
    )
    with Store(write(tmp_path / "x.h5", both)) as store:
        for rate, name in ((100.0, "fast"), (10.0, "slow"), (50.0, "fast"), (5.0, "slow")):
            index = store.windows(WindowSpec(10, rate, ("c0",)))
            assert {s.stream for s in index.plan.sources} == {name}
        index = store.windows(WindowSpec(10, 200.0, ("c0",)))
        assert {s.stream for s in index.plan.sources} == {"fast"}


def _two_ends(tmp_path: Path) -> Path:
    names = ("DE", "FE")
    items = [
        recording(f"r{i}", stream(noise(i), channels=names), location=end)
        for i, end in enumerate(["drive_end", "fan_end", "none"])
    ]
    items.append(
        recording("only", stream(noise(9, channels=1), channels=("DE",)), location="drive_end")
    )
    return write(tmp_path / "x.h5", *items)


@pytest.mark.parametrize("budget", BUDGETS)
def test_select_takes_the_channel_at_the_faulty_end(tmp_path: Path, budget: int) -> None:
    ends = {"drive_end": "DE", "fan_end": "FE", "none": "DE"}
    spec = WindowSpec(3000, 1000.0, ("faulty_end",), select=("location", ends))
    with Store(_two_ends(tmp_path), memory_budget=budget) as store:
        found = store.windows(spec).read()
        assert found.channels == ("faulty_end",)
        expected = [noise(0)[:, 0], noise(1)[:, 1], noise(2)[:, 0], noise(9, channels=1)[:, 0]]
        assert_array_equal(found.x[:, 0], np.stack(expected))
        del ends["none"]
        with pytest.raises(InputError, match="'r2' has location = 'none', expected one of drive"):
            store.windows(spec)
        assert len(store.windows(spec, np.array([0, 1]))) == 2


def test_absent_channel(tmp_path: Path) -> None:
    with Store(_two_ends(tmp_path)) as store:
        spec = WindowSpec(100, 1000.0, ("DE", "FE"))
        with pytest.raises(InputError, match="recording 'only' has no channel 'FE'; it has DE"):
            store.windows(spec)
        assert len(store.windows(spec, np.arange(3))) == 90
        with pytest.raises(InputError, match="did you mean 'DE'"):
            store.windows(WindowSpec(100, 1000.0, ("DEE",)))
        assert store.recording(3).streams[0].channels == ("DE",)


def test_counts_come_in_physical_units(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = [rng.integers(-3000, 3000, (3000, 1)).astype(np.int16) for _ in range(2)]
    items = [recording(f"r{i}", stream(c, scale=0.1 * (i + 1))) for i, c in enumerate(counts)]
    path = write(tmp_path / "x.h5", *items)
    for budget in BUDGETS:
        with Store(path, memory_budget=budget) as store:
            found = store.windows(WindowSpec(3000, 1000.0, ("c0",))).read()
        expected = [(c[:, 0] * 0.1 * (i + 1)).astype(np.float32) for i, c in enumerate(counts)]
        assert_array_equal(found.x[:, 0], np.stack(expected))


def test_units_must_agree(tmp_path: Path) -> None:
    item = stream(noise(0), name="a")
    other = recording("b", stream(noise(0), name="b"))
    object.__setattr__(other.streams[0], "units", ("g", "m/s²"))
    with Store(write(tmp_path / "x.h5", recording("a", item), other)) as store:
        assert len(store.windows(WindowSpec(100, 1000.0, ("c0",)))) == 60
        with pytest.raises(InputError, match=r"'c1' comes in different units: \[g\] in stream 'a'"):
            store.windows(WindowSpec(100, 1000.0, ("c1",)))


def test_budget_is_kept(ragged: Path) -> None:
    one_channel = sum(_LENGTHS) * 4
    with Store(ragged, memory_budget=one_channel) as store:
        found = store.windows(WindowSpec(1000, 1000.0, ("c0", "c1"))).read()
        kept = list(store.samples._kept)
        assert [source.channel for source in kept] == [0]
    with Store(ragged) as store:
        assert_array_equal(store.windows(WindowSpec(1000, 1000.0, ("c0", "c1"))).read().x, found.x)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"samples": 0}, "at least 1 sample, got 0"),
        ({"stride": 0}, "stride of at least 1, got 0"),
        ({"rate": 0.0}, "rate above 0 Hz, got 0.0"),
        ({"channels": ()}, "different channels"),
        ({"channels": ("a", "a")}, "different channels"),
        ({"channels": ("a", "b"), "select": ("location", {})}, "expected one name"),
    ],
)
def test_bad_spec(spec: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        WindowSpec(**({"samples": 8, "rate": 1.0, "channels": ("a",)} | spec))  # type: ignore[arg-type]


def test_bad_rows(ragged: Path) -> None:
    spec = WindowSpec(8, 1000.0, ("c0",))
    with Store(ragged) as store:
        with pytest.raises(InputError, match="rows of 7 recordings, got 3 to 7"):
            store.windows(spec, np.array([3, 7]))
        with pytest.raises(InputError, match="2 truth values for 7 recordings"):
            store.windows(spec, np.array([True, False]))
        with pytest.raises(InputError, match="no column 'colour'"):
            store.windows(WindowSpec(8, 1000.0, ("x",), select=("colour", {})))
