"""A hydraulic power unit with a load circuit as a lumped model, many working cycles at a time.

    pump --p1-- line --p2-- load valve -- return -- tank -- cooler
                       |
                  accumulator (gas volume)

- Pump: constant displacement with laminar internal leakage that grows with pressure and falls with
  the oil's viscosity (Merritt, Hydraulic Control Systems, 1967, section 4-2).
- Lines: a volume of oil of bulk modulus E stores V / E per bar (ibid., section 1-3).
- Load valve: a sharp-edged orifice whose opening follows its set point with a first-order lag; the
  lag is what a worn valve has more of (Jelali & Kroll, Hydraulic Servo-Systems, 2003, section 4.2).
- Accumulator: polytropic gas p V^n = p0 V0^n behind a neck; below its precharge it is empty and
  stores nothing (Pourmovahed & Otis, J. Dyn. Syst. Meas. Control 112, 1990, for the gas).
- Oil temperature: what the pump puts in less what cooler and walls take out.

Circuit, sensors and stages of wear follow the rig of Helwig, Pignanelli & Schuetze, "Condition
monitoring of a complex hydraulic system using multivariate statistics", IEEE I2MTC 2015. Its
dimensions are not published; the ones here give pressures, flows and temperatures of its order.

Units: bar, l, l/s, s, degC, kW.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Floats = NDArray[np.float64]

CYCLE_S = 60.0
STEPS_S = (0.0, 9.0, 20.0, 31.0, 42.0, 52.0)
"""When the load's set point changes."""
TARGET_BAR = (170.0, 152.0, 188.0, 146.0, 178.0, 160.0)
"""The pressure it is set for, with a sound pump and warm oil."""

_BULK_BAR = 7_000.0  # oil has twice that, hoses and undissolved air halve it (Merritt, 1-3)
_LINE1_L, _LINE2_L = 1.5, 2.0
_LINE_BAR_PER_LS = 60.0  # laminar line between pump and load
_NECK_LS_PER_BAR = 0.05
_ACCUMULATOR_L = 0.5
_POLYTROPIC = 1.4
_RELIEF_BAR, _RELIEF_LS_PER_BAR = 215.0, 0.01
_TANK_KJ_PER_K = 60.0
_COOLER_KW_PER_K, _WALL_KW_PER_K = 0.125, 0.065
_SETTLE_S = 8.0
_STEP_S = 0.05  # the longest step: a tenth of a period of the load's pulsation, or less


@dataclass(frozen=True)
class Cycles:
    """What differs between cycles that are solved together; every field `(n,)`.

    - `cooler`: efficiency, 0 to 1; `valve_lag_s`: of the load valve [s].
    - `leakage`: of the pump at 40 degC [l/s per bar]; `precharge`: of the accumulator [bar].
    - `pump_flow`: [l/s]; `load_scale`: factor on the load's pressures.
    - `pulse_hz`, `pulse`: rate [Hz] and share by which the consumer's flow pulsates.
    - `ambient`: temperature around [degC]; `warm`: share of the way to the steady temperature.
    """

    cooler: Floats
    valve_lag_s: Floats
    leakage: Floats
    precharge: Floats
    pump_flow: Floats
    load_scale: Floats
    pulse_hz: Floats
    pulse: Floats
    ambient: Floats
    warm: Floats

    def __len__(self) -> int:
        return len(self.cooler)


@dataclass(frozen=True)
class Solution:
    """States at the times asked for, each `(n, n_times)`, and what follows from them.

    - `p1`, `p2`, `gas`: pressure of pump, load and accumulator [bar].
    - `opening`: of the load valve, relative; `oil`: tank temperature [degC].
    - `pump_flow`, `load_flow`: [l/s].
    """

    p1: Floats
    p2: Floats
    gas: Floats
    opening: Floats
    oil: Floats
    pump_flow: Floats
    load_flow: Floats

    def take(self, rows: slice) -> Solution:
        """The cycles of `rows`."""
        return Solution(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def joined(parts: Sequence[Cycles]) -> Cycles:
    """All cycles of `parts`, in order."""
    return Cycles(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Cycles)}
    )


def solve(cycles: Cycles, times: Floats) -> Solution:
    """One working cycle of each set of conditions at `times` [s], between 0 and `CYCLE_S`.

    Explicit Runge-Kutta 4(5) of `scipy.integrate.solve_ivp` over all cycles together, after
    `_SETTLE_S` seconds at the cycle's last set point.
    """
    n = len(cycles)
    start = _initial(cycles)

    def slope(t: float, state: Floats) -> Floats:
        return _slope(t, state.reshape(5, n), cycles).ravel()

    solved = solve_ivp(
        slope, (-_SETTLE_S, CYCLE_S), start.ravel(), "RK45", t_eval=times, max_step=_STEP_S,
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    if not solved.success:
        raise RuntimeError(f"hydraulic model: {solved.message}")
    p1, p2, volume, opening, oil = solved.y.reshape(5, n, len(times))
    pump_flow = _pump_flow(p1, oil, cycles, column=True)
    pulse = _pulsation(times, cycles, column=True)
    return Solution(
        p1, p2, _gas(volume, cycles.precharge[:, None]), opening, oil,
        pump_flow, opening * _root(p2) * pulse,
    )  # fmt: skip


def steady_oil(cycles: Cycles) -> Floats:
    """Temperature [degC] at which cooler and walls take what the pump puts in, `(n,)`."""
    power = cycles.pump_flow * np.mean(TARGET_BAR) * cycles.load_scale / 10
    return cycles.ambient + power / _conductance(cycles)


def viscosity(oil: Floats) -> Floats:
    """Of the oil, relative to 40 degC (Merritt, eq. 1-9: exponential in temperature)."""
    return np.exp(-0.03 * (oil - 40.0))


def cooling_kw(cycles: Cycles, oil: Floats) -> Floats:
    """Heat that the cooler takes [kW], `(n, n_times)`."""
    return (_COOLER_KW_PER_K * cycles.cooler)[:, None] * (oil - cycles.ambient[:, None])


def _initial(cycles: Cycles) -> Floats:
    pressure = TARGET_BAR[-1] * cycles.load_scale
    volume = _ACCUMULATOR_L * np.minimum(1.0, (cycles.precharge / pressure) ** (1 / _POLYTROPIC))
    steady = steady_oil(cycles)
    oil = cycles.ambient + cycles.warm * (steady - cycles.ambient)
    return np.stack([pressure + 5, pressure, volume, _set_point(-1.0, cycles), oil])


def _slope(t: float, state: Floats, cycles: Cycles) -> Floats:
    p1, p2, volume, opening, oil = state
    line = (p1 - p2) / _LINE_BAR_PER_LS
    supplied = _pump_flow(p1, oil, cycles)
    relief = _RELIEF_LS_PER_BAR * np.maximum(p1 - _RELIEF_BAR, 0.0)
    charge = _NECK_LS_PER_BAR * (p2 - _gas(volume, cycles.precharge))
    # An empty accumulator cannot give more: its bladder fills the shell.
    charge = np.where((volume >= _ACCUMULATOR_L) & (charge < 0), 0.0, charge)
    load = opening * _root(p2) * _pulsation(t, cycles)
    heat = p1 * supplied / 10 - _conductance(cycles) * (oil - cycles.ambient)
    return np.stack(
        [
            (supplied - line - relief) * (_BULK_BAR / _LINE1_L),
            (line - charge - load) * (_BULK_BAR / _LINE2_L),
            -charge,
            (_set_point(t, cycles) - opening) / cycles.valve_lag_s,
            heat / _TANK_KJ_PER_K,
        ]
    )


def _pump_flow(p1: Floats, oil: Floats, cycles: Cycles, column: bool = False) -> Floats:
    flow, leakage = cycles.pump_flow, cycles.leakage
    if column:
        flow, leakage = flow[:, None], leakage[:, None]
    return np.maximum(flow - leakage * p1 / viscosity(oil), 0.0)


def _pulsation(t: float | Floats, cycles: Cycles, column: bool = False) -> Floats:
    rate, depth = cycles.pulse_hz, cycles.pulse
    if column:
        rate, depth = rate[:, None], depth[:, None]
    return np.asarray(1 + depth * np.sin(2 * np.pi * rate * t))


def _set_point(t: float, cycles: Cycles) -> Floats:
    """Opening that lets the nominal flow through at the target pressure; before 0 the last one."""
    step = int(np.searchsorted(STEPS_S, t, side="right")) - 1
    # A nominal flow, not the pump's own: a leaking pump must show as less pressure.
    return np.asarray(0.17 / np.sqrt(TARGET_BAR[step] * cycles.load_scale))


def _gas(volume: Floats, precharge: Floats) -> Floats:
    return np.asarray(precharge * (_ACCUMULATOR_L / volume) ** _POLYTROPIC)


def _conductance(cycles: Cycles) -> Floats:
    return _COOLER_KW_PER_K * cycles.cooler + _WALL_KW_PER_K


def _root(pressure: Floats) -> Floats:
    """Square root of a pressure drop, linear near zero as laminar flow is."""
    return np.asarray(pressure / (pressure**2 + 1.0) ** 0.25)
