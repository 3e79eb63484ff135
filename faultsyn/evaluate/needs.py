"""What a measure needs before it can be computed, and the sentence that says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.halves import group_ids
from faultsyn.signal.bearing import orders
from faultsyn.windows import WindowSet

LONG_WINDOW = 4096 / 12000
"""Seconds from which the fault lines of a single window stand clear: 4096 samples at 12 kHz."""


@dataclass(frozen=True)
class Given:
    """What a measure may look at besides real and synthetic windows.

    - `shots`: the real windows that the generator was adapted to.
    - `normal`: healthy windows.
    - `scale`: all real windows of the evaluation, where scales must not change from one comparison
      to the next.
    """

    shots: WindowSet | None = None
    normal: WindowSet | None = None
    scale: WindowSet | None = None


class Need(StrEnum):
    """Conditions, in the words that a report prints."""

    SIGNAL = "windows in signal space (a sample rate)"
    ONE_CLASS = "windows of one class"
    FAULT_ORDER = "shaft speed (rpm), a known bearing, and a class that has a fault order"
    LONG = "windows of at least 0.34 s (4096 samples at 12 kHz)"
    CHANNELS = "at least two channels"
    GROUPS = "at least two recordings or stretches of time among the real windows"
    SHOTS = "the shots that the generator was adapted to"
    NORMAL = "healthy windows"


def fault_frequency(windows: WindowSet) -> NDArray[np.float64]:
    """How often each window's fault strikes [Hz], `(n_windows,)`, from label, bearing and rpm.

    Raises `InputError` when a class or bearing has no fault order or a speed is missing.
    """
    rpm = np.asarray(windows.column("rpm"), np.float64)
    if not (np.isfinite(rpm) & (rpm > 0)).all():
        raise InputError("some windows have no shaft speed (rpm)")
    kinds = np.stack([windows.labels.astype(str), windows.column("bearing").astype(str)], axis=1)
    known, which = np.unique(kinds, axis=0, return_inverse=True)
    order = np.array([orders(str(bearing)).of(str(label)) for label, bearing in known])
    frequency: NDArray[np.float64] = order[which.reshape(-1)] * rpm / 60.0
    return frequency


def unmet(needs: frozenset[Need], real: WindowSet, synthetic: WindowSet, given: Given) -> str:
    """The first need that is not met, as a sentence; empty when all are."""
    for need in sorted(needs):
        problem = _CHECKS[need](real, synthetic, given)
        if problem:
            return problem
    return ""


def _column(name: str) -> Callable[[WindowSet, WindowSet, Given], str]:
    def check(real: WindowSet, synthetic: WindowSet, given: Given) -> str:
        for side, windows in (("real", real), ("synthetic", synthetic)):
            if name not in windows.table:
                return f"the {side} windows have no column '{name}'"
        return ""

    return check


def _fault_order(real: WindowSet, synthetic: WindowSet, given: Given) -> str:
    for name in ("rpm", "bearing"):
        problem = _column(name)(real, synthetic, given)
        if problem:
            return problem
    for side, windows in (("real", real), ("synthetic", synthetic)):
        try:
            fault_frequency(windows)
        except InputError as error:
            return f"{side} windows: {error}"
    return ""


def _long(real: WindowSet, synthetic: WindowSet, given: Given) -> str:
    seconds = real.n_samples / real.rate
    if seconds >= LONG_WINDOW * 0.999:
        return ""
    return f"needs {Need.LONG}, got {real.n_samples} samples at {real.rate:g} Hz"


def _one_class(real: WindowSet, synthetic: WindowSet, given: Given) -> str:
    classes = sorted({*real.labels.tolist(), *synthetic.labels.tolist()})
    return "" if len(classes) == 1 else f"needs {Need.ONE_CLASS}, got {', '.join(classes)}"


_CHECKS: dict[Need, Callable[[WindowSet, WindowSet, Given], str]] = {
    Need.SIGNAL: lambda r, s, g: "" if np.isfinite(r.rate) else f"needs {Need.SIGNAL}",
    Need.ONE_CLASS: _one_class,
    Need.FAULT_ORDER: _fault_order,
    Need.LONG: _long,
    Need.CHANNELS: lambda r, s, g: "" if len(r.channels) > 1 else f"needs {Need.CHANNELS}, got one",
    Need.GROUPS: lambda r, s, g: "" if len(np.unique(group_ids(r))) > 1 else f"needs {Need.GROUPS}",
    Need.SHOTS: lambda r, s, g: (
        "" if g.shots is not None and len(g.shots) else f"needs {Need.SHOTS}"
    ),
    Need.NORMAL: lambda r, s, g: (
        "" if g.normal is not None and len(g.normal) > 1 else f"needs {Need.NORMAL}"
    ),
}
