"""Every way from windows to feature rows, by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.signal.envelope import envelope_bands
from faultsyn.signal.hydraulic_features import (
    FAST,
    hydraulic_feature_names,
    hydraulic_features,
)
from faultsyn.signal.order_features import BANDS, Band, order_feature_names, order_features
from faultsyn.signal.process_features import process_feature_names, process_features
from faultsyn.signal.raw import flat_names, flatten
from faultsyn.signal.spectrum import log_spectrum
from faultsyn.signal.statistics import time_statistic_names, time_statistics
from faultsyn.signal.wavelet import Kind, wavelet_energies
from faultsyn.windows import FloatArray, WindowSet

Names = tuple[str, ...]


@dataclass(frozen=True)
class Feature:
    """A named feature extraction: `feature(windows, **params)` -> float32 `(n, n_features)`.

    Calling it raises `InputError` on a parameter it does not know, on NaN or infinity in the
    windows, and on a missing column (`needs`). Finite windows give finite rows.

    - `about`: one line for a person choosing.
    - `needs`: table columns that the windows must have.
    """

    name: str
    about: str
    compute: Callable[..., tuple[FloatArray, Names]]
    needs: tuple[str, ...] = ()

    def __call__(self, windows: WindowSet, **params: Any) -> FloatArray:
        """Feature rows `(n, n_features)` of the windows."""
        return self._run(windows, params)[0]

    def names(self, windows: WindowSet, **params: Any) -> Names:
        """One name a feature for windows of this kind."""
        return self._run(windows.take(slice(0, 1)), params)[1]

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise `InputError` with the nearest known name on a parameter that does not exist."""
        known = list(inspect.signature(self.compute).parameters)[1:]
        for key in params:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {known}"
                raise InputError(f"features '{self.name}': unknown parameter '{key}'", hint)

    def _run(self, windows: WindowSet, params: Mapping[str, Any]) -> tuple[FloatArray, Names]:
        self.check(params)
        for column in self.needs:
            windows.column(column)
        windows.require_finite(f"features '{self.name}'")
        return self.compute(windows, **params)


def _per_channel(windows: WindowSet, values: FloatArray, names: Names) -> tuple[FloatArray, Names]:
    """`(n, n_channels, k)` as rows; the channel's name goes before each feature's when several."""
    several = len(windows.channels) > 1
    full = tuple(f"{c} {name}" if several else name for c in windows.channels for name in names)
    return values.reshape(len(windows), len(full)), full


def _raw(windows: WindowSet) -> tuple[FloatArray, Names]:
    return flatten(windows.x), flat_names(windows.channels, windows.n_samples)


def _statistics(windows: WindowSet) -> tuple[FloatArray, Names]:
    return time_statistics(windows.x), time_statistic_names(windows.channels)


def _log_spectrum(windows: WindowSet, bands: int = 128) -> tuple[FloatArray, Names]:
    width = windows.rate / 2 / bands
    names = tuple(f"spectrum {i * width:.5g}-{(i + 1) * width:.5g}Hz" for i in range(bands))
    return _per_channel(windows, log_spectrum(windows.x, bands), names)


def _envelope(windows: WindowSet, top: float = 750.0, bands: int = 64) -> tuple[FloatArray, Names]:
    width = top / bands
    names = tuple(f"envelope {i * width:.5g}-{(i + 1) * width:.5g}Hz" for i in range(bands))
    return _per_channel(windows, envelope_bands(windows.x, windows.rate, top, bands), names)


def _spectrum(
    windows: WindowSet, bands: int = 128, top: float = 750.0, envelope_bands: int = 64
) -> tuple[FloatArray, Names]:
    spectrum, first = _log_spectrum(windows, bands)
    envelope, second = _envelope(windows, top, envelope_bands)
    return np.concatenate([spectrum, envelope], axis=1), first + second


def _orders(windows: WindowSet, bands: tuple[Band, ...] = BANDS) -> tuple[FloatArray, Names]:
    edges = tuple((float(low), float(high)) for low, high in bands)
    rpm, bearing = windows.column("rpm"), windows.column("bearing")
    values = [
        order_features(windows.x[:, channel], windows.rate, rpm, bearing, edges)
        for channel in range(len(windows.channels))
    ]
    return _per_channel(windows, np.stack(values, axis=1), order_feature_names(edges))


def _process(windows: WindowSet) -> tuple[FloatArray, Names]:
    return process_features(windows.x), process_feature_names(windows.channels)


def _hydraulic(
    windows: WindowSet, segments: int = 12, fast: tuple[str, ...] = FAST
) -> tuple[FloatArray, Names]:
    values = hydraulic_features(windows.x, windows.rate, windows.channels, segments, fast)
    return values, hydraulic_feature_names(windows.channels, segments, fast)


def _wavelet(
    windows: WindowSet, wavelet: str = "db4", level: int = 4, kind: Kind = "packet"
) -> tuple[FloatArray, Names]:
    values = wavelet_energies(windows.x, wavelet, level, kind)
    names = tuple(f"{wavelet} {kind} band {i}" for i in range(values.shape[-1]))
    return _per_channel(windows, values, names)


FEATURES: dict[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature("raw", "the samples themselves, flattened", _raw),
        Feature("statistics", "rms, kurtosis, crest factor, ... of each channel", _statistics),
        Feature("log-spectrum", "log-spectrum in equal bands, amplitude-free", _log_spectrum),
        Feature("envelope", "envelope spectrum up to 750 Hz, amplitude-free", _envelope),
        Feature("spectrum", "log-spectrum and envelope spectrum together", _spectrum),
        Feature(
            "orders",
            "envelope lines at the bearing's fault orders in four bands",
            _orders,
            ("rpm", "bearing"),
        ),
        Feature("process", "level, spread, trend, roughness of each channel", _process),
        Feature("hydraulic", "course and ripple of each sensor over a cycle", _hydraulic),
        Feature("wavelet", "log energy shares of wavelet bands, amplitude-free", _wavelet),
    )
}


def feature(name: str) -> Feature:
    """The registered feature extraction; raises `InputError` with the nearest known name."""
    if name not in FEATURES:
        near = difflib.get_close_matches(name, FEATURES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else ""
        raise InputError(f"unknown features '{name}'; known: {', '.join(FEATURES)}", hint)
    return FEATURES[name]
