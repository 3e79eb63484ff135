"""What a feature is in a person's words and units, so that a threshold on it can be used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from faultsyn.signal.features import feature
from faultsyn.signal.hydraulic_features import FAST
from faultsyn.signal.hydraulic_features import OFFSET as HYDRAULIC_OFFSET
from faultsyn.signal.order_features import BANDS, FAULTS, fault_line_names
from faultsyn.signal.process_features import OFFSET as PROCESS_OFFSET
from faultsyn.signal.representation import Representation
from faultsyn.signal.statistics import KINDS
from faultsyn.windows import WindowSet

Undo = Callable[[float], float]

_IN_UNIT = ("mean", "rms", "std", "peak", "peak-to-peak")
_ORDERS = {"outer": "BPFO", "inner": "BPFI", "ball": "BSF"}
_LINES = {
    "cage": "FTF",
    "shaft": "the shaft speed",
    "2xshaft": "2 x the shaft speed",
    "inner-shaft": "BPFI - shaft",
    "inner+shaft": "BPFI + shaft",
    "ball-cage": "2 x BSF - FTF",
    "ball+cage": "2 x BSF + FTF",
    "spin": "BSF",
}


def _same(value: float) -> float:
    return value


@dataclass(frozen=True)
class Meaning:
    """One feature for a person.

    - `name`: as the extraction calls it. `text`: what it measures. `unit`: of `undo(value)`.
    - `undo`: from the feature's value to the unit; it never turns the order of values round.
    """

    name: str
    text: str
    unit: str
    undo: Undo = _same


def meanings(representation: Representation, windows: WindowSet) -> tuple[Meaning, ...]:
    """One meaning for each column of `representation.extract(windows)`.

    - `windows`: of the kind that features are taken from, as cut, with their units.
    """
    channels = _Channels(windows, representation.channels)
    told = _TELL[representation.features](windows, channels, representation.params)
    names = feature(representation.features).names(windows, **representation.params)
    return tuple(Meaning(n, *parts) for n, parts in zip(names, told, strict=True))


Told = list[tuple[str, str, Undo]]


class _Channels:
    """Channels and their units as features see them."""

    def __init__(self, windows: WindowSet, scaling: str) -> None:
        units = windows.units or ("",) * len(windows.channels)
        mark = " (whitened)" if scaling == "whiten" else ""
        self.names = [f"{name}{mark}" for name in windows.channels]
        self.units = [
            "healthy deviations" if scaling != "none" else unit or "its own unit" for unit in units
        ]

    def each(self, told: Told) -> Told:
        """The same features of every channel."""
        if len(self.names) == 1:
            return told
        return [(f"{name}: {text}", unit, undo) for name in self.names for text, unit, undo in told]


def _raw(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    return [
        (f"{name} at {i / windows.rate:.5g} s", unit, _same)
        for name, unit in zip(channels.names, channels.units, strict=True)
        for i in range(windows.n_samples)
    ]


def _statistics(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    return [
        (f"{kind} of {name}", unit if kind in _IN_UNIT else "-", _same)
        for name, unit in zip(channels.names, channels.units, strict=True)
        for kind in KINDS
    ]


def _log_spectrum(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    bands = params.get("bands", 128)
    width = windows.rate / 2 / bands
    return channels.each(
        [
            (f"log-spectrum from {i * width:.5g} to {(i + 1) * width:.5g} Hz", "log", _same)
            for i in range(bands)
        ]
    )


def _envelope(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    top, bands = params.get("top", 750.0), params.get("bands", 64)
    width = top / bands
    text = "highest envelope line from {:.5g} to {:.5g} Hz"
    return channels.each(
        [
            (text.format(i * width, (i + 1) * width), "of the standardised window", math.expm1)
            for i in range(bands)
        ]
    )


def _spectrum(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    second = {"top": params.get("top", 750.0), "bands": params.get("envelope_bands", 64)}
    return [
        *_log_spectrum(windows, channels, {"bands": params.get("bands", 128)}),
        *_envelope(windows, channels, second),
    ]


def _orders(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    told: Told = []
    for low, high in params.get("bands", BANDS):
        where = f"in {low / 1000:g}-{high / 1000:g} kHz"
        for line in fault_line_names():
            told.append((f"envelope line at {_line(line)} {where}", "x around", math.exp))
        told.append((f"impulsiveness of the envelope {where}", "-", math.exp))
    for fault in FAULTS:
        of = "BSF, even" if fault == "ball" else _ORDERS[fault]
        text = f"envelope lines at three harmonics of {of}, best band"
        told.append((text, "x around", math.exp))
    return channels.each(told)


def _line(name: str) -> str:
    """Orders by the letters that bearing people use; a ball fault strikes at 2 BSF."""
    if name in _LINES:
        return _LINES[name]
    times, fault = name.split("x")
    factor = int(times) * (2 if fault == "ball" else 1)
    return _ORDERS[fault] if factor == 1 else f"{factor} x {_ORDERS[fault]}"


def _process(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    def deviation(value: float) -> float:
        return math.exp(value) - PROCESS_OFFSET

    kinds: list[tuple[str, str, Undo]] = [
        ("mean of {}", "", math.sinh),
        ("deviation of {}", "", deviation),
        ("trend of {} over half the window", "", lambda value: math.sinh(value) / 3),
        ("deviation of {}'s steps", "", deviation),
    ]
    return [
        (text.format(name), unit, undo)
        for text, _, undo in kinds
        for name, unit in zip(channels.names, channels.units, strict=True)
    ]


def _hydraulic(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    def deviation(value: float) -> float:
        return math.exp(value) - HYDRAULIC_OFFSET

    segments, fast = params.get("segments", 12), params.get("fast", FAST)
    part = windows.n_samples / windows.rate / segments
    spans = [f"{i * part:g} to {(i + 1) * part:g} s" for i in range(segments)]
    of = list(zip(channels.names, channels.units, strict=True))
    return [
        *((f"mean of {name} from {span}", unit, _same) for name, unit in of for span in spans),
        *((f"deviation of {name}'s one-second means", unit, deviation) for name, unit in of),
        *(
            (f"deviation of {name} from {span}", channels.units[at], deviation)
            for at, name in ((windows.channels.index(c), c) for c in fast)
            for span in spans
        ),
    ]


def _wavelet(windows: WindowSet, channels: _Channels, params: Mapping[str, Any]) -> Told:
    names = feature("wavelet").names(windows, **params)
    return [(f"energy share, {name}", "log", _same) for name in names]


_TELL: dict[str, Callable[[WindowSet, _Channels, Mapping[str, Any]], Told]] = {
    "raw": _raw,
    "statistics": _statistics,
    "log-spectrum": _log_spectrum,
    "envelope": _envelope,
    "spectrum": _spectrum,
    "orders": _orders,
    "process": _process,
    "hydraulic": _hydraulic,
    "wavelet": _wavelet,
}
