"""What a verdict rests on, drawn: envelope spectrum with fault orders, or sensors over a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faultsyn.errors import InputError
from faultsyn.report.style import BLACK, BLUE, GREY, ORANGE, WIDTH
from faultsyn.report.window_figures import (
    envelope_orders,
    mark_orders,
    orders_text,
    shows_spectra,
)
from faultsyn.signal.bearing import orders
from faultsyn.signal.spectrum import welch_psd
from faultsyn.windows import FloatArray, WindowSet

_ROW = 2.0
_SHOWN_SAMPLES = 2048
_SHOWN_CHANNELS = 3


@dataclass(frozen=True, eq=False)
class Shown:
    """A recording that is drawn: its verdict as plain values and some of its windows."""

    verdict: Mapping[str, Any]
    windows: WindowSet


def verdict_figure(shown: Shown, reference: FloatArray | None) -> tuple[Figure, str]:
    """A figure of one recording and what it shows.

    - `reference`: mean healthy window `(C, n_samples)`, drawn behind slow channels.
    """
    windows = shown.windows
    if shows_spectra(windows.rate, windows.n_samples) and len(windows.channels) < _SHOWN_CHANNELS:
        return _vibration(shown)
    return _channels(shown, reference)


def _vibration(shown: Shown) -> tuple[Figure, str]:
    windows = shown.windows
    x, rate = windows.x.astype(np.float64), windows.rate
    figure = Figure(figsize=(WIDTH, _ROW), layout="constrained")
    left, right = figure.subplots(1, 2)
    unit = windows.units[0] if windows.units else ""
    samples = x[0, 0, :_SHOWN_SAMPLES]
    left.plot(np.arange(len(samples)) / rate, samples, color=BLACK, linewidth=0.6)
    left.set_xlabel("time [s]")
    left.set_ylabel(f"{windows.channels[0]} [{unit}]" if unit else windows.channels[0])
    rpm = shown.verdict["columns"].get("rpm")
    if rpm and rpm > 0:
        order, lines = envelope_orders(x, rate, float(rpm) / 60)
        right.plot(order, lines, color=BLACK, linewidth=0.9)
        right.set_xlabel("order of shaft rotation [-]")
        right.set_ylabel("sq. envelope [-]")
        marked = _mark(right, shown)
        text = f"Waveform, and squared envelope spectrum at {rpm:.0f} rpm{marked}."
    else:
        freqs, psd = welch_psd(x[:, 0], rate, segment=512)
        level = 10 * np.log10(np.median(psd, axis=0)[1:] + 1e-20)
        right.plot(freqs[1:], level, color=BLACK, linewidth=0.9)
        right.set_xlabel("frequency [Hz]")
        right.set_ylabel("PSD [dB]")
        text = "Waveform and spectrum; the speed is not known, so fault orders cannot be marked."
    return figure, text


def _mark(panel: Axes, shown: Shown) -> str:
    """Mark the fault orders where the bearing is known; what is added to the caption."""
    bearing = shown.verdict["columns"].get("bearing")
    try:
        marks = orders(str(bearing)) if bearing else None
    except InputError:
        marks = None
    if marks is None:
        return ", bearing not known"
    mark_orders(panel, marks, str(shown.verdict["label"]).split("-")[0])
    panel.set_title(orders_text(marks), fontsize=7.5, color=BLUE, fontweight="normal")
    return f"; blue: fault orders of bearing {bearing}, those of the verdict dashed"


def _channels(shown: Shown, reference: FloatArray | None) -> tuple[Figure, str]:
    """The channels that moved the verdict most, the stretches that did shaded."""
    windows, moved = shown.windows, shown.verdict["evidence"].get("occlusion", [])
    names = list(dict.fromkeys(part["channel"] for part in moved))
    names += [name for name in windows.channels if name not in names]
    names = names[:_SHOWN_CHANNELS]
    figure = Figure(figsize=(WIDTH, _ROW), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(names)))
    scale, unit = (3600, "h") if windows.n_samples / windows.rate > 3600 else (1, "s")
    time = np.arange(windows.n_samples) / windows.rate / scale
    for panel, name in zip(axes, names, strict=True):
        channel = windows.channels.index(name)
        for part in moved:
            if part["channel"] == name:
                panel.axvspan(
                    part["from"] / scale, part["to"] / scale, color=ORANGE, alpha=0.35, linewidth=0
                )
        if reference is not None:
            panel.plot(time, reference[channel], color=GREY, linewidth=1.8, alpha=0.6)
        panel.plot(time, windows.x[0, channel], color=BLACK, linewidth=0.8)
        own = windows.units[channel] if windows.units else ""
        panel.set_title(f"{name} [{own}]" if own else name, fontsize=9)
        panel.set_xlabel(f"time [{unit}]")
    text = "Black: the recording. Grey: the mean healthy course. "
    text += "Shaded: the stretches that moved the verdict most." if moved else ""
    return figure, text.strip()
