"""How often a fault strikes in each shot, from its label, bearing and speed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.bearing import orders as bearing_orders
from faultsyn.windows import WindowSet


def fault_rate(
    shots: WindowSet, orders: Mapping[str, float] | None, what: str
) -> NDArray[np.float64]:
    """Strikes per second [Hz] of the fault in each shot, `(K,)`: order times shaft rate.

    - `orders`: strikes per revolution by label; labels that it lacks are looked up in the shot's
      `bearing` ("inner": BPFI, "outer": BPFO, "ball": 2 BSF).
    - `what`: who asks, for the errors.

    Raises `InputError` on a speed that is no positive number, and when an order is neither given
    nor known.
    """
    rate = [order_of(shots, row, orders, what) for row in range(len(shots))]
    return np.asarray(rate) * shaft_rate(shots, what)


def shaft_rate(windows: WindowSet, what: str) -> NDArray[np.float64]:
    """Revolutions per second [Hz] of each window, `(n,)`, from the column `rpm`."""
    rpm = windows.column("rpm").astype(np.float64)
    if not (rpm > 0).all():
        row = int(np.argmax(~(rpm > 0)))
        raise InputError(f"{what}: expected rpm > 0, got {rpm[row]} in row {row}")
    return rpm / 60.0


def order_of(shots: WindowSet, row: int, orders: Mapping[str, float] | None, what: str) -> float:
    """Strikes per revolution of the fault in one shot; see `fault_rate`."""
    label = str(shots.labels[row])
    if orders is not None and label in orders:
        return orders[label]
    if "bearing" not in shots.table:
        raise InputError(
            f"{what}: shots lack the column 'bearing' and no order is given for '{label}'",
            f"set orders: {{{label}: strikes per revolution}}",
        )
    try:
        return bearing_orders(str(shots.column("bearing")[row])).of(label)
    except InputError as error:
        hint = error.hint or f"set orders: {{{label}: strikes per revolution}}"
        raise InputError(f"{what}: {error.message}", hint) from None


def require_period(samples: int, period: float, what: str) -> None:
    """Raise `InputError` where a window of `samples` is shorter than a fault `period` [samples]."""
    if samples < period:
        raise InputError(
            f"{what}: windows of {samples} samples are shorter than a fault period: expected >= "
            f"{int(np.ceil(period))} samples",
            "cut longer windows",
        )


def check_orders(orders: Mapping[str, float] | None, what: str) -> None:
    """Raise `InputError` on an order that is not positive."""
    for label, order in (orders or {}).items():
        if not order > 0:
            raise InputError(f"{what}: expected a positive order for '{label}', got {order}")
