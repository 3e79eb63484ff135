"""The figure of a passport page: the shots of a class against what was made of them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.experiment.made import ClassMade
from faultsyn.report.examples import Example
from faultsyn.report.style import BLACK, GREY, VERMILION, WIDTH
from faultsyn.report.window_figures import shows_spectra, window_figure
from faultsyn.signal.mesh import mesh_of_all
from faultsyn.windows import WindowSet

_SHOWN = 8
"""Windows of each kind that are drawn or averaged."""
_CHANNELS = 6
_COLUMNS = 3
_ROW = 1.75
_BAND = (0.05, 0.95)
_ALIKE = 0.02
"""Relative difference of shaft speeds that share an axis of orders."""


def passport_figure(
    made: ClassMade, normals: WindowSet | None, generator: str
) -> tuple[Figure, str]:
    """Real shots against synthetic windows of one class, and what the figure shows.

    Vibration: waveform, spectrum and, where the speed is known, envelope spectrum with the fault
    orders. Slow signals: channels over time, with the band that healthy windows keep to.
    """
    shots, windows = made.shots, made.windows
    if not shows_spectra(shots.rate, shots.n_samples):
        return _slow(made, normals), _slow_caption(shots, normals)
    rpm = _speed(shots)
    if rpm is not None:
        shots, windows = (_at_speed(part, rpm) for part in (shots, windows))
    example = Example(
        task="",
        generator=generator,
        label=made.label,
        real=shots.x[:_SHOWN].astype(np.float64),
        synthetic=windows.x[:_SHOWN].astype(np.float64),
        rate=shots.rate,
        channels=shots.channels,
        units=shots.units or ("",) * len(shots.channels),
        rpm=rpm,
        bearing=_bearing(shots),
        meshes=mesh_of_all(shots.table),
    )
    figure, caption = window_figure([example])
    speed = "" if rpm is None else f" Windows at {rpm:.0f} rpm."
    return figure, f"Top: real shots, bottom: synthetic windows. {caption}{speed}"


def _speed(shots: WindowSet) -> float | None:
    """The shaft speed that most shots were taken at [1/min]."""
    column = shots.table.get("rpm")
    if column is None or not np.isfinite(column.astype(float)).any():
        return None
    speeds = column.astype(float)
    known = speeds[np.isfinite(speeds) & (speeds > 0)]
    if not len(known):
        return None
    near = np.abs(known[:, None] - known[None]) <= _ALIKE * known[:, None]
    return float(known[near.sum(axis=1).argmax()])


def _at_speed(windows: WindowSet, rpm: float) -> WindowSet:
    """The windows at about a speed; all when there are none."""
    column = windows.table.get("rpm")
    if column is None:
        return windows
    near = np.abs(column.astype(float) - rpm) <= _ALIKE * rpm
    return windows.take(near) if near.any() else windows


def _bearing(shots: WindowSet) -> str | None:
    column = shots.table.get("bearing")
    names = set() if column is None else {str(name) for name in column}
    return names.pop() or None if len(names) == 1 else None


def _slow_caption(shots: WindowSet, normals: WindowSet | None) -> str:
    shown = min(_CHANNELS, len(shots.channels))
    if normals is None:
        return f"{shown} of {len(shots.channels)} channels over time."
    return (
        f"The {shown} of {len(shots.channels)} channels in which the shots are furthest from "
        "healthy windows. Grey: 5 to 95 % of healthy windows at each instant."
    )


def _slow(made: ClassMade, normals: WindowSet | None) -> Figure:
    shots = made.shots
    chosen = _telling(shots, normals)
    columns = min(_COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(WIDTH, _ROW * rows + 0.6), layout="constrained")
    axes = np.asarray(figure.subplots(rows, columns, sharex=True, squeeze=False))
    hours = shots.n_samples / shots.rate > 3600
    time = np.arange(shots.n_samples) / shots.rate / (3600 if hours else 1)
    for panel in axes.flat[len(chosen) :]:
        panel.set_visible(False)
    for panel, channel in zip(axes.flat, chosen, strict=False):
        if normals is not None:
            low, high = np.quantile(normals.x[:, channel], _BAND, axis=0)
            panel.fill_between(time, low, high, color=GREY, alpha=0.3, linewidth=0, label="healthy")
        for windows, colour, dash, name in (
            (shots, BLACK, "-", "real shots"),
            (made.windows, VERMILION, "--", "synthetic"),
        ):
            for i, window in enumerate(windows.x[:_SHOWN]):
                panel.plot(
                    time, window[channel], color=colour, linestyle=dash, linewidth=0.9, alpha=0.7,
                    label=name if i == 0 else None,
                )  # fmt: skip
        unit = shots.units[channel] if shots.units else ""
        panel.set_ylabel(f"[{unit}]" if unit else "")
        panel.set_title(shots.channels[channel], fontsize=9)
    for column in range(columns):
        last = [panel for panel in axes[:, column] if panel.get_visible()][-1]
        last.set_xlabel(f"time [{'h' if hours else 's'}]")
        last.tick_params(labelbottom=True)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _telling(shots: WindowSet, normals: WindowSet | None) -> NDArray[np.intp]:
    """Channels in which the shots are furthest from healthy windows, in their own order."""
    if normals is None:
        return np.arange(min(_CHANNELS, len(shots.channels)))
    mean = normals.x.mean(axis=0, dtype=np.float64)
    spread = normals.x.std(axis=(0, 2), dtype=np.float64)
    gap = np.abs(shots.x.mean(axis=0) - mean).mean(axis=1) / np.where(spread > 0, spread, np.inf)
    return np.sort(np.argsort(-gap, kind="stable")[:_CHANNELS])
