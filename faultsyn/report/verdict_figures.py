"""What a verdict rests on, drawn: envelope spectrum with fault orders, or sensors over a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faultsyn.errors import InputError
from faultsyn.report.mesh_marks import MESH_CAPTION, mark_mesh, mesh_text
from faultsyn.report.style import BLACK, BLUE, GREY, ORANGE, WIDTH
from faultsyn.report.window_figures import (
    envelope_orders,
    mark_orders,
    orders_text,
    shows_spectra,
)
from faultsyn.signal.bearing import orders
from faultsyn.signal.mesh import mesh_of
from faultsyn.signal.spectrum import welch_psd
from faultsyn.windows import FloatArray, WindowSet

_ROW = 2.0
_SHOWN_SAMPLES = 2048
_SHOWN_CHANNELS = 3
_SEGMENT = 512


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
    """Waveform; with a speed the envelope spectrum, without one or with gears the density."""
    columns, windows = shown.verdict["columns"], shown.windows
    rpm = float(columns.get("rpm") or 0)
    meshes = mesh_of(columns) if rpm > 0 else ()
    figure = Figure(figsize=(WIDTH, _ROW), layout="constrained")
    panels = list(np.atleast_1d(figure.subplots(1, 3 if meshes else 2)))
    _waveform(panels.pop(0), windows)
    if rpm <= 0:
        _density(panels[0], windows)
        text = "the speed is not known, so fault orders cannot be marked"
        return figure, f"Waveform and spectrum; {text}."
    said, size = "Waveform, ", 6.2 if meshes else 7.5
    if meshes:
        panel = panels.pop(0)
        _density(panel, windows)
        mark_mesh(panel, meshes, rpm / 60, windows.rate / 2)
        panel.set_title(mesh_text(meshes), fontsize=size, color=BLUE, fontweight="normal")
        said += f"power spectral density ({MESH_CAPTION}), "
    order, lines = envelope_orders(windows.x.astype(np.float64), windows.rate, rpm / 60)
    panels[0].plot(order, lines, color=BLACK, linewidth=0.9)
    panels[0].set_xlabel("order of shaft rotation [-]")
    panels[0].set_ylabel("sq. envelope [-]")
    said += f"and squared envelope spectrum at {rpm:.0f} rpm{_mark(panels[0], shown, size)}."
    return figure, said


def _waveform(panel: Axes, windows: WindowSet) -> None:
    unit = windows.units[0] if windows.units else ""
    samples = windows.x[0, 0, :_SHOWN_SAMPLES]
    panel.plot(np.arange(len(samples)) / windows.rate, samples, color=BLACK, linewidth=0.6)
    panel.set_xlabel("time [s]")
    panel.set_ylabel(f"{windows.channels[0]} [{unit}]" if unit else windows.channels[0])


def _density(panel: Axes, windows: WindowSet) -> None:
    freqs, psd = welch_psd(windows.x[:, 0].astype(np.float64), windows.rate, segment=_SEGMENT)
    level = 10 * np.log10(np.median(psd, axis=0)[1:] + 1e-20)
    panel.plot(freqs[1:], level, color=BLACK, linewidth=0.9)
    panel.set_xlabel("frequency [Hz]")
    unit = (windows.units[0] if windows.units else "") or "unit"
    panel.set_ylabel(f"PSD [dB re {unit}²/Hz]")


def _mark(panel: Axes, shown: Shown, size: float) -> str:
    """Mark the fault orders where the bearing is known; what is added to the caption."""
    bearing = shown.verdict["columns"].get("bearing")
    try:
        marks = orders(str(bearing)) if bearing else None
    except InputError:
        marks = None
    if marks is None:
        return ", bearing not known"
    mark_orders(panel, marks, str(shown.verdict["label"]).split("-")[0])
    panel.set_title(orders_text(marks), fontsize=size, color=BLUE, fontweight="normal")
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
