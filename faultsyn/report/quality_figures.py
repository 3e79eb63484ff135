"""Figures of a quality report: spectra, feature distributions, embedding, suspicious windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.evaluate.views import Curves, Suspects, Views
from faultsyn.report.style import BLACK, BLUE, GREY, VERMILION, WIDTH

_ROW = 1.9
_MOST_CHANNELS = 4
_MOST_SUSPECTS = 6
_SHOWN_SAMPLES = 1024
_HARMONICS = (1, 2, 3)
_FEWEST_BINS, _MOST_BINS = 8, 30
_LOOKS = {
    "normal": (GREY, "x", 14.0),
    "real": (BLACK, "o", 16.0),
    "shots": (BLUE, "*", 110.0),
    "synthetic": (VERMILION, "^", 18.0),
}
"""Colour, marker and area [points^2] of each set in the embedding, in the order of drawing."""

Floats = NDArray[np.float64]


def quality_figures(
    views: Views, rate: float, channels: tuple[str, ...], units: tuple[str, ...]
) -> Iterator[tuple[str, str, Figure]]:
    """Name, caption and figure of everything that can be drawn of one class."""
    if views.spectrum is not None:
        yield "spectra", _spectra_caption(views), _spectra(views, views.spectrum, channels, units)
    yield (
        "distributions",
        "Left: values of single windows; right: two principal components of the real windows' "
        "level, spectrum and envelope features, with every set projected on them.",
        _distributions(views, units),
    )
    if views.suspects is not None and len(views.suspects.index):
        found = views.suspects
        caption = (
            "The synthetic windows nearest to a shot (left), each beside that shot, rotated to "
            f"match (right). From a similarity of {found.limit:.3f} on, half-way between the "
            f"nearest unseen real window and an exact copy, a window counts as a copy; "
            f"{found.copied} do."
        )
        yield "suspects", caption, _suspects(found, rate, channels, units)


def _spectra_caption(views: Views) -> str:
    text = "Power spectral density, mean over windows"
    if views.envelope is not None:
        text += ", and squared envelope spectrum (broadest band, mean over windows)"
        if views.fault_hz is not None:
            text += f"; blue: {views.fault_hz:.1f} Hz, the fault's frequency, and its multiples"
    return f"{text}. Black: real, dashed: synthetic."


def _spectra(
    views: Views, spectrum: Curves, channels: tuple[str, ...], units: tuple[str, ...]
) -> Figure:
    rows = min(len(channels), _MOST_CHANNELS)
    columns = 1 if views.envelope is None else 2
    figure = Figure(figsize=(WIDTH, _ROW * rows + 0.9), layout="constrained")
    axes = np.asarray(figure.subplots(rows, columns, sharex="col", squeeze=False))
    for row in range(rows):
        unit = units[row] if units and units[row] else "unit"
        left = axes[row, 0]
        scale = 1000 if spectrum.freqs[-1] >= 1000 else 1
        _pair(left, spectrum.freqs[1:] / scale, 10 * np.log10(spectrum.real[row, 1:] + 1e-30),
              10 * np.log10(spectrum.synthetic[row, 1:] + 1e-30))  # fmt: skip
        square = f"({unit})²" if "/" in unit else f"{unit}²"
        left.set_ylabel(f"PSD [dB re {square}/Hz]")
        left.set_title(channels[row])
        if row == rows - 1:
            left.set_xlabel("frequency [kHz]" if scale == 1000 else "frequency [Hz]")
        if views.envelope is not None:
            _envelope(axes[row, 1], views.envelope, row, views.fault_hz)
            if row == rows - 1:
                axes[row, 1].set_xlabel("frequency [Hz]")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _pair(panel: Axes, at: Floats, real: Floats, synthetic: Floats) -> None:
    panel.plot(at, real, color=BLACK, linewidth=1.1, label="real")
    panel.plot(at, synthetic, color=VERMILION, linewidth=1.1, linestyle="--", label="synthetic")
    panel.margins(x=0.01)


def _envelope(panel: Axes, curves: Curves, row: int, fault_hz: float | None) -> None:
    top = curves.freqs[-1]
    if fault_hz is not None:
        top = min(top, 4.2 * fault_hz)
        for harmonic in _HARMONICS:
            panel.axvline(harmonic * fault_hz, color=BLUE, linewidth=0.9, linestyle=":")
            panel.annotate(
                f"{harmonic}x", (harmonic * fault_hz, 1), xycoords=("data", "axes fraction"),
                xytext=(2, -1), textcoords="offset points", color=BLUE, va="top", fontsize=8,
            )  # fmt: skip
    # The first lines hold the mean, and are no sign of a fault.
    shown = (curves.freqs > 0.02 * top) & (curves.freqs <= top)
    _pair(panel, curves.freqs[shown], curves.real[row, shown], curves.synthetic[row, shown])
    panel.set_ylim(bottom=0)
    panel.set_ylabel("sq. envelope [-]")
    panel.set_title("envelope spectrum")


def _distributions(views: Views, units: tuple[str, ...]) -> Figure:
    names = list(views.features)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    widths = [*(1.0 for _ in names), 1.5]
    axes = np.asarray(figure.subplots(1, len(widths), squeeze=False, width_ratios=widths))[0]
    for panel, name in zip(axes, names, strict=False):
        real, synthetic = views.features[name]
        both = np.concatenate([real, synthetic])
        count = int(np.clip(np.sqrt(len(both)), _FEWEST_BINS, _MOST_BINS))
        bins = np.histogram_bin_edges(both, count)
        for values, colour, dash, label, fill in (
            (real, BLACK, "-", "real", True),
            (synthetic, VERMILION, "--", "synthetic", False),
        ):
            share = np.full(len(values), 1 / len(values))
            if fill:
                panel.hist(values, bins, weights=share, color=GREY, alpha=0.25)
            panel.hist(
                values, bins, weights=share, histtype="step", color=colour, linestyle=dash,
                linewidth=1.3, label=label,
            )  # fmt: skip
        alike = set(units) if len(set(units)) == 1 else {"mixed units"}
        unit = (alike.pop() or "unit") if name == "rms" else "-"
        panel.set_xlabel(f"{name.upper() if name == 'rms' else name} [{unit}]")
    axes[0].set_ylabel("share of windows [-]")
    _embedding(axes[-1], views)
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _embedding(panel: Axes, views: Views) -> None:
    for name, (colour, marker, area) in _LOOKS.items():
        if name not in views.embedding:
            continue
        at = views.embedding[name]
        hollow = marker in ("o", "^")
        panel.scatter(
            at[:, 0], at[:, 1], s=area, marker=marker, linewidths=0.8, label=name,
            facecolors="none" if hollow else colour, edgecolors=None if not hollow else colour,
        )  # fmt: skip
    panel.set_xlabel("component 1 [-]")
    panel.set_ylabel("component 2 [-]")
    panel.set_title("embedding")


def _suspects(
    found: Suspects, rate: float, channels: tuple[str, ...], units: tuple[str, ...]
) -> Figure:
    rows = min(len(found.index), _MOST_SUSPECTS)
    figure = Figure(figsize=(WIDTH, 1.15 * rows + 0.5), layout="constrained")
    axes = np.asarray(figure.subplots(rows, 2, sharex=True, sharey="row", squeeze=False))
    unit = units[0] if units and units[0] else "unit"
    for row in range(rows):
        copied = found.score[row] > found.limit
        made = f"synthetic {found.index[row]}, similarity {found.score[row]:.3f}"
        shot = f"shot {found.shot[row]}, rotated by {found.shift[row]} samples"
        sides = (
            (found.synthetic, VERMILION, f"{made}: a copy" if copied else made),
            (found.nearest, BLACK, shot),
        )
        for panel, (windows, colour, title) in zip(axes[row], sides, strict=True):
            shown = windows[row, 0, :_SHOWN_SAMPLES]
            at = np.arange(len(shown)) / rate if np.isfinite(rate) else np.arange(len(shown))
            panel.plot(at, shown, color=colour, linewidth=0.7)
            panel.set_title(title, fontsize=8.5, fontweight="normal")
        axes[row, 0].set_ylabel(f"{channels[0]} [{unit}]")
    for panel in axes[-1]:
        panel.set_xlabel("time [s]" if np.isfinite(rate) else "feature, by number")
    return figure
