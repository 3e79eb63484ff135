"""Randomised machines: lines and sidebands where they belong, no machine twice, fast enough."""

from __future__ import annotations

import time

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.ingest.simulate import (
    MACHINE_LABELS,
    MachinePark,
    machine_windows,
    simulate_machines,
)
from faultsyn.ingest.simulate.shaft import draw_shafts
from faultsyn.signal.angular import angular_resample, order_spectrum
from faultsyn.signal.bearing import orders
from faultsyn.signal.envelope import squared_envelope

PARK = MachinePark(signal_to_noise_db=(6.0, 14.0), varying=0.0, geared=0.0, rpm=(1200, 3000))
N = 24_000


def heights(label: str, n: int = 12) -> dict[str, float]:
    """Median over machines of each envelope line over its surroundings."""
    x, table = machine_windows(np.array([label] * n), N, PARK, np.random.default_rng(1))
    found: dict[str, list[float]] = {}
    for row, window in enumerate(x):
        bearing = orders(str(table["bearing"][row]))
        shaft = table["rpm"][row] / 60
        curve = squared_envelope(window.astype(float))
        spectrum = np.abs(np.fft.rfft(curve * np.hanning(N)))
        axis = np.fft.rfftfreq(N, 1 / PARK.rate) / shaft
        places = {
            "bpfo": bearing.bpfo, "bpfi": bearing.bpfi, "2bsf": 2 * bearing.bsf,
            "bpfi-1": bearing.bpfi - 1, "bpfi+1": bearing.bpfi + 1, "shaft": 1.0,
            "2bsf-ftf": 2 * bearing.bsf - bearing.ftf, "bpfo-1": bearing.bpfo - 1,
        }  # fmt: skip
        for name, at in places.items():
            near = np.abs(axis - at) < 0.012 * at + 0.02
            around = (np.abs(axis - at) < 0.45) & ~near
            ratio = spectrum[near].max() / np.median(spectrum[around])
            found.setdefault(name, []).append(float(ratio))
    return {name: float(np.median(values)) for name, values in found.items()}


def test_each_fault_has_its_line_and_its_sidebands() -> None:
    inner, outer, ball, none = (heights(name) for name in ("inner", "outer", "ball", "normal"))
    assert inner["bpfi"] > 3 * none["bpfi"]
    assert outer["bpfo"] > 3 * none["bpfo"]
    assert ball["2bsf"] > 2 * none["2bsf"]
    # The load zone turns with the shaft past an inner defect, with the cage past a ball; an outer
    # defect stands still in it.
    assert inner["bpfi-1"] > 2 * none["bpfi-1"]
    assert inner["bpfi+1"] > 2 * none["bpfi+1"]
    assert ball["2bsf-ftf"] > 1.5 * none["2bsf-ftf"]
    assert outer["bpfo-1"] < 0.3 * outer["bpfo"]
    assert max(none.values()) < 6


def test_a_cracked_tooth_modulates_the_mesh() -> None:
    park = MachinePark(varying=0.0, geared=1.0, rpm=(900, 1500), signal_to_noise_db=(-10, -5))
    share = {}
    for label in ("normal", "gear"):
        x, table = machine_windows(np.array([label] * 10), N, park, np.random.default_rng(2))
        ratios = []
        for row, window in enumerate(x):
            turns = np.arange(N) / park.rate * table["rpm"][row] / 60
            order, lines = order_spectrum(angular_resample(window, turns, 256), 256)
            mesh = float(table["teeth"][row])
            own = lines[np.abs(order - mesh) < 0.1].max()
            sides = [lines[np.abs(order - mesh - k) < 0.1].max() for k in (-1, 1)]
            ratios.append(np.mean(sides) / own)
        share[label] = float(np.median(ratios))
    assert share["gear"] > 0.2
    assert share["normal"] < 0.12


def test_speed_profiles_are_what_the_table_says() -> None:
    shafts = draw_shafts(200, 4000, 1000.0, (600, 1200), 0.5, np.random.default_rng(3))
    speed = np.diff(shafts.angle, axis=1) * 1000
    assert (speed > 0).all()
    change = np.ptp(speed, axis=1) / speed.mean(axis=1)
    assert change[shafts.profile == "steady"].max() < 1e-6
    assert 0.02 < np.median(change[shafts.profile == "ramp"]) < 0.1
    assert (speed.max(axis=1) <= shafts.fastest * (1 + 1e-9)).all()
    assert {"steady", "ramp", "swing"} == set(shafts.profile.tolist())


def test_no_two_machines_are_the_same_and_seeds_repeat() -> None:
    park = MachinePark(assets=3, seconds=0.5)
    made, again = list(simulate_machines(park, 5)), list(simulate_machines(park, 5))
    assert len(made) == 3 * len(MACHINE_LABELS)
    assert (
        len({r.columns["bearing"] for r in made}) == len({r.columns["asset"] for r in made}) == 15
    )
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.streams[0].samples, other.streams[0].samples)
    assert not np.array_equal(
        made[0].streams[0].samples, next(simulate_machines(park, 6)).streams[0].samples
    )
    for recording in made:
        assert (recording.columns["severity"] == 0) == (recording.label == "normal")
        assert orders(str(recording.columns["bearing"])).ftf < 0.5


def test_a_thousand_windows_are_quick() -> None:
    labels = np.resize(np.array(MACHINE_LABELS), 200)
    start = time.process_time()
    machine_windows(labels, 4096, MachinePark(), np.random.default_rng(0))
    assert time.process_time() - start < 2.5  # 1,000 in under 5 s on a free core: benchmarks/


@pytest.mark.parametrize(
    "wrong", [{"assets": 0}, {"rate": 1000.0}, {"rpm": (0.0, 10.0)}, {"varying": 2.0}]
)
def test_impossible_parks_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        MachinePark(**wrong)  # type: ignore[arg-type]


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(InputError, match="known: normal"):
        machine_windows(np.array(["rust"]), 4096, MachinePark(), np.random.default_rng(0))


def test_a_geometry_is_a_designation() -> None:
    assert orders("9x7.94/39.04@0").bpfo == pytest.approx(orders("6205").bpfo, rel=1e-3)
    with pytest.raises(InputError, match="at least one ball"):
        orders("9x50/39@0")
