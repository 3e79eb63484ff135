"""Every registered measure keeps the contract of `Metric`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.evaluate import discriminative, predictive
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.controls import CONTROLS
from faultsyn.evaluate.needs import Need
from faultsyn.evaluate.registry import METRICS, build_metrics
from faultsyn.windows import WindowSet, concat

CHEAP = [name for name, metric in METRICS.items() if not metric.costly]
each = pytest.mark.parametrize("name", CHEAP)
every = pytest.mark.parametrize("name", list(METRICS))


@pytest.fixture(scope="module")
def sets_of_length(bearing) -> dict[int, dict[str, WindowSet]]:
    def make(length: int) -> dict[str, WindowSet]:
        shape = {"length": length, "channels": 2}
        made = bearing(1, 8, **shape).with_columns(synthetic=True, recording="", start=0.0)
        return {
            "real": bearing(0, 16, **shape),
            "synthetic": made,
            "shots": bearing(2, 3, **shape),
            "normal": bearing(3, 12, label="normal", gain=0.0, **shape),
        }

    return {length: make(length) for length in (1024, 4096)}


@pytest.fixture
def sets(request, sets_of_length) -> dict[str, WindowSet]:
    """Windows of 1024 samples, but of 4096 for the measure that needs them."""
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name")
    return sets_of_length[4096 if name == "envelope-line" else 1024]


def measured(name: str, sets: dict[str, WindowSet], seed: int = 0, **change: WindowSet | None):
    given = {**sets, **change}
    return METRICS[name]()(
        given["real"],
        given["synthetic"],
        np.random.default_rng(seed),
        given["shots"],
        given["normal"],
    )


@every
def test_measure_describes_itself(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.direction in ("lower", "higher", "closer-to-floor")
    assert metric.sees
    assert set(metric.sees) <= set(CONTROLS)
    assert metric.blind
    assert all(isinstance(need, Need) for need in metric.needs)
    assert metric.__doc__


@each
def test_measure_gives_a_value_and_a_floor_at_the_same_n(name, sets):
    found = measured(name, sets)
    assert found.reason == ""
    assert found.value is not None
    assert math.isfinite(found.value)
    assert found.floor is not None
    assert math.isfinite(found.floor)
    assert 4 <= found.n <= 8
    json.dumps(asdict(found) | {"detail": dict(found.detail)})


@each
def test_measure_is_deterministic_given_a_generator(name, sets):
    assert measured(name, sets) == measured(name, sets)


@each
def test_measure_of_more_real_windows_is_near_its_floor(name, sets, bearing):
    more = bearing(7, 8, length=sets["real"].n_samples, channels=2)
    noise = np.random.default_rng(5).standard_normal(more.x.shape).astype(np.float32)
    metric = METRICS[name]()
    rng = np.random.default_rng(0)
    near = metric.compare(sets["real"], more, rng, sets["shots"], sets["normal"])
    far = metric.compare(
        sets["real"], more.with_x(0 * noise + noise[:1]), rng, sets["shots"], sets["normal"]
    )
    assert near.badness < far.badness


@each
def test_floor_alone_is_a_figure_of_real_windows(name, sets):
    found = METRICS[name]().floor(
        sets["real"], 6, np.random.default_rng(0), sets["shots"], sets["normal"]
    )
    assert found.reason == ""
    assert found.value == found.floor
    assert found.n == 6


@each
def test_measure_refuses_other_shapes_and_rates_and_nan(name, sets, bearing):
    with pytest.raises(InputError, match="expected windows of 2 channels"):
        measured(name, sets, synthetic=bearing(1, 8, 1024, 1))
    with pytest.raises(InputError, match="Hz"):
        measured(name, sets, synthetic=sets["synthetic"].with_x(sets["synthetic"].x, rate=1.0))
    broken = sets["synthetic"].x.copy()
    broken[3, 1, 7] = np.nan
    with pytest.raises(InputError, match=r"window 3, channel 'ch1': NaN"):
        measured(name, sets, synthetic=sets["synthetic"].with_x(broken))
    with pytest.raises(InputError, match="include synthetic"):
        measured(name, sets, real=sets["synthetic"])


@each
def test_measure_says_why_it_cannot_be_computed(name, sets):
    found = measured(name, sets, synthetic=sets["synthetic"].take(slice(0, 1)))
    assert found.value is None
    assert "windows, got 1" in found.reason
    few = measured(name, sets, real=sets["real"].take(slice(0, 5)))
    assert few.floor is None
    assert "real-vs-real" in few.reason
    assert few.value is not None


@each
def test_measure_of_constant_or_silent_windows_is_a_figure_or_a_reason(name, sets):
    for level in (0.0, 3.0):
        x = np.full_like(sets["real"].x, level)
        x[:, 0] = sets["real"].x[:, 0]
        one = measured(name, sets, real=sets["real"].with_x(x))
        dead = np.full_like(sets["synthetic"].x, level)
        other = measured(name, sets, synthetic=sets["synthetic"].with_x(dead))
        both = measured(
            name,
            sets,
            synthetic=sets["synthetic"].with_x(dead),
            real=sets["real"].with_x(np.full_like(sets["real"].x, level)),
        )
        for found in (one, other, both):
            assert (found.value is None) <= bool(found.reason)
            assert found.value is None or math.isfinite(found.value)
            assert found.floor is None or math.isfinite(found.floor)


@each
def test_measure_is_the_same_in_other_units(name, sets):
    """Channels of very different scale count alike: micrometres or kilometres."""
    scale = np.array([1e-5, 1e4], np.float32)[:, None]
    scaled = {key: part.with_x(part.x * scale) for key, part in sets.items()}
    plain, other = measured(name, sets), measured(name, scaled)
    if name in ("mmd", "diversity", "two-sample-fine", "two-sample-coarse"):
        tolerance = 2e-2  # log(1 + kurtosis...) of float32 samples
    else:
        tolerance = 1e-3
    assert other.value == pytest.approx(plain.value, rel=tolerance, abs=1e-3)


@each
def test_measure_of_feature_rows_or_short_windows_is_a_figure_or_a_reason(name):
    rng = np.random.default_rng(0)

    def rows(n: int, shape: tuple[int, int], rate: float, label: str = "inner") -> WindowSet:
        x = rng.standard_normal((n, *shape)).astype(np.float32)
        names = tuple(f"c{i}" for i in range(shape[0]))
        return WindowSet(x, {"label": np.full(n, label)}, rate, names)

    for shape, rate in (((1, 40), float("nan")), ((3, 24), 1 / 180), ((2, 12), 1.0)):
        found = METRICS[name]()(
            rows(20, shape, rate),
            rows(12, shape, rate).with_columns(synthetic=True),
            np.random.default_rng(1),
            rows(3, shape, rate),
            rows(15, shape, rate, "normal"),
        )
        assert (found.value is None) == bool(found.reason), found


@pytest.mark.parametrize(
    ("name", "change", "word"),
    [
        ("line", "rpm", "rpm"),
        ("line", "bearing", "bearing"),
        ("envelope-line", "rpm", "rpm"),
    ],
)
def test_measure_names_a_missing_column(name, change, word, sets):
    table = {k: v for k, v in sets["real"].table.items() if k != change}
    real = WindowSet(sets["real"].x, table, 12000.0, sets["real"].channels)
    found = measured(name, sets, real=real)
    assert found.value is None
    assert word in found.reason


def test_measure_names_other_unmet_needs(sets, bearing):
    assert "shots" in measured("memorisation", sets, shots=None).reason
    assert "healthy" in measured("normal-components", sets, normal=None).reason
    short = {key: bearing(i, 20, 1024) for i, key in enumerate(sets)}
    short["synthetic"] = short["synthetic"].with_columns(synthetic=True)
    assert "1024 samples" in measured("envelope-line", short).reason
    assert "two channels" in measured("correlation-error", short).reason
    mixed = concat([sets["synthetic"], sets["synthetic"].with_columns(label="outer")])
    assert "one class" in measured("line", sets, synthetic=mixed).reason
    odd = {key: part.with_columns(label="looseness") for key, part in sets.items()}
    assert "looseness" in measured("line", odd).reason


def test_unknown_measure_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="did you mean 'kurtosis'"):
        build_metrics(["kurtosys"])
    assert [m.name for m in build_metrics(None)] == CHEAP


def test_a_figure_that_is_not_finite_becomes_a_reason(bearing):
    class Broken(Metric):
        """NaN, as a careless measure would give."""

        name, direction, sees, blind = "broken", "lower", ("white noise",), ""

        def _measure(self, reference, judged, given, rng):
            return float("nan"), {"also": float("inf")}

    found = Broken()(bearing(0), bearing(1), np.random.default_rng(0))
    assert found.value is None
    assert found.floor is None
    assert "NaN" in found.reason
    assert found.detail == {}


@pytest.mark.parametrize("name", [n for n in METRICS if METRICS[n].costly])
def test_costly_measure_gives_a_value_and_a_floor(name, bearing, monkeypatch):
    monkeypatch.setattr(discriminative, "STEPS", 2)
    monkeypatch.setattr(predictive, "STEPS", 2)
    real, made = bearing(0, 20, 24, 2), bearing(1, 20, 24, 2).with_columns(synthetic=True)
    found, again = (METRICS[name]()(real, made, np.random.default_rng(0)) for _ in range(2))
    assert found == again
    assert found.reason == ""
    assert found.value is not None
    assert found.floor is not None


@pytest.mark.parametrize("name", [n for n in METRICS if METRICS[n].costly])
def test_costly_measure_says_why_it_cannot_be_computed(name, bearing, monkeypatch):
    monkeypatch.setattr(discriminative, "STEPS", 2)
    monkeypatch.setattr(predictive, "STEPS", 2)
    real, made = bearing(0, 20, 24, 2), bearing(1, 20, 24, 2).with_columns(synthetic=True)
    metric, dead = METRICS[name](), np.full_like(real.x, 3.0)

    def found(mine: WindowSet, theirs: WindowSet):
        return metric(mine, theirs, np.random.default_rng(0))

    few = found(real, made.take(slice(0, 2)))
    assert (few.value, few.floor) == (None, None)
    assert f"needs {metric.minimum} synthetic windows, got 2" in few.reason
    rows = found(real.as_features(real.rows), made.as_features(made.rows))
    assert rows.value is None
    assert "signal space" in rows.reason or "two channels" in rows.reason
    for mine, theirs in (
        (real.with_x(dead), made),
        (real, made.with_x(dead)),
        (real.with_x(dead), made.with_x(dead)),
    ):
        figure = found(mine, theirs)
        assert (figure.value is None) <= bool(figure.reason)
        assert figure.value is None or math.isfinite(figure.value)
        assert figure.floor is None or math.isfinite(figure.floor)
