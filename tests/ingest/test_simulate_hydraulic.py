"""The hydraulic rig has the physics it claims: each kind of wear does what it does in steel."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.ingest.simulate import HydraulicRig, simulate_hydraulic
from faultsyn.ingest.simulate.hydraulic_model import (
    STEPS_S,
    TARGET_BAR,
    Cycles,
    Solution,
    solve,
    steady_oil,
)

CHANGES = [
    {},
    {"leakage": 2.2e-4},
    {"precharge": 90.0},
    {"valve_lag_s": 1.1},
    {"cooler": 0.03},
    {"pulse": 0.0},
    {"pulse": 0.0, "precharge": 90.0},
    {"pulse": 0.0, "valve_lag_s": 1.1},
]
TIMES = np.arange(0, 60, 0.02)


@pytest.fixture(scope="module")
def cycles() -> Cycles:
    sound = {
        "cooler": 1.0, "valve_lag_s": 0.1, "leakage": 0.0, "precharge": 130.0, "pump_flow": 0.175,
        "load_scale": 1.0, "pulse_hz": 1.5, "pulse": 0.08, "ambient": 22.0, "warm": 1.0,
    }  # fmt: skip
    return Cycles(**{k: np.array([c.get(k, v) for c in CHANGES]) for k, v in sound.items()})


@pytest.fixture(scope="module")
def solution(cycles: Cycles) -> Solution:
    return solve(cycles, TIMES)


def ripple(pressure: np.ndarray) -> float:
    """Deviation [bar] once slow changes are gone, between 5 and 8.9 s."""
    part = pressure[(TIMES > 5) & (TIMES < 8.9)]
    place = np.arange(len(part))
    return float(np.std(part - np.polyval(np.polyfit(place, part, 3), place)))


def test_leakage_lowers_flow_at_pressure(solution: Solution) -> None:
    assert solution.pump_flow[1].mean() < 0.9 * solution.pump_flow[0].mean()
    assert solution.p1[1].mean() < 0.9 * solution.p1[0].mean()
    # The flow of a leaking pump falls with pressure, that of a sound one does not.
    assert np.corrcoef(solution.p1[1], solution.pump_flow[1])[0, 1] < -0.95
    assert np.ptp(solution.pump_flow[0]) < 1e-9


def test_low_precharge_deepens_the_ripple(solution: Solution) -> None:
    def admittance(precharge: float) -> float:
        """Flow for a pressure at 1.5 Hz [l/s per bar]: oil, and gas behind its neck."""
        mean = 180.0  # where the first step settles
        gas = 0.5 * (precharge / mean) ** (1 / 1.4) / (1.4 * mean)
        omega = 2 * np.pi * 1.5
        return abs(1j * omega * 3.5 / 7_000 + 1j * omega * gas / (1 + 1j * omega * gas / 0.05))

    expected = admittance(130) / admittance(90)
    assert expected > 1.15
    assert ripple(solution.p2[2]) / ripple(solution.p2[0]) == pytest.approx(expected, rel=0.05)
    assert ripple(solution.p2[5]) < 0.1 * ripple(solution.p2[0])


def test_a_slow_valve_delays_pressure_steps(solution: Solution) -> None:
    def centre(row: int) -> float:
        """Time [s] after the step at which half of it is done."""
        inside = (STEPS_S[1] - 0.1 < TIMES) & (STEPS_S[2] - 0.1 > TIMES)
        course = solution.p2[row][inside]
        half = (course[0] + course[-1]) / 2
        return float(TIMES[inside][np.argmax(course < half)] - STEPS_S[1])

    # A lag in series shifts the middle of the response by about its time constant.
    assert centre(7) - centre(5) == pytest.approx(1.0, abs=0.35)
    assert centre(6) < centre(5)  # a stiffer accumulator is quicker


def test_a_bad_cooler_warms_the_oil(cycles: Cycles, solution: Solution) -> None:
    assert solution.oil[4].mean() - solution.oil[0].mean() > 15
    # Warm means in balance already, so a cycle changes little.
    assert np.abs(np.diff(solution.oil[:, [0, -1]], axis=1)).max() < 2
    assert steady_oil(cycles)[4] > steady_oil(cycles)[0] + 15


def test_the_set_point_is_reached_and_oil_is_kept(cycles: Cycles, solution: Solution) -> None:
    # A sound pump gives 0.175 l/s to a load that is set for 0.17: (0.175 / 0.17)^2 of the
    # target, but for what the last step has left.
    assert solution.p2[5][TIMES > 59].mean() == pytest.approx(TARGET_BAR[-1] * 1.06, rel=0.03)
    # What the pump gave went through the load or into oil and gas that pressure squeezed.
    stored = 3.5 / 7_000 * np.ptp(solution.p2[0]) + 0.5
    given = np.trapezoid(solution.pump_flow[0] - solution.load_flow[0], TIMES)
    assert abs(given) < stored


def test_recordings_are_cycles_of_several_rates() -> None:
    rig = HydraulicRig(assets=1, cycles=1)
    made = list(simulate_hydraulic(rig, seed=3))
    assert len(made) == len(rig) == 13
    shapes = {s.stream: (s.rate, s.samples.shape) for s in made[0].streams}
    assert shapes == {"fast": (100, (6000, 7)), "flow": (10, (600, 2)), "slow": (1, (60, 8))}
    assert len({r.id for r in made}) == len({r.source_sha256 for r in made}) == 13
    stages = {(r.label, r.columns["severity"]) for r in made}
    assert {("valve", 3.0), ("normal", 0.0)} <= stages
    assert all(np.isfinite(s.samples).all() for r in made for s in r.streams)
    oil = {r.label + str(r.columns["severity"]): r.streams[2].samples[:, 0].mean() for r in made}
    assert oil["cooler2.0"] > oil["cooler1.0"] > oil["normal0.0"] + 5


@pytest.mark.parametrize("wrong", [{"assets": 0}, {"cycles": 0}])
def test_impossible_rigs_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        HydraulicRig(**wrong)
