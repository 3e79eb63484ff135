"""Tooth mesh marked in a drawn spectrum."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from faultsyn.report.style import BLUE
from faultsyn.signal.mesh import Mesh

MESH_CAPTION = "the tooth mesh and its multiples, short: the first two sidebands of its shafts"
_SHORT = 0.12
"""Height of a sideband's mark, as a share of the panel."""


def mark_mesh(
    panel: Axes, meshes: Sequence[Mesh], shaft_hz: float, top_hz: float, hz: float = 1.0
) -> None:
    """Vertical lines at the mesh of each pair, short ones at its sidebands.

    - `shaft_hz`: speed of the shaft that orders count [Hz]; what lies above `top_hz` is left out.
    - `hz`: what one of the axis' unit is in Hz.
    """
    for mesh in meshes:
        for order in mesh.lines():
            if order * shaft_hz < top_hz:
                panel.axvline(order * shaft_hz / hz, color=BLUE, linewidth=0.8, linestyle=":")
        for order in mesh.sidebands():
            if 0 < order * shaft_hz < top_hz:
                panel.axvline(order * shaft_hz / hz, ymax=_SHORT, color=BLUE, linewidth=0.6)


def mesh_text(meshes: Sequence[Mesh]) -> str:
    """What the lines of `mark_mesh` are."""
    return "mesh at order " + ", ".join(f"{m.order:.4g} ({m.name})" for m in meshes)
