"""Front ends: fixed transforms between a window and an encoder, computed once a window.

All but "none" work on windows whose channels were centred and scaled to training deviations. What
they give is again `(n, channels, length)`, so that every encoder takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from faultsyn.diagnose.scaling import ChannelScaler, RowWhitener
from faultsyn.errors import InputError
from faultsyn.signal.bearing import orders
from faultsyn.signal.envelope import bandpass, envelope_bands, line_spectrum, squared_envelope
from faultsyn.signal.spectrum import band_starts
from faultsyn.signal.wavelet import scalogram
from faultsyn.windows import FloatArray, WindowSet

SPECTRUM_BANDS = 128  # of the log-spectrum
ENVELOPE_TOP = 750.0  # Hz, as in `faultsyn.signal`
ENVELOPE_BANDS = 64
_FREQUENCIES, _TIMES = 16, 64  # of the scalogram
DEMODULATION = ((1 / 24, 1 / 6), (1 / 6, 7 / 24), (7 / 24, 29 / 60))  # shares of the sample rate
MULTIPLES = np.linspace(0.25, 3.75, 113)  # of a fault's own order; every 0.03125
_FAULTS = ("outer", "inner", "ball")
TINY = 1e-9


def _log_spectrum(windows: WindowSet) -> FloatArray:
    """log(1 + amplitude) in 128 bands, `(n, channels, 128)`; amplitude is kept."""
    n_fft = max(windows.n_samples, 2 * SPECTRUM_BANDS)
    taper = scipy.signal.windows.hann(windows.n_samples, sym=False)
    starts = band_starts(n_fft // 2 + 1, SPECTRUM_BANDS)
    width = np.diff(starts, append=n_fft // 2 + 1)
    lines = np.abs(scipy.fft.rfft(windows.x * taper, n_fft)) / np.sqrt(windows.n_samples)
    return np.asarray(np.log1p(np.add.reduceat(lines, starts, axis=-1) / width), np.float32)


def _envelope(windows: WindowSet) -> FloatArray:
    """Envelope spectrum up to 750 Hz (or half the rate), `(n, channels, 64)`, amplitude-free."""
    top = min(ENVELOPE_TOP, windows.rate / 2)
    return envelope_bands(windows.x, windows.rate, top, ENVELOPE_BANDS)


def _order_spectrum(windows: WindowSet) -> FloatArray:
    """Squared-envelope spectrum on the axis of each fault's own order, `(n, 9 * channels, 113)`.

    In three demodulation bands, for outer race, inner race and ball: the spectrum at 0.25 to 3.75
    times the fault frequency, as log ratio to its median. A fault stands at 1, 2 and 3 whatever
    the speed and the geometry, so that bearings can be compared. Needs the columns `rpm` and
    `bearing`.
    """
    shaft_hz = np.asarray(windows.column("rpm"), np.float64) / 60
    if not (np.isfinite(shaft_hz) & (shaft_hz > 0)).all():
        raise InputError(
            "front end 'order-spectrum': windows without a shaft speed",
            "give rpm in the recordings' table, or choose another front end",
        )
    bearings, which = np.unique(np.asarray(windows.column("bearing"), str), return_inverse=True)
    table = np.array([[orders(str(b)).of(fault) for fault in _FAULTS] for b in bearings])
    fault_hz = table[which] * shaft_hz[:, None]
    out = np.empty((len(windows), len(windows.channels), 9, len(MULTIPLES)), np.float32)
    for band, (low, high) in enumerate(DEMODULATION):
        for channel in range(len(windows.channels)):
            for at in range(0, len(windows), 64):
                rows = slice(at, at + 64)
                filtered = bandpass(
                    windows.x[rows, channel], windows.rate, low * windows.rate, high * windows.rate
                )
                freqs, lines = line_spectrum(squared_envelope(filtered), windows.rate)
                out[rows, channel, 3 * band : 3 * band + 3] = _on_orders(
                    lines, freqs[1], fault_hz[rows]
                )
    return out.reshape(len(windows), -1, len(MULTIPLES))


def _on_orders(
    lines: NDArray[np.float64], step_hz: float, fault_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Spectra `(n, n_freqs)` read at multiples of the fault frequencies, `(n, 3, n_multiples)`.

    Each value is the largest of three readings across its cell, so that no line falls between.
    """
    cell = MULTIPLES[1] - MULTIPLES[0]
    places = (MULTIPLES[:, None] + np.array([-cell / 3, 0, cell / 3])).ravel()
    at = np.rint(fault_hz[:, :, None] * places / step_hz).astype(np.intp)
    at = np.clip(at, 0, lines.shape[1] - 1)
    read = lines[np.arange(len(lines))[:, None, None], at]
    read = read.reshape(*read.shape[:2], len(MULTIPLES), 3).max(axis=3)
    middle = np.median(read, axis=2, keepdims=True)
    return np.asarray(np.log((read + TINY) / (middle + TINY)))


def _scalogram(windows: WindowSet) -> FloatArray:
    """log(1 + |wavelet transform|) at 16 frequencies, `(n, 16 * channels, at most 64)`."""
    rate, n_samples = windows.rate, windows.n_samples
    freqs = np.geomspace(min(8 / n_samples, 1 / 32), 0.4, _FREQUENCIES) * rate
    edges = np.linspace(0, n_samples, min(_TIMES, n_samples) + 1).astype(np.intp)
    out = []
    for at in range(0, len(windows), 64):
        made = scalogram(windows.x[at : at + 64], rate, freqs)
        binned = np.add.reduceat(made, edges[:-1], axis=-1) / np.diff(edges)
        out.append(np.log1p(binned).astype(np.float32))
    return np.concatenate(out).reshape(len(windows), -1, len(edges) - 1)


FRONT_ENDS: dict[str, Callable[[WindowSet], FloatArray]] = {
    "none": lambda windows: windows.x,
    "log-spectrum": _log_spectrum,
    "envelope": _envelope,
    "order-spectrum": _order_spectrum,
    "scalogram": _scalogram,
}
"""Front ends of windows by the name that a preset gives; windows -> `(n, channels, length)`."""

ROW_FRONT_ENDS = ("none", "whiten")
"""Front ends of feature rows."""


@dataclass(frozen=True)
class FrontEnd:
    """Scaling, a front end, and scaling of what it gives; learnt from training windows only.

    - `name`: of `FRONT_ENDS`.
    - `before`: scales the channels ahead of the front end; None with "none" and feature rows.
    - `after`: scales what the network sees.
    - `whitener`: of feature rows.
    """

    name: str
    before: ChannelScaler | None
    after: ChannelScaler
    whitener: RowWhitener | None = None

    @classmethod
    def fit(cls, windows: WindowSet, name: str) -> Self:
        """Learn the scaling from training windows."""
        if name == "none":
            return cls(name, None, ChannelScaler.fit(windows))
        before = ChannelScaler.fit(windows)
        return cls(name, before, ChannelScaler.fit(_through(windows, name, before)))

    @classmethod
    def for_rows(cls, rows: WindowSet, name: str) -> Self:
        """For feature rows, which come standardised: whitened if wanted, then softly limited."""
        whitener = RowWhitener.fit(rows) if name == "whiten" else None
        return cls(name, None, ChannelScaler(np.zeros(1), np.ones(1)), whitener)

    def apply(self, windows: WindowSet) -> FloatArray:
        """What the network sees, `(n, channels, length)`."""
        if self.whitener is not None:
            return self.after.apply(self.whitener.apply(windows.x))
        if self.before is None:
            return self.after.apply(windows.x)
        return self.after.apply(_through(windows, self.name, self.before).x)

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that `restore` puts back."""
        arrays = self.after.state()
        if self.before is not None:
            arrays |= {f"before.{key}": value for key, value in self.before.state().items()}
        if self.whitener is not None:
            arrays |= {"whitener.mean": self.whitener.mean, "whitener": self.whitener.matrix}
        return arrays

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Self:
        """Rebuild what `state` took apart."""
        lead = "before."
        inner = {k.removeprefix(lead): v for k, v in arrays.items() if k.startswith(lead)}
        before = ChannelScaler.restore(inner) if inner else None
        whitener = None
        if "whitener" in arrays:
            whitener = RowWhitener(arrays["whitener.mean"], arrays["whitener"])
        return cls(name, before, ChannelScaler.restore(arrays), whitener)


def _through(windows: WindowSet, name: str, before: ChannelScaler) -> WindowSet:
    """The windows behind the front end; scaled linearly, a soft limit would add harmonics."""
    made = FRONT_ENDS[name](windows.with_x(before.linear(windows.x)))
    return windows.with_x(made, channels=tuple(f"{name} {i}" for i in range(made.shape[1])))
