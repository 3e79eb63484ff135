"""Figures of a store: how many recordings there are, and an example of every label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.report.mesh_marks import MESH_CAPTION, mark_mesh, mesh_text
from faultsyn.report.style import BLACK, BLUE, WIDTH, looks
from faultsyn.report.window_figures import envelope_orders, mark_orders, orders_text
from faultsyn.signal.bearing import FaultOrders, orders
from faultsyn.signal.mesh import mesh_of
from faultsyn.signal.spectrum import welch_psd
from faultsyn.store import Store

_MOST_LABELS = 6
_MOST_CHANNELS = 8
_MOST_SAMPLES = 1 << 16
_FAST_RATE = 1000.0  # Hz; from here on a stream is drawn as vibration
_SHOWN_S = 0.12
_ROW = 1.5
_LEGEND_LETTERS = 95  # what fits beside one another over the width of the page

Floats = NDArray[np.float64]


def store_figures(store: Store, summary: dict[str, Any]) -> Iterator[tuple[str, str, Figure]]:
    """Name, caption and figure: counts, then every stream with an example of each label."""
    yield "recordings", "Recordings by label; the number of assets at the bar.", _counts(summary)
    rows = example_rows(store)
    for name, info in store.streams.items():
        there = np.asarray(store.stream_files[name].present.any(axis=1))
        own = {label: row for label, row in rows.items() if there[row]}
        if not own:
            continue
        if info.rate >= _FAST_RATE:
            yield (
                f"stream-{name}",
                _vibration_caption(store, name, own),
                _vibration(store, name, own),
            )
        else:
            text = f"Stream {name} at {info.rate:g} Hz: an example of each label over time."
            yield f"stream-{name}", text, _courses(store, name, own)


def example_rows(store: Store) -> dict[str, int]:
    """Label -> row of its first recording that has no flag, else of its first; normal leads.

    Of many labels those with the most recordings.
    """
    labels = store.recordings["label"]
    flags = store.recordings.get("flags", np.full(len(store), ""))
    names, counts = np.unique(labels, return_counts=True)
    order = sorted(zip((-counts).tolist(), names.tolist(), strict=True))
    chosen = [name for _, name in order if name == "normal"]
    chosen += [name for _, name in order if name != "normal"]
    found = {}
    for name in chosen[:_MOST_LABELS]:
        of = np.flatnonzero(labels == name)
        clean = of[flags[of] == ""]
        found[name] = int((clean if len(clean) else of)[0])
    return found


def excerpt(store: Store, name: str, row: int) -> tuple[Floats, tuple[int, ...]]:
    """The middle of a recording, `(n_channels, n_samples)` in its unit, and which channels."""
    file = store.stream_files[name]
    first, last = int(file.offsets[row]), int(file.offsets[row + 1])
    length = min(last - first, _MOST_SAMPLES)
    start = first + (last - first - length) // 2
    there = np.flatnonzero(file.present[row])
    scale = float(file.scale[row])
    samples = file.samples[start : start + length][:, there].astype(np.float64).T
    return samples * (1.0 if np.isnan(scale) else scale), tuple(there.tolist())


def _counts(summary: dict[str, Any]) -> Figure:
    labels = list(summary["labels"].items())[:40]
    figure = Figure(figsize=(WIDTH, 0.9 + 0.24 * len(labels)), layout="constrained")
    panel = figure.subplots()
    panel.barh([name for name, _ in labels], [row["recordings"] for _, row in labels], color=BLUE)
    for place, (_, row) in enumerate(labels):
        panel.annotate(
            f" {row['recordings']} of {row['assets']} assets", (row["recordings"], place),
            va="center", fontsize=8,
        )  # fmt: skip
    panel.invert_yaxis()
    panel.margins(x=0.18)
    panel.grid(axis="y", visible=False)
    panel.set_xlabel("recordings")
    panel.locator_params(axis="x", integer=True)
    return figure


def _vibration_caption(store: Store, name: str, rows: dict[str, int]) -> str:
    examples = ", ".join(str(store.recordings["id"][row]) for row in rows.values())
    return (
        f"Stream {name}, first channel of an example of each label ({examples}): the middle of the "
        "recording, power spectral density, and the squared envelope spectrum above 1 kHz against "
        "orders of the shaft where speed and bearing are known; blue: fault orders of the bearing, "
        f"those of the label dashed; in the density {MESH_CAPTION}, where gears are known."
    )


def _vibration(store: Store, name: str, rows: dict[str, int]) -> Figure:
    info = store.streams[name]
    figure = Figure(figsize=(WIDTH, _ROW * len(rows) + 0.4), layout="constrained")
    axes = np.asarray(figure.subplots(len(rows), 3, sharex="col", squeeze=False))
    for panels, (label, row) in zip(axes, rows.items(), strict=True):
        samples, channels = excerpt(store, name, row)
        x = np.nan_to_num(samples[0])
        unit = info.units[channels[0]] or "unit"
        shown = x[: round(_SHOWN_S * info.rate)]
        panels[0].plot(np.arange(len(shown)) / info.rate, shown, color=BLACK, linewidth=0.5)
        panels[0].set_title(label, fontsize=9)
        panels[0].set_ylabel(f"{info.channels[channels[0]]} [{unit}]")
        freqs, psd = welch_psd(x, info.rate, segment=1024)
        panels[1].plot(freqs[1:] / 1000, 10 * np.log10(psd[1:] + 1e-20), color=BLACK, linewidth=0.7)
        panels[1].set_ylabel(f"dB re {unit}²/Hz")
        _mark_gears(panels[1], store, row, info.rate)
        _envelope_panel(panels[2], store, row, label, x, info.rate)
    axes[-1, 0].set_xlabel("time [s]")
    axes[-1, 1].set_xlabel("frequency [kHz]")
    axes[-1, 2].set_xlabel("order of shaft rotation [-]")
    return figure


def _envelope_panel(
    panel: Axes, store: Store, row: int, label: str, x: Floats, rate: float
) -> None:
    shaft = _shaft_hz(store, row)
    if shaft is None or len(x) < 20 * rate / shaft:
        panel.text(0.5, 0.5, "speed not known", ha="center", transform=panel.transAxes, fontsize=8)
        return
    order, lines = envelope_orders(x[None, None], rate, shaft)
    panel.plot(order, lines, color=BLACK, linewidth=0.6)
    panel.set_ylabel("sq. envelope")
    marks = _fault_orders(store, row)
    if marks is not None:
        mark_orders(panel, marks, label)
        panel.set_title(orders_text(marks), fontsize=6.2, color=BLUE, fontweight="normal")


def _mark_gears(panel: Axes, store: Store, row: int, rate: float) -> None:
    shaft = _shaft_hz(store, row)
    known = [name for name in ("gear", "teeth") if name in store.recordings]
    found = mesh_of({name: store.recordings[name][row] for name in known})
    if shaft is not None and found:
        mark_mesh(panel, found, shaft, rate / 2, hz=1000)
        panel.set_title(mesh_text(found), fontsize=6.2, color=BLUE, fontweight="normal")


def _courses(store: Store, name: str, rows: dict[str, int]) -> Figure:
    info = store.streams[name]
    n = min(len(info.channels), _MOST_CHANNELS)
    across = min(n, 2)
    down = -(-n // across)
    figure = Figure(figsize=(WIDTH, 1.35 * down + 0.7), layout="constrained")
    axes = np.asarray(figure.subplots(down, across, sharex=True, squeeze=False)).ravel()
    look = looks(list(rows), plain="normal")
    for label, row in rows.items():
        samples, channels = excerpt(store, name, row)
        time = np.arange(samples.shape[1]) / info.rate
        for curve, channel in zip(samples, channels, strict=True):
            if channel < n:
                axes[channel].plot(
                    time, curve, color=look[label].color, linestyle=look[label].linestyle,
                    linewidth=0.8, label=label,
                )  # fmt: skip
    for channel, panel in enumerate(axes):
        if channel >= n:
            panel.set_visible(False)
            continue
        unit = info.units[channel]
        panel.set_title(f"{info.channels[channel]}{f' [{unit}]' if unit else ''}", fontsize=8.5)
    for panel in axes[-across:]:
        panel.set_xlabel("time [s]")
    drawn = {text: handle for panel in axes for handle, text in zip(*_legend(panel), strict=True)}
    across = max(1, min(len(drawn), int(_LEGEND_LETTERS / (max(map(len, drawn)) + 8))))
    figure.legend(drawn.values(), drawn.keys(), loc="outside upper center", ncols=across)
    return figure


def _legend(panel: Axes) -> tuple[list[Any], list[str]]:
    handles, texts = panel.get_legend_handles_labels()
    return handles, texts


def _shaft_hz(store: Store, row: int) -> float | None:
    if "rpm" not in store.recordings:
        return None
    rpm = float(store.recordings["rpm"][row])
    return rpm / 60 if np.isfinite(rpm) and rpm > 0 else None


def _fault_orders(store: Store, row: int) -> FaultOrders | None:
    if "bearing" not in store.recordings:
        return None
    try:
        return orders(str(store.recordings["bearing"][row]))
    except InputError:
        return None
