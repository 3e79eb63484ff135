"""Figures of a quality report: spectra, feature distributions, embedding, suspicious windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.evaluate.views import Curves, Suspects, Views
from faultsyn.report.mesh_marks import MESH_CAPTION, mark_mesh, mesh_text
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
        caption = _spectra_caption(views, views.spectrum)
        yield "spectra", caption, _spectra(views, views.spectrum, channels, units)
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
            f"match (right){_cut(found, rate)}. From a similarity of {found.limit:.3f} on, "
            "half-way between the nearest unseen real window and an exact copy, a window counts "
            f"as a copy; {found.copied} do."
        )
        yield "suspects", caption, _suspects(found, rate, channels, units)


def _cut(found: Suspects, rate: float) -> str:
    """Says so where only the beginning of long windows is drawn."""
    if not np.isfinite(rate) or found.synthetic.shape[-1] <= _SHOWN_SAMPLES:
        return ""
    return f", the first {_SHOWN_SAMPLES} of {found.synthetic.shape[-1]} samples"


def _spectra_caption(views: Views, spectrum: Curves) -> str:
    text = "Power spectral density, mean over windows"
    if views.meshes and views.shaft_hz is not None:
        text += f" (blue, {mesh_text(views.meshes)}: {MESH_CAPTION})"
    if views.envelope is not None:
        text += (
            ", and amplitudes in the squared envelope over its mean (broadest band, mean over "
            "windows)"
        )
        if views.fault_hz is not None:
            low, high = (f"{hz:.4g}" for hz in views.fault_hz)
            text += (
                ", over multiples of each window's own fault frequency "
                f"({low if low == high else f'{low} to {high}'} Hz among the real ones); blue: "
                "where the fault's lines are"
            )
    n_channels, n_shown = len(spectrum.real), len(_shown_channels(spectrum))
    which = f" The {n_shown} of {n_channels} channels that differ most." * (n_shown < n_channels)
    return f"{text}. Black: real, dashed: synthetic.{which}"


def _spectra(
    views: Views, spectrum: Curves, channels: tuple[str, ...], units: tuple[str, ...]
) -> Figure:
    shown = _shown_channels(spectrum)
    columns = 1 if views.envelope is None else 2
    figure = Figure(figsize=(WIDTH, _ROW * len(shown) + 0.9), layout="constrained")
    axes = np.asarray(figure.subplots(len(shown), columns, sharex="col", squeeze=False))
    prefix, scale = _prefix(spectrum.freqs[-1])
    real, synthetic = _decibel(spectrum.real), _decibel(spectrum.synthetic)
    for row, channel in enumerate(shown):
        unit = units[channel] if units and units[channel] else "unit"
        square = f"({unit})²" if "/" in unit else f"{unit}²"
        left = axes[row, 0]
        _pair(left, spectrum.freqs[1:] / scale, real[channel, 1:], synthetic[channel, 1:])
        left.set_ylabel(f"PSD [dB re {square}/Hz]")
        left.set_title(channels[channel])
        if views.meshes and views.shaft_hz is not None:
            mark_mesh(left, views.meshes, views.shaft_hz, spectrum.freqs[-1], scale)
        if views.envelope is not None:
            known = views.fault_hz is not None
            _envelope(axes[row, 1], views.envelope, channel, multiples=known)
            if row < len(shown) - 1:
                axes[row, 1].set_xlabel("")
    axes[-1, 0].set_xlabel(f"frequency [{prefix}Hz]")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _shown_channels(spectrum: Curves) -> NDArray[np.intp]:
    """At most four channels, those whose spectra lie furthest apart, in their own order."""
    gap = np.abs(_decibel(spectrum.real) - _decibel(spectrum.synthetic))[:, 1:].mean(axis=1)
    return np.sort(np.argsort(-gap, kind="stable")[:_MOST_CHANNELS])


def _decibel(density: Floats) -> Floats:
    level: Floats = 10 * np.log10(density + 1e-30)
    return level


def _prefix(top_hz: float) -> tuple[str, float]:
    """Prefix of the unit, and what one of it is in Hz, for an axis up to `top_hz`."""
    if top_hz >= 1000:
        return "k", 1000.0
    return ("", 1.0) if top_hz >= 1 else ("m", 0.001)


def _pair(panel: Axes, at: Floats, real: Floats, synthetic: Floats) -> None:
    panel.plot(at, real, color=BLACK, linewidth=1.1, label="real")
    panel.plot(at, synthetic, color=VERMILION, linewidth=1.1, linestyle="--", label="synthetic")
    panel.margins(x=0.01)


def _envelope(panel: Axes, curves: Curves, channel: int, *, multiples: bool) -> None:
    """One channel's envelope spectrum, over multiples of the fault's frequency or over Hz."""
    prefix, scale = ("", 1.0) if multiples else _prefix(curves.freqs[-1])
    for harmonic in _HARMONICS if multiples else ():
        panel.axvline(harmonic, color=BLUE, linewidth=0.9, linestyle=":")
        panel.annotate(
            f"{harmonic}x", (harmonic, 1), xycoords=("data", "axes fraction"), xytext=(2, -1),
            textcoords="offset points", color=BLUE, va="top", fontsize=8,
        )  # fmt: skip
    # The first lines hold the mean, and are no sign of a fault.
    shown = curves.freqs > 0.02 * curves.freqs[-1]
    at = curves.freqs[shown] / scale
    _pair(panel, at, curves.real[channel, shown], curves.synthetic[channel, shown])
    panel.set_ylim(bottom=0)
    name = "frequency / fault frequency [-]" if multiples else f"frequency [{prefix}Hz]"
    panel.set_xlabel(name)
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
