"""Real beside synthetic windows: waveform, spectrum, envelope spectrum with the fault orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.report.examples import Example
from faultsyn.report.mesh_marks import MESH_CAPTION, mark_mesh, mesh_text
from faultsyn.report.style import BLACK, BLUE, GREY, VERMILION, WIDTH
from faultsyn.signal.bearing import FaultOrders, orders
from faultsyn.signal.envelope import bandpass, squared_envelope_spectrum
from faultsyn.signal.spectrum import welch_psd

_ROW = 1.55
_SHORT = 256
"""Windows below this many samples show no spectrum: it would have too few lines to read."""
_SHOWN_SAMPLES = 2048
_SHOWN_CHANNELS = 3
_SHOWN_WINDOWS = 8
_TOP_ORDER = 20.0
_ENVELOPE_FROM = 1000.0  # Hz
_FASTEST_SLOW_RATE = 50.0  # Hz; below it a signal is a slow process quantity

Floats = NDArray[np.float64]


def window_figure(examples: Sequence[Example]) -> tuple[Figure, str]:
    """One class of one task by every generator that made some: a figure, and what it shows."""
    first = examples[0]
    if first.rate is None:
        return _feature_rows(examples), "Mean and deviation of every feature, standardised."
    if shows_spectra(first.rate, first.real.shape[2]):
        text = "One window of each, power spectral density (median over the kept windows)"
        if first.rpm:
            text += (
                ", and squared envelope spectrum above 1 kHz (mean) against orders of the shaft; "
                "blue: fault orders of the bearing, those of the class dashed"
            )
        if first.rpm and first.meshes:
            text += f"; in the density {MESH_CAPTION}"
        return _signals(examples, first.rate), f"{text}. Grey: the real spectrum again."
    text = "The channels in which the synthetic windows are furthest from the real ones."
    return _slow_channels(examples, first.rate), text


def shows_spectra(rate: float, n_samples: int) -> bool:
    """Whether windows are drawn with their spectra, rather than channels over time."""
    return rate > _FASTEST_SLOW_RATE and n_samples >= _SHORT


def _signals(examples: Sequence[Example], rate: float) -> Figure:
    """Vibration and the like: one window each, median spectra of all kept windows."""
    first = examples[0]
    shaft = (first.rpm or 0) / 60
    columns = 3 if shaft > 0 else 2
    rows = 1 + len(examples)
    figure = Figure(figsize=(WIDTH, _ROW * rows + 0.5), layout="constrained")
    axes = np.asarray(figure.subplots(rows, columns, sharex="col", sharey="col", squeeze=False))
    marks = _fault_orders(first)
    unit = first.units[0] or "unit"
    for row, (name, windows) in enumerate(
        [("real", first.real), *((e.generator, e.synthetic) for e in examples)]
    ):
        real = row == 0
        colour = BLACK if real else VERMILION
        _waveform(axes[row, 0], windows[0, 0], rate, colour)
        axes[row, 0].set_title(name, fontsize=9)
        axes[row, 0].set_ylabel(f"{first.channels[0]} [{unit}]")
        _spectrum(axes[row, 1], first.real, windows, rate, colour, real)
        axes[row, 1].set_ylabel(f"PSD [dB re {unit}²/Hz]")
        if shaft > 0 and first.meshes:
            mark_mesh(axes[row, 1], first.meshes, shaft, rate / 2, 1000 if rate >= 2000 else 1)
            if real:
                axes[row, 1].set_title(
                    mesh_text(first.meshes), fontsize=6.2, color=BLUE, fontweight="normal"
                )
        if shaft > 0:
            panel = axes[row, 2]
            if not real:
                order, lines = envelope_orders(first.real, rate, shaft)
                panel.plot(order, lines, color=GREY, linewidth=2.2, alpha=0.5)
            order, lines = envelope_orders(windows, rate, shaft)
            panel.plot(order, lines, color=colour, linewidth=0.9)
            if marks is not None:
                mark_orders(panel, marks, first.label)
                if real:
                    panel.set_title(
                        orders_text(marks), fontsize=6.2, color=BLUE, fontweight="normal"
                    )
            axes[row, 2].set_ylabel("sq. envelope [-]")
    axes[-1, 0].set_xlabel("time [s]")
    axes[-1, 1].set_xlabel("frequency [kHz]" if rate >= 2000 else "frequency [Hz]")
    if shaft > 0:
        axes[-1, 2].set_xlabel("order of shaft rotation [-]")
    return figure


def _waveform(panel: Axes, x: Floats, rate: float, colour: str) -> None:
    shown = x[:_SHOWN_SAMPLES]
    panel.plot(np.arange(len(shown)) / rate, shown, color=colour, linewidth=0.6)


def _spectrum(
    panel: Axes, real: Floats, windows: Floats, rate: float, colour: str, alone: bool
) -> None:
    scale = 1000 if rate >= 2000 else 1
    if not alone:
        freqs, psd = _psd(real, rate)
        panel.plot(freqs / scale, psd, color=GREY, linewidth=2.2, alpha=0.5)
    freqs, psd = _psd(windows, rate)
    panel.plot(freqs / scale, psd, color=colour, linewidth=0.9)


def _psd(windows: Floats, rate: float) -> tuple[Floats, Floats]:
    """Median Welch density of the first channel [dB]."""
    freqs, psd = welch_psd(windows[:, 0], rate, segment=512)
    decibel: Floats = 10 * np.log10(np.median(psd, axis=0) + 1e-20)
    return freqs[1:], decibel[1:]


def envelope_orders(windows: Floats, rate: float, shaft: float) -> tuple[Floats, Floats]:
    """Orders of the shaft and the mean squared envelope spectrum of the first channel.

    Above 1 kHz where the rate allows: below it, shaft and gear lines hide the bearing.
    """
    x = windows[:, 0]
    if rate / 2 > 2 * _ENVELOPE_FROM:
        x = bandpass(x, rate, _ENVELOPE_FROM, 0.46 * rate)
    freqs, lines = squared_envelope_spectrum(x, rate, pad=2)
    order = freqs / shaft
    shown = (order > 0.3) & (order <= _TOP_ORDER)
    scaled: Floats = lines.mean(axis=0) / windows.shape[2]
    return order[shown], scaled[shown]


def mark_orders(panel: Axes, marks: FaultOrders, label: str) -> None:
    """Fault orders as vertical lines; those of the class itself dashed, with harmonics."""
    known = {"cage": marks.ftf, "outer": marks.bpfo, "ball": 2 * marks.bsf, "inner": marks.bpfi}
    for name, at in known.items():
        own = label == name
        for harmonic in (1, 2, 3) if own else (1,):
            if harmonic * at > _TOP_ORDER:
                break
            panel.axvline(harmonic * at, color=BLUE, linewidth=0.8, linestyle="--" if own else ":")


def orders_text(marks: FaultOrders) -> str:
    """What the lines of `mark_orders` are, from left to right."""
    values = {"FTF": marks.ftf, "BPFO": marks.bpfo, "2BSF": 2 * marks.bsf, "BPFI": marks.bpfi}
    listed = sorted(values.items(), key=lambda item: item[1])
    return ", ".join(f"{name} {order:.2f}" for name, order in listed)


def _fault_orders(example: Example) -> FaultOrders | None:
    """Fault orders of the example's bearing; None where it is not known or not in the table."""
    if example.bearing is None:
        return None
    try:
        return orders(example.bearing)
    except InputError:
        return None


def _slow_channels(examples: Sequence[Example], rate: float) -> Figure:
    """Process quantities: the channels in which the synthetic windows are furthest off."""
    first = examples[0]
    shown = min(_SHOWN_CHANNELS, len(first.channels))
    figure = Figure(figsize=(WIDTH, _ROW * len(examples) + 0.6), layout="constrained")
    axes = np.asarray(figure.subplots(len(examples), shown, sharex=True, squeeze=False))
    step, unit = (1 / 3600, "h") if first.real.shape[2] / rate > 3600 else (1, "s")
    time = np.arange(first.real.shape[2]) / rate * step
    for row, example in enumerate(examples):
        for column, channel in enumerate(_furthest_off(example)[:shown]):
            panel = axes[row, column]
            for windows, colour, width in (
                (example.real, BLACK, 0.8),
                (example.synthetic, VERMILION, 0.9),
            ):
                for i, window in enumerate(windows[:_SHOWN_WINDOWS]):
                    panel.plot(
                        time, window[channel], color=colour, linewidth=width, alpha=0.6,
                        linestyle="-" if colour == BLACK else "--",
                        label=("real" if colour == BLACK else "synthetic") if i == 0 else None,
                    )  # fmt: skip
            label = example.units[channel]
            panel.set_ylabel(f"[{label}]" if label else "")
            lead = f"{example.generator}: " if column == 0 else ""
            panel.set_title(f"{lead}{example.channels[channel]}", fontsize=9)
    for panel in axes[-1]:
        panel.set_xlabel(f"time [{unit}]")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _furthest_off(example: Example) -> NDArray[np.intp]:
    """Channels by distance of the mean windows, in deviations of the real windows."""
    spread = example.real.std(axis=(0, 2)) + 1e-12 * np.abs(example.real).max(axis=(0, 2)) + 1e-30
    gap = np.abs(example.real.mean(axis=0) - example.synthetic.mean(axis=0)).mean(axis=1)
    return np.argsort(-gap / spread, kind="stable")


def _feature_rows(examples: Sequence[Example]) -> Figure:
    """Feature space: mean and spread of every feature."""
    figure = Figure(figsize=(WIDTH, _ROW * len(examples) + 0.6), layout="constrained")
    axes = np.asarray(figure.subplots(len(examples), 1, sharex=True, squeeze=False))[:, 0]
    for panel, example in zip(axes, examples, strict=True):
        index = np.arange(example.real.shape[2])
        for windows, colour, name, dash in (
            (example.real, BLACK, "real", "-"),
            (example.synthetic, VERMILION, "synthetic", "--"),
        ):
            mean, sd = windows[:, 0].mean(axis=0), windows[:, 0].std(axis=0)
            panel.fill_between(index, mean - sd, mean + sd, color=colour, alpha=0.18, linewidth=0)
            panel.plot(index, mean, color=colour, linewidth=0.9, linestyle=dash, label=name)
        panel.set_title(example.generator, fontsize=9)
        panel.set_ylabel("standardised [-]")
    axes[-1].set_xlabel("feature, by number")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure
