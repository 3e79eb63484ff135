"""One look for all figures: readable in print, in grey and to colour-blind eyes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

BLACK, GREY = "#000000", "#6b6b6b"
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE = "#D55E00", "#CC79A7"
"""Okabe & Ito 2008, Color universal design; its yellow is too faint on white and left out."""

WIDTH = 7.6
"""Inches: the text width of the page."""

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
_MARKERS = ("s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
_DASHES = ("-", "--", "-.", ":")

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "svg.hashsalt": "faultsyn",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Look:
    """How one series is drawn, the same in every figure of a report."""

    color: str
    marker: str
    linestyle: str


def looks(names: Sequence[str], plain: str | None = None) -> dict[str, Look]:
    """One look for each name; `plain`, the reference, is black circles with a solid line."""
    found = {}
    others = [name for name in names if name != plain]
    for i, name in enumerate(others):
        found[name] = Look(
            _COLOURS[i % len(_COLOURS)],
            _MARKERS[i % len(_MARKERS)],
            _DASHES[(i + i // len(_MARKERS)) % len(_DASHES)],
        )
    if plain is not None and plain in names:
        found[plain] = Look(BLACK, "o", "-")
    return found


@contextmanager
def styled() -> Iterator[None]:
    """Draw inside this context."""
    with rc_context(_RC):
        yield


def save(figure: Figure, folder: Path, name: str) -> bytes:
    """Write `name`.png and `name`.svg, the same bytes for the same figure; return the PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=170, metadata={"Software": None})
    (folder / f"{name}.png").write_bytes(buffer.getvalue())
    figure.set_layout_engine("none")  # laid out by now; to do it again takes as long as drawing
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
